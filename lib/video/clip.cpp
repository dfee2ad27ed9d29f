#include "video/clip.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "video/ffmpeg.h"

namespace rn::video {

struct Clip::Impl {
  std::string path;
  ClipInfo info;
  int stride = 1;
  Input input;
  Codec codec;
  Scaler scaler;
  Packet packet = make_packet();
  Frame frame = make_frame();
  int stream = -1;
  bool drained = false, cut = false;
  std::int64_t decoded = 0;
  double last = 0;  // seconds from the start to the end of the last picture

  void open(int short_side);
  bool decode();   // one more picture into `frame`
  bool advance();  // to the next that the stride leaves
  void check_frame() const;
};

void Clip::Impl::open(int short_side) {
  quiet();
  AVFormatContext* opened = nullptr;
  // file: keeps a name such as "a:b.avi" from being taken for a protocol, and playlists at home.
  int code = avformat_open_input(&opened, ("file:" + path).c_str(), nullptr, nullptr);
  if (code < 0) {
    fail(ErrorKind::input, "{}: cannot be read as a video: {}", path,
         code == AVERROR_INVALIDDATA ? "no format that FFmpeg knows, or cut off" : reason(code));
  }
  input.reset(opened);
  code = avformat_find_stream_info(opened, nullptr);
  if (code < 0) fail(ErrorKind::input, "{}: cannot be read as a video: {}", path, reason(code));
  const AVCodec* decoder = nullptr;
  stream = av_find_best_stream(opened, AVMEDIA_TYPE_VIDEO, -1, -1, &decoder, 0);
  if (stream < 0 || (opened->streams[stream]->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0) {
    fail(ErrorKind::input, "{}: has no video stream", path);
  }
  const AVStream& at = *opened->streams[stream];
  if (!decoder) {
    fail(ErrorKind::input, "{}: FFmpeg has no decoder for {} here", path,
         avcodec_get_name(at.codecpar->codec_id));
  }
  codec.reset(avcodec_alloc_context3(decoder));
  if (!codec) fail(ErrorKind::failed, "{}: FFmpeg cannot make a decoder", path);
  code = avcodec_parameters_to_context(codec.get(), at.codecpar);
  codec->thread_count = 1;
  codec->max_pixels = most_pixels;
  codec->flags |= AV_CODEC_FLAG_BITEXACT;
  if (code >= 0) code = avcodec_open2(codec.get(), decoder, nullptr);
  if (code < 0) fail(ErrorKind::input, "{}: cannot be decoded: {}", path, reason(code));
  info.codec = decoder->name;
  info.source_height = codec->height;
  info.source_width = codec->width;
  const AVRational rate = av_guess_frame_rate(opened, opened->streams[stream], nullptr);
  info.rate = rate.num > 0 && rate.den > 0 ? av_q2d(rate) / stride : 0;
  if (info.source_height <= 0 || info.source_width <= 0 ||
      info.source_height * info.source_width > most_pixels) {
    fail(ErrorKind::input, "{}: pictures of {} x {} pixels", path, info.source_width,
         info.source_height);
  }
  info.height = info.source_height;
  info.width = info.source_width;
  if (short_side > 0) {
    const std::int64_t shorter = std::min(info.height, info.width);
    const auto scaled = [&](std::int64_t side) {
      const auto to = static_cast<std::int64_t>(
          std::llround(static_cast<double>(side) * short_side / static_cast<double>(shorter)));
      return side == shorter ? short_side : std::max<std::int64_t>(to, 1);
    };
    info.height = scaled(info.height);
    info.width = scaled(info.width);
    if (info.height * info.width > most_pixels) {
      fail(ErrorKind::input, "{}: pictures of {} x {} pixels after resizing", path, info.width,
           info.height);
    }
  }
}

void Clip::Impl::check_frame() const {
  if (frame->height != info.source_height || frame->width != info.source_width) {
    fail(ErrorKind::input, "{}: picture {} is {} x {}, those before it are {} x {}", path, decoded,
         frame->width, frame->height, info.source_width, info.source_height);
  }
  if ((frame->flags & AV_FRAME_FLAG_CORRUPT) != 0 || frame->decode_error_flags != 0) {
    fail(ErrorKind::input, "{}: picture {} is damaged", path, decoded);
  }
}

bool Clip::Impl::decode() {
  for (;;) {
    int code = avcodec_receive_frame(codec.get(), frame.get());
    if (code >= 0) {
      check_frame();
      ++decoded;
      const AVStream& at = *input->streams[stream];
      if (frame->best_effort_timestamp != AV_NOPTS_VALUE) {
        const std::int64_t start = at.start_time != AV_NOPTS_VALUE ? at.start_time : 0;
        last = std::max(
            last, static_cast<double>(frame->best_effort_timestamp - start) * av_q2d(at.time_base));
      }
      return true;
    }
    if (code == AVERROR_EOF) return false;
    if (code != AVERROR(EAGAIN)) {
      fail(ErrorKind::input, "{}: cannot be decoded behind picture {}: {}", path, decoded,
           reason(code));
    }
    if (drained) return false;
    code = av_read_frame(input.get(), packet.get());
    if (code == AVERROR_EOF) {
      drained = true;
      code = avcodec_send_packet(codec.get(), nullptr);
    } else if (code < 0) {
      fail(ErrorKind::input, "{}: cannot be read behind picture {}: {}", path, decoded,
           reason(code));
    } else {
      if (packet->stream_index == stream) {
        if ((packet->flags & AV_PKT_FLAG_CORRUPT) != 0) cut = true;
        code = avcodec_send_packet(codec.get(), packet.get());
      }
      av_packet_unref(packet.get());
    }
    if (code < 0 && code != AVERROR_EOF) {
      fail(ErrorKind::input, "{}: damaged behind picture {}: {}", path, decoded, reason(code));
    }
  }
}

Clip::Clip(const std::string& path, int short_side, int stride) : impl_(std::make_unique<Impl>()) {
  impl_->path = path;
  impl_->stride = stride;
  impl_->open(short_side);
}
Clip::~Clip() = default;
const ClipInfo& Clip::info() const { return impl_->info; }

bool Clip::Impl::advance() {
  while (decode()) {
    if ((decoded - 1) % stride == 0) return true;
  }
  return false;
}

bool Clip::skip() { return impl_->advance(); }

Tensor Clip::next() {
  if (!impl_->advance()) return {};
  return to_rgb(impl_->scaler, *impl_->frame, static_cast<int>(impl_->info.height),
                static_cast<int>(impl_->info.width));
}

bool Clip::truncated() const {
  const AVStream& at = *impl_->input->streams[impl_->stream];
  const double rate = impl_->info.rate * impl_->stride;
  // Containers are not exact about their ends: a tenth may be missing.
  const auto lacks = [](double have, double want) { return have + 2 < 0.9 * want; };
  if (impl_->cut) return true;
  if (at.nb_frames > 0) {
    return lacks(static_cast<double>(impl_->decoded), static_cast<double>(at.nb_frames));
  }
  double seconds = 0;
  if (at.duration > 0) {
    seconds = static_cast<double>(at.duration) * av_q2d(at.time_base);
  } else if (impl_->input->nb_streams == 1 && impl_->input->duration > 0) {
    seconds = static_cast<double>(impl_->input->duration) / AV_TIME_BASE;
  }
  return rate > 0 && lacks(impl_->last * rate, seconds * rate);
}

Counted count_frames(const std::string& path, int short_side, int stride,
                     const std::function<bool()>& stop) {
  Clip clip(path, short_side, stride);
  Counted counted{clip.info()};
  // The first is converted too: so that pixels which FFmpeg cannot convert are told of here.
  for (bool more = clip.next().defined(); more; more = clip.skip()) {
    ++counted.frames;
    if (stop && stop()) return counted;
  }
  if (counted.frames == 0) fail(ErrorKind::input, "{}: holds no picture", path);
  if (clip.truncated()) {
    fail(ErrorKind::input, "{}: ends early, after {} pictures: cut off?", path, counted.frames);
  }
  return counted;
}

}  // namespace rn::video
