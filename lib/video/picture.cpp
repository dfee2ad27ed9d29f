#include "video/picture.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "video/clip.h"
#include "video/ffmpeg.h"

namespace rn::video {
namespace {

std::string suffix_of(const std::string& path) {
  const std::size_t dot = path.rfind('.'), slash = path.rfind('/');
  if (dot == std::string::npos || (slash != std::string::npos && dot < slash)) return "";
  std::string suffix = path.substr(dot + 1);
  for (char& c : suffix) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return suffix;
}

Frame frame_of(AVPixelFormat format, int height, int width) {
  Frame frame = make_frame();
  frame->format = format;
  frame->height = height;
  frame->width = width;
  const int code = av_frame_get_buffer(frame.get(), 0);
  if (code < 0) fail(ErrorKind::failed, "FFmpeg: no memory for a picture: {}", reason(code));
  return frame;
}

void fill_rgb(AVFrame& frame, const Tensor& picture) {
  const auto row = static_cast<std::size_t>(3 * picture.dim(1));
  for (std::int64_t y = 0; y < picture.dim(0); ++y) {
    std::memcpy(frame.data[0] + y * frame.linesize[0], picture.data<std::uint8_t>() + y * row, row);
  }
}

void check_picture(const Tensor& picture) {
  require(picture.defined() && picture.dtype() == Dtype::u8 && picture.rank() == 3 &&
              picture.dim(2) == 3 && picture.size() > 0 &&
              picture.dim(0) * picture.dim(1) <= most_pixels,
          "a picture is {}, expected uint8 [H, W, 3]", picture);
}

Codec make_encoder(const AVCodec* encoder, const std::string& name) {
  if (!encoder) fail(ErrorKind::failed, "{}: FFmpeg has no encoder for this here", name);
  Codec codec(avcodec_alloc_context3(encoder));
  if (!codec) fail(ErrorKind::failed, "{}: FFmpeg cannot make an encoder", name);
  codec->thread_count = 1;  // bytes must not depend on the machine
  codec->flags |= AV_CODEC_FLAG_BITEXACT;
  codec->time_base = {1, 25};
  return codec;
}

}  // namespace

bool is_picture(const std::string& path) {
  const std::string suffix = suffix_of(path);
  for (const char* known : {"png", "jpg", "jpeg", "bmp", "ppm", "pgm", "tif", "tiff", "webp"}) {
    if (suffix == known) return true;
  }
  return false;
}

Tensor read_picture(const std::string& path, int short_side) {
  Clip clip(path, short_side);
  const Tensor picture = clip.next();
  if (!picture) fail(ErrorKind::input, "{}: holds no picture", path);
  return picture;
}

io::Bytes encode_png(const Tensor& picture) {
  check_picture(picture);
  quiet();
  const auto height = static_cast<int>(picture.dim(0)), width = static_cast<int>(picture.dim(1));
  const AVCodec* encoder = avcodec_find_encoder(AV_CODEC_ID_PNG);
  const Codec codec = make_encoder(encoder, "PNG");
  codec->pix_fmt = AV_PIX_FMT_RGB24;
  codec->height = height;
  codec->width = width;
  const int code = avcodec_open2(codec.get(), encoder, nullptr);
  if (code < 0) fail(ErrorKind::failed, "PNG: cannot encode: {}", reason(code));
  const Frame frame = frame_of(AV_PIX_FMT_RGB24, height, width);
  fill_rgb(*frame, picture);
  io::Bytes bytes;
  const auto take = [&](const AVPacket& packet) {
    const auto* at = reinterpret_cast<const std::byte*>(packet.data);
    bytes.insert(bytes.end(), at, at + packet.size);
  };
  encode(*codec, frame.get(), "PNG", take);
  encode(*codec, nullptr, "PNG", take);
  return bytes;
}

struct Film::Impl {
  std::string name;
  AVFormatContext* output = nullptr;
  Codec codec;
  AVStream* stream = nullptr;
  Scaler scaler;
  std::int64_t height = 0, width = 0, next = 0;

