#include "io/picture.h"

namespace rn::io {
namespace {

bool begins(std::span<const std::byte> bytes, std::initializer_list<int> with) {
  if (bytes.size() < with.size()) return false;
  std::size_t i = 0;
  for (const int b : with) {
    if (std::to_integer<int>(bytes[i++]) != b) return false;
  }
  return true;
}

bool is_jpeg(std::span<const std::byte> bytes) { return begins(bytes, {0xff, 0xd8, 0xff}); }
bool is_png(std::span<const std::byte> bytes) { return begins(bytes, {0x89, 'P', 'N', 'G'}); }

}  // namespace

PictureInfo picture_info(std::span<const std::byte> bytes, const std::string& name) {
  PictureInfo info;
  if (is_jpeg(bytes)) {
    info = jpeg_info(bytes, name);
  } else if (is_png(bytes)) {
    info = png_info(bytes, name);
  } else {
    fail(ErrorKind::input, "{}: is neither JPEG nor PNG", name);
  }
  if (info.height < 1 || info.width < 1 || info.height > most_pixels / info.width) {
    fail(ErrorKind::input, "{}: an image of {}x{} pixels", name, info.height, info.width);
  }
  return info;
}

void decode_picture(std::span<const std::byte> bytes, const std::string& name, int shrink,
                    Picture& picture) {
  if (picture_info(bytes, name).jpeg) return decode_jpeg(bytes, name, shrink, picture);
  decode_png(bytes, name, picture);
}

}  // namespace rn::io
