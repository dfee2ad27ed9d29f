// JPEG by libjpeg-turbo. It reports errors by longjmp: between setjmp and the end of a function
// there is nothing that has a destructor.
// libjpeg's headers want those of C before them:
// clang-format off
#include <csetjmp>
#include <cstddef>
#include <cstdio>

#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include "base/error.h"
#include "io/picture.h"

namespace rn::io {
namespace {

struct Failure {
  jpeg_error_mgr base;
  std::jmp_buf where;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void on_error(j_common_ptr info) {
  auto* failure = reinterpret_cast<Failure*>(info->err);
  failure->base.format_message(info, failure->message);
  std::longjmp(failure->where, 1);
}

// Files with a little rubbish in them are common and readable; one that is cut short is not what
// it was.
void on_message(j_common_ptr info, int level) {
  if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF) on_error(info);
}

void on_output(j_common_ptr) {}

void prepare(jpeg_decompress_struct& info, Failure& failure) {
  info.err = jpeg_std_error(&failure.base);
  failure.base.error_exit = on_error;
  failure.base.emit_message = on_message;
  failure.base.output_message = on_output;
}

bool read_header(jpeg_decompress_struct& info, Failure& failure, std::span<const std::byte> bytes,
                 PictureInfo& found) {
  if (setjmp(failure.where)) return false;
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&info, TRUE);
  found = {true, static_cast<std::int64_t>(info.image_height),
           static_cast<std::int64_t>(info.image_width)};
  return true;
}

bool start(jpeg_decompress_struct& info, Failure& failure, int shrink) {
  if (setjmp(failure.where)) return false;
  const bool four = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  info.out_color_space = four ? JCS_CMYK : JCS_RGB;
  info.scale_num = 1;
  info.scale_denom = static_cast<unsigned>(shrink);
  info.dct_method = JDCT_ISLOW;
  jpeg_start_decompress(&info);
  return true;
}

// Rows of `channels` bytes a pixel, one after the other.
bool read_rows(jpeg_decompress_struct& info, Failure& failure, unsigned char* out) {
  if (setjmp(failure.where)) return false;
  const std::size_t row = static_cast<std::size_t>(info.output_width) *
                          static_cast<std::size_t>(info.output_components);
  while (info.output_scanline < info.output_height) {
    unsigned char* line = out + row * info.output_scanline;
    jpeg_read_scanlines(&info, &line, 1);
  }
  jpeg_finish_decompress(&info);
  return true;
}

class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> bytes) : bytes_(bytes) { prepare(info, failure); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { jpeg_destroy_decompress(&info); }
  bool header(PictureInfo& found) { return read_header(info, failure, bytes_, found); }

  jpeg_decompress_struct info{};
  Failure failure{};

 private:
  std::span<const std::byte> bytes_;
};

[[noreturn]] void damaged(const std::string& name, const Failure& failure) {
  fail(ErrorKind::input, "{}: a damaged JPEG: {}", name, one_line(failure.message));
}

// Adobe's CMYK is stored inverted.
void cmyk_to_rgb(std::span<const std::uint8_t> cmyk, bool inverted, std::uint8_t* rgb) {
  for (std::size_t p = 0; p + 3 < cmyk.size(); p += 4, rgb += 3) {
    const int k = inverted ? cmyk[p + 3] : 255 - cmyk[p + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      const int ink = inverted ? cmyk[p + c] : 255 - cmyk[p + c];
      rgb[c] = static_cast<std::uint8_t>((ink * k + 127) / 255);
    }
  }
}

}  // namespace

PictureInfo jpeg_info(std::span<const std::byte> bytes, const std::string& name) {
  Decoder decoder(bytes);
  PictureInfo found;
  if (!decoder.header(found)) damaged(name, decoder.failure);
  return found;
}

void decode_jpeg(std::span<const std::byte> bytes, const std::string& name, int shrink,
                 Picture& picture) {
  Decoder decoder(bytes);
  PictureInfo found;
  if (!decoder.header(found) || !start(decoder.info, decoder.failure, shrink)) {
    damaged(name, decoder.failure);
  }
  picture.height = decoder.info.output_height;
  picture.width = decoder.info.output_width;
  const auto pixels = static_cast<std::size_t>(picture.height * picture.width);
  picture.rgb.resize(3 * pixels);
  if (decoder.info.output_components == 3) {
    if (!read_rows(decoder.info, decoder.failure, picture.rgb.data())) {
      damaged(name, decoder.failure);
    }
    return;
  }
  if (decoder.info.output_components != 4) {
    fail(ErrorKind::input, "{}: a JPEG of {} colours", name, decoder.info.output_components);
  }
  std::vector<std::uint8_t> cmyk(4 * pixels);
  if (!read_rows(decoder.info, decoder.failure, cmyk.data())) damaged(name, decoder.failure);
  cmyk_to_rgb(cmyk, decoder.info.saw_Adobe_marker != 0, picture.rgb.data());
}

}  // namespace rn::io
