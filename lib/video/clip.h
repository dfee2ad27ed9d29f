// Clips as sequences of pictures of one size, through FFmpeg.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "tensor/tensor.h"

namespace rn::video {

struct ClipInfo {
  std::int64_t height = 0, width = 0;                // as pictures come out
  std::int64_t source_height = 0, source_width = 0;  // as they are stored
  double rate = 0;                                   // pictures a second; 0: not known
  std::string codec;
};

// Reads pictures one after the other. Errors (input), each naming the file: unreadable, no video
// stream, damaged pictures, pictures of changing size.
class Clip {
 public:
  // short_side > 0: resized so that the shorter side is that long. stride: every so many-th
  // picture.
  Clip(const std::string& path, int short_side = 0, int stride = 1);
  ~Clip();
  const ClipInfo& info() const;
  // The next picture, u8 [H, W, 3]; undefined behind the last.
  Tensor next();
  // Passes over the next picture, which is decoded and no more; false behind the last.
  bool skip();
  // Whether the file says that it holds clearly more than came out of it; only at the end.
  bool truncated() const;
  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

struct Counted {
  ClipInfo info;
  std::int64_t frames = 0;  // after the stride
};
// Decodes the whole clip once: so that what is wrong with it is known before any work, and how much
// work there is. Errors (input): as of Clip, truncated, no picture. `stop` is polled; true ends it.
Counted count_frames(const std::string& path, int short_side, int stride,
                     const std::function<bool()>& stop = {});

}  // namespace rn::video
