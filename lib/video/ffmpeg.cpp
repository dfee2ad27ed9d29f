#include "video/ffmpeg.h"

#include <algorithm>
#include <mutex>
#include <new>

namespace rn::video {

Frame make_frame() {
  Frame frame(av_frame_alloc());
  if (!frame) throw std::bad_alloc();
  return frame;
}

Packet make_packet() {
  Packet packet(av_packet_alloc());
  if (!packet) throw std::bad_alloc();
  return packet;
}

std::string reason(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return text;
}

void quiet() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_level(AV_LOG_QUIET); });
}

Tensor to_rgb(Scaler& scaler, const AVFrame& frame, int height, int width) {
  const bool same = height == frame.height && width == frame.width;
  // Down: the mean over what a pixel covers; bit-exact: the same on every processor.
  const int how = (same ? SWS_BILINEAR : SWS_AREA) | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT |
                  SWS_FULL_CHR_H_INP | SWS_BITEXACT;
  scaler.reset(sws_getCachedContext(scaler.release(), frame.width, frame.height,
                                    static_cast<AVPixelFormat>(frame.format), width, height,
                                    AV_PIX_FMT_RGB24, how, nullptr, nullptr, nullptr));
  if (!scaler) fail(ErrorKind::failed, "FFmpeg cannot convert these pictures to RGB");
  // Rows with room behind them: the converter writes whole vectors.
  const int stride = (3 * width + 63) / 64 * 64;
  Tensor padded({height, stride}, Dtype::u8, Tag::input);
  std::uint8_t* planes[4] = {padded.data<std::uint8_t>(), nullptr, nullptr, nullptr};
  const int strides[4] = {stride, 0, 0, 0};
  if (sws_scale(scaler.get(), frame.data, frame.linesize, 0, frame.height, planes, strides) < 0) {
    fail(ErrorKind::failed, "FFmpeg cannot convert these pictures to RGB");
  }
  Tensor picture({height, width, 3}, Dtype::u8, Tag::input);
  for (int y = 0; y < height; ++y) {
    std::copy_n(planes[0] + static_cast<std::ptrdiff_t>(y) * stride, 3 * width,
                picture.data<std::uint8_t>() + static_cast<std::ptrdiff_t>(y) * 3 * width);
  }
  return picture;
}

}  // namespace rn::video
