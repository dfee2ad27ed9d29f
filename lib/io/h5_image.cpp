// Is this a whole HDF5 file? Asked before libhdf5 sees the bytes, so that the answer can be clear.
#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "io/h5_impl.h"

namespace rn::io {
namespace {

constexpr unsigned char signature[] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

// The signature lies at 0, 512, 1024, 2048, ... (a "user block" may come before it).
std::optional<std::size_t> find_signature(std::span<const std::byte> image) {
  for (std::size_t at = 0; at + sizeof signature <= image.size(); at = at == 0 ? 512 : 2 * at) {
    if (std::memcmp(image.data() + at, signature, sizeof signature) == 0) return at;
  }
  return std::nullopt;
}

bool starts_with(std::span<const std::byte> image, std::string_view magic) {
  return image.size() >= magic.size() && std::memcmp(image.data(), magic.data(), magic.size()) == 0;
}

std::string what_it_is(std::span<const std::byte> image) {
  using namespace std::literals;
  if (starts_with(image, "\x1f\x8b"sv)) return "it is gzip-compressed";
  if (starts_with(image, "PK\x03\x04"sv))
    return "it is a zip archive; resnet-convert reads PyTorch's and Keras' weights";
  if (starts_with(image, "\x80\x02"sv))
    return "it is a Python pickle; resnet-convert reads PyTorch's weights";
  if (starts_with(image, "\x89PNG"sv)) return "it is a PNG picture";
  if (starts_with(image, "\x89HDF"sv)) return "it is cut off or damaged in its first bytes";
  const auto head = image.first(std::min<std::size_t>(image.size(), 64));
  const bool text = std::all_of(head.begin(), head.end(), [](std::byte b) {
    const auto c = std::to_integer<unsigned char>(b);
    return (c >= 0x20 && c != 0x7f) || c == '\n' || c == '\r' || c == '\t';
  });
  return text ? "it starts with text" : "its first bytes are not HDF5's";
}

// The address at which the file ends, as its superblock says: nothing where it cannot be told.
std::optional<std::uint64_t> end_of_file(std::span<const std::byte> super) {
  if (super.size() < 16) return std::nullopt;
  const auto byte = [&](std::size_t at) { return std::to_integer<unsigned>(super[at]); };
  const unsigned version = byte(8);
  if (version > 3) return std::nullopt;
  const std::size_t width = version < 2 ? byte(13) : byte(9);
  const std::size_t base = version == 0 ? 24 : version == 1 ? 28 : 12;
  if (width != 8) return std::nullopt;
  const std::size_t at = base + 2 * width;
  if (super.size() < at + width) return std::uint64_t{at + width};  // cut inside the superblock
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < width; ++i) end |= std::uint64_t{byte(at + i)} << (8 * i);
  return end;
}

// Jenkins' lookup3 hash, the checksum of HDF5's metadata ("Metadata Checksum Algorithm" in its
// file format specification).
std::uint32_t checksum(std::span<const std::byte> bytes) {
  const auto word = [&](std::size_t at) {
    std::uint32_t w = 0;
    for (std::size_t i = 0; i < 4 && at + i < bytes.size(); ++i) {
      w |= std::to_integer<std::uint32_t>(bytes[at + i]) << (8 * i);
    }
    return w;
  };
  const auto start = 0xdeadbeefu + static_cast<std::uint32_t>(bytes.size());
  std::uint32_t a = start, b = start, c = start;
  const auto step = [](std::uint32_t& x, std::uint32_t& y, std::uint32_t& z, int turn) {
    x -= y;
    x ^= std::rotl(y, turn);
    y += z;
  };
  const auto last = [](std::uint32_t& x, std::uint32_t y, int turn) {
    x ^= y;
    x -= std::rotl(y, turn);
  };
  std::size_t at = 0;
  for (; bytes.size() - at > 12; at += 12) {
    a += word(at), b += word(at + 4), c += word(at + 8);
    step(a, c, b, 4), step(b, a, c, 6), step(c, b, a, 8);
    step(a, c, b, 16), step(b, a, c, 19), step(c, b, a, 4);
  }
  a += word(at), b += word(at + 4), c += word(at + 8);
  last(c, b, 14), last(a, c, 11), last(b, a, 25), last(c, b, 16);
  last(a, c, 4), last(b, a, 14), last(c, b, 24);
  return c;
}

}  // namespace

void settle_superblock(std::span<std::byte> image) {
  // Version 2: signature, version, three bytes, four addresses, checksum.
  constexpr std::size_t length = 12 + 4 * 8;
  require(image.size() > length + 4 && std::to_integer<int>(image[8]) == 2 &&
              std::to_integer<int>(image[9]) == 8,
          "HDF5 image: an unknown superblock");
  const std::uint32_t sum = checksum(image.first(length));
  for (std::size_t i = 0; i < 4; ++i) {
    image[length + i] = static_cast<std::byte>(sum >> (8 * i));
  }
}

void check_image(std::span<const std::byte> head, std::uint64_t size, const std::string& name,
                 std::string_view expected) {
  if (head.empty()) fail(ErrorKind::input, "{}: is empty; expected {}", name, expected);
  const auto at = find_signature(head);
  if (!at) {
    fail(ErrorKind::input, "{}: not an HDF5 file ({}); expected {}", name, what_it_is(head),
         expected);
  }
  const auto super = head.subspan(*at);
  const std::uint64_t here = size - *at;
  const auto end = end_of_file(super);
  if (super.size() < 16 || (end && *end > here)) {
    fail(ErrorKind::input,
         "{}: truncated HDF5 file ({} bytes are here, {} are missing); make or copy it again", name,
         size, end ? std::to_string(*end - here) : "some");
  }
}

}  // namespace rn::io
