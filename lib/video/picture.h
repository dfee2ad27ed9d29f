// Pictures in memory and in files: what decoding gives, what encoding takes.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "io/h5.h"
#include "tensor/tensor.h"

namespace rn::video {

// Pictures are u8 tensors [H, W, 3], RGB.

// One picture from an image file. Errors: input.
Tensor read_picture(const std::string& path, int short_side = 0);
bool is_picture(const std::string& path);  // by its suffix

// The bytes of a PNG file.
io::Bytes encode_png(const Tensor& picture);

// A film of pictures of one size, encoded in memory (H.264 where FFmpeg has an encoder, else
// MPEG-4), in the container that the suffix of `name` says. The same pictures are the same bytes.
class Film {
 public:
  Film(const std::string& name, std::int64_t height, std::int64_t width, double rate);
  ~Film();
  // Sides must be even: see even().
  void add(const Tensor& picture);
  io::Bytes finish();
  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};
// The picture with its last row or column repeated where its height or width is odd.
Tensor even(const Tensor& picture);

// Brightness of [H, W, 3] as f32 [H, W] on the scale of bytes (ITU-R BT.601).
void to_brightness(const Tensor& picture, float* out);

// FFmpeg's libraries by name and version, for provenance.
std::vector<std::pair<std::string, std::string>> libraries();

}  // namespace rn::video