  ~Impl() {
    if (!output) return;
    if (output->pb) {
      std::uint8_t* memory = nullptr;
      avio_close_dyn_buf(output->pb, &memory);
      av_free(memory);
    }
    avformat_free_context(output);
  }
  void check(int code) const {
    if (code < 0) fail(ErrorKind::failed, "{}: cannot encode: {}", name, reason(code));
  }
  void write(const AVFrame* frame) {
    encode(*codec, frame, name, [&](AVPacket& packet) {
      av_packet_rescale_ts(&packet, codec->time_base, stream->time_base);
      packet.stream_index = stream->index;
      check(av_interleaved_write_frame(output, &packet));
    });
  }
};

Film::Film(const std::string& name, std::int64_t height, std::int64_t width, double rate)
    : impl_(std::make_unique<Impl>()) {
  quiet();
  Impl& to = *impl_;
  to.name = name;
  to.height = height;
  to.width = width;
  require(
      height > 0 && width > 0 && height % 2 == 0 && width % 2 == 0 && height * width <= most_pixels,
      "Film: {} x {} pixels", width, height);
  if (avformat_alloc_output_context2(&to.output, nullptr, nullptr, name.c_str()) < 0) {
    fail(ErrorKind::usage, "{}: no kind of film that FFmpeg can write; .mp4 and .mkv are", name);
  }
  to.output->flags |= AVFMT_FLAG_BITEXACT;
  const AVCodec* encoder = avcodec_find_encoder_by_name("libx264");
  if (!encoder) encoder = avcodec_find_encoder(AV_CODEC_ID_MPEG4);
  to.codec = make_encoder(encoder, name);
  to.codec->pix_fmt = AV_PIX_FMT_YUV420P;
  to.codec->height = static_cast<int>(height);
  to.codec->width = static_cast<int>(width);
  const AVRational per_second = av_d2q(rate > 0 && rate < 1000 ? rate : 25, 100000);
  to.codec->framerate = per_second;
  to.codec->time_base = av_inv_q(per_second);
  if (encoder->id == AV_CODEC_ID_H264) {
    av_opt_set(to.codec->priv_data, "crf", "18", 0);
    av_opt_set(to.codec->priv_data, "preset", "fast", 0);
  } else {
    to.codec->flags |= AV_CODEC_FLAG_QSCALE;
    to.codec->global_quality = 3 * FF_QP2LAMBDA;
  }
  if ((to.output->oformat->flags & AVFMT_GLOBALHEADER) != 0) {
    to.codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  }
  to.check(avcodec_open2(to.codec.get(), encoder, nullptr));
  to.stream = avformat_new_stream(to.output, nullptr);
  if (!to.stream) fail(ErrorKind::failed, "{}: cannot encode: no memory", name);
  to.stream->time_base = to.codec->time_base;
  to.stream->avg_frame_rate = per_second;
  to.check(avcodec_parameters_from_context(to.stream->codecpar, to.codec.get()));
  to.check(avio_open_dyn_buf(&to.output->pb));
  to.check(avformat_write_header(to.output, nullptr));
}
Film::~Film() = default;

void Film::add(const Tensor& picture) {
  check_picture(picture);
  Impl& to = *impl_;
  require(picture.dim(0) == to.height && picture.dim(1) == to.width, "Film: a picture is {}",
          picture);
  const auto height = static_cast<int>(to.height), width = static_cast<int>(to.width);
  const Frame frame = frame_of(AV_PIX_FMT_YUV420P, height, width);
  // The converter reads whole vectors: from rows with room behind them.
  const Frame source = frame_of(AV_PIX_FMT_RGB24, height, width);
  fill_rgb(*source, picture);
  to.scaler.reset(sws_getCachedContext(
      to.scaler.release(), width, height, AV_PIX_FMT_RGB24, width, height, AV_PIX_FMT_YUV420P,
      SWS_AREA | SWS_ACCURATE_RND | SWS_BITEXACT, nullptr, nullptr, nullptr));
  if (!to.scaler) fail(ErrorKind::failed, "{}: FFmpeg cannot convert from RGB", to.name);
  sws_scale(to.scaler.get(), source->data, source->linesize, 0, height, frame->data,
            frame->linesize);
  frame->pts = to.next++;
  to.write(frame.get());
}

io::Bytes Film::finish() {
  Impl& to = *impl_;
  to.write(nullptr);
  to.check(av_write_trailer(to.output));
  std::uint8_t* memory = nullptr;
  const int size = avio_close_dyn_buf(to.output->pb, &memory);
  to.output->pb = nullptr;
  const auto* begin = reinterpret_cast<const std::byte*>(memory);
  io::Bytes bytes(begin, begin + size);
  av_free(memory);
  return bytes;
}

Tensor even(const Tensor& picture) {
  const std::int64_t h = picture.dim(0), w = picture.dim(1);
  if (h % 2 == 0 && w % 2 == 0) return picture;
  const Tensor out({h + h % 2, w + w % 2, 3}, Dtype::u8, Tag::workspace);
  for (std::int64_t y = 0; y < out.dim(0); ++y) {
    const std::uint8_t* row = picture.data<std::uint8_t>() + std::min(y, h - 1) * 3 * w;
    std::uint8_t* to = out.data<std::uint8_t>() + y * 3 * out.dim(1);
    std::copy_n(row, 3 * w, to);
    if (w % 2 == 1) std::copy_n(row + 3 * (w - 1), 3, to + 3 * w);
  }
  return out;
}

void to_brightness(const Tensor& picture, float* out) {
  check_picture(picture);
  const std::uint8_t* at = picture.data<std::uint8_t>();
  for (std::int64_t i = 0; i < picture.dim(0) * picture.dim(1); ++i, at += 3) {
    // In 1/2^14, rounded to a whole number as the files that others make are.
    out[i] = static_cast<float>((4899 * at[0] + 9617 * at[1] + 1868 * at[2] + 8192) >> 14);
  }
}

std::vector<std::pair<std::string, std::string>> libraries() {
  const auto text = [](unsigned version) {
    return fmt::format("{}.{}.{}", version >> 16, version >> 8 & 255, version & 255);
  };
  return {{"libavformat", text(avformat_version())},
          {"libavcodec", text(avcodec_version())},
          {"libswscale", text(swscale_version())}};
}

}  // namespace rn::video
