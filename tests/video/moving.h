// Films for tests: a smooth texture that moves by a known distance from picture to picture.
#pragma once

#include <cmath>
#include <string>

#include "video/picture.h"

namespace rn::test {

// The texture moved by (dx, dy).
inline Tensor moved_texture(std::int64_t h, std::int64_t w, double dx, double dy) {
  Tensor picture({h, w, 3}, Dtype::u8, Tag::input);
  for (std::int64_t y = 0; y < h; ++y) {
    for (std::int64_t x = 0; x < w; ++x) {
      const double at_x = static_cast<double>(x) - dx, at_y = static_cast<double>(y) - dy;
      const double value =
          128 + 60 * std::sin(0.35 * at_x + 0.2 * at_y) + 40 * std::cos(0.27 * at_y - 0.11 * at_x);
      for (std::int64_t c = 0; c < 3; ++c) {
        picture.data<std::uint8_t>()[(y * w + x) * 3 + c] =
            static_cast<std::uint8_t>(std::lround(value));
      }
    }
  }
  return picture;
}

// `frames` pictures, each moved by (dx, dy) from the one before, in the container of `name`.
inline io::Bytes moving_film(const std::string& name, int frames, std::int64_t h, std::int64_t w,
                             double dx, double dy) {
  video::Film film(name, h, w, 25);
  for (int i = 0; i < frames; ++i) film.add(moved_texture(h, w, i * dx, i * dy));
  return film.finish();
}

}  // namespace rn::test
