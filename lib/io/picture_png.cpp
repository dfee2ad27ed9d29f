// PNG by libpng's simplified interface, which neither jumps nor prints.
#include <png.h>

#include "base/error.h"
#include "io/picture.h"

namespace rn::io {
namespace {

class Image {
 public:
  Image() { image.version = PNG_IMAGE_VERSION; }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
  ~Image() { png_image_free(&image); }
  png_image image{};
};

[[noreturn]] void damaged(const std::string& name, const png_image& image) {
  fail(ErrorKind::input, "{}: a damaged PNG: {}", name, one_line(image.message));
}

void begin(Image& holder, std::span<const std::byte> bytes, const std::string& name) {
  if (!png_image_begin_read_from_memory(&holder.image, bytes.data(), bytes.size())) {
    damaged(name, holder.image);
  }
}

}  // namespace

PictureInfo png_info(std::span<const std::byte> bytes, const std::string& name) {
  Image holder;
  begin(holder, bytes, name);
  return {false, holder.image.height, holder.image.width};
}

void decode_png(std::span<const std::byte> bytes, const std::string& name, Picture& picture) {
  Image holder;
  begin(holder, bytes, name);
  png_image& image = holder.image;
  const bool alpha = (image.format & PNG_FORMAT_FLAG_ALPHA) != 0;
  image.format = alpha ? PNG_FORMAT_RGBA : PNG_FORMAT_RGB;
  picture.height = image.height;
  picture.width = image.width;
  const auto pixels = static_cast<std::size_t>(picture.height * picture.width);
  picture.rgb.resize(pixels * (alpha ? 4 : 3));
  if (!png_image_finish_read(&image, nullptr, picture.rgb.data(), 0, nullptr)) {
    damaged(name, image);
  }
  for (std::size_t p = 0; alpha && p < pixels; ++p) {
    for (std::size_t c = 0; c < 3; ++c) picture.rgb[3 * p + c] = picture.rgb[4 * p + c];
  }
  picture.rgb.resize(3 * pixels);
}

Bytes encode_png(const Picture& picture) {
  Image holder;
  png_image& image = holder.image;
  image.width = static_cast<png_uint_32>(picture.width);
  image.height = static_cast<png_uint_32>(picture.height);
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  const auto write = [&](void* memory) {
    if (!png_image_write_to_memory(&image, memory, &size, 0, picture.rgb.data(), 0, nullptr)) {
      fail(ErrorKind::failed, "PNG: {}", one_line(image.message));
    }
  };
  write(nullptr);  // how much it will be
  Bytes bytes(size);
  write(bytes.data());
  bytes.resize(size);
  return bytes;
}

}  // namespace rn::io
