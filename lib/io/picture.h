// JPEG and PNG images, by libjpeg-turbo and libpng. Only picture_*.cpp include their headers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/h5.h"

namespace rn::io {

// RGB bytes, row by row.
struct Picture {
  std::int64_t height = 0, width = 0;
  std::vector<std::uint8_t> rgb;
};

struct PictureInfo {
  bool jpeg = false;  // else PNG
  std::int64_t height = 0, width = 0;
};

constexpr std::int64_t most_pixels = std::int64_t{1} << 28;

// What a file says of itself, by its first bytes and header. `name` is for messages. Errors
// (input): neither JPEG nor PNG, damaged, more than most_pixels.
PictureInfo picture_info(std::span<const std::byte> bytes, const std::string& name);

// Grey and CMYK become RGB, transparency is passed over, 16 bits become 8. A JPEG can be decoded at
// 1/2, 1/4 or 1/8 of its size (rounded up), which is a good deal faster; a PNG is always whole. The
// memory of `picture` is used again. Errors (input): damaged or cut short.
void decode_picture(std::span<const std::byte> bytes, const std::string& name, int shrink,
                    Picture& picture);

// Errors: failed.
Bytes encode_png(const Picture& picture);

// Parts of the above, by format.
PictureInfo jpeg_info(std::span<const std::byte> bytes, const std::string& name);
void decode_jpeg(std::span<const std::byte> bytes, const std::string& name, int shrink,
                 Picture& picture);
PictureInfo png_info(std::span<const std::byte> bytes, const std::string& name);
void decode_png(std::span<const std::byte> bytes, const std::string& name, Picture& picture);

}  // namespace rn::io
