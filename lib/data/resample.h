// Windows of images, brought to another size.
#pragma once

#include <cstdint>
#include <span>

namespace rn::data {

// A part of an image, in its pixels; fractions are allowed.
struct Window {
  double y = 0, x = 0, height = 0, width = 0;
};

// out [height, width, channels] := the window of image [rows, columns, channels], by triangle
// filters as wide as the reduction (bilinear with antialiasing: PIL's resize with a box, and
// torchvision's). Nothing outside the window is looked at. Rounded to the nearest.
void resample(std::span<const std::uint8_t> image, std::int64_t rows, std::int64_t columns,
              std::int64_t channels, const Window& window, std::span<std::uint8_t> out,
              std::int64_t height, std::int64_t width);

}  // namespace rn::data
