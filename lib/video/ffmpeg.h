// FFmpeg's objects as ours: they free themselves, and what goes wrong is an error that names the
// file.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
}

#include <memory>
#include <string>

#include "tensor/tensor.h"

namespace rn::video {

// Pictures of more pixels are refused: a header of a few bytes may claim any size.
inline constexpr std::int64_t most_pixels = std::int64_t{1} << 26;

template <auto f>
struct Free {
  template <class T>
  void operator()(T* object) const {
    f(&object);
  }
};
struct FreeScaler {
  void operator()(SwsContext* object) const { sws_freeContext(object); }
};
using Frame = std::unique_ptr<AVFrame, Free<av_frame_free>>;
using Packet = std::unique_ptr<AVPacket, Free<av_packet_free>>;
using Codec = std::unique_ptr<AVCodecContext, Free<avcodec_free_context>>;
using Input = std::unique_ptr<AVFormatContext, Free<avformat_close_input>>;
using Scaler = std::unique_ptr<SwsContext, FreeScaler>;

Frame make_frame();
Packet make_packet();
std::string reason(int code);  // what FFmpeg says of its error
void quiet();                  // no lines of FFmpeg's on stderr

// The frame as RGB of this size. Errors: failed.
Tensor to_rgb(Scaler& scaler, const AVFrame& frame, int height, int width);

// Sends `frame` (null: the end) and hands every packet that comes out to `take`. Errors: failed.
template <class F>
void encode(AVCodecContext& codec, const AVFrame* frame, const std::string& name, F&& take) {
  int code = avcodec_send_frame(&codec, frame);
  const Packet packet = make_packet();
  while (code >= 0) {
    code = avcodec_receive_packet(&codec, packet.get());
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return;
    if (code >= 0) take(*packet);
    av_packet_unref(packet.get());
  }
  fail(ErrorKind::failed, "{}: cannot encode: {}", name, reason(code));
}

}  // namespace rn::video
