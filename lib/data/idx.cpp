// MNIST and what has its form (Fashion-MNIST, KMNIST): four idx files (LeCun, Cortes and Burges),
// packed with gzip or not.
#include <sys/stat.h>

#include "data/kinds.h"
#include "io/file.h"
#include "io/gzip.h"

namespace rn::data {
namespace {

constexpr std::uint64_t most_bytes = std::uint64_t{1} << 32;  // of one file, unpacked
constexpr const char* home = "https://ossci-datasets.s3.amazonaws.com/mnist/";

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

// "train-images-idx3-ubyte", with a dot in place of the last dash but one, packed or not.
std::string find_file(const std::string& directory, const std::string& stem, int rank) {
  for (const char* dash : {"-idx", ".idx"}) {
    for (const char* end : {"", ".gz"}) {
      const std::string path = fmt::format("{}/{}{}{}-ubyte{}", directory, stem, dash, rank, end);
      if (exists(path)) return path;
    }
  }
  struct stat status {};
  const bool there = ::stat(directory.c_str(), &status) == 0;
  fail(ErrorKind::input, "{}: {}; MNIST's four files are at {}", directory,
       there ? fmt::format("has no {}-idx{}-ubyte, nor with .gz", stem, rank)
             : std::string("no such directory"),
       home);
}

struct Idx {
  std::vector<std::int64_t> shape;
  io::Bytes bytes;     // of the whole file
  std::size_t at = 0;  // where the numbers begin
};

// Header: two zero bytes, 8 (unsigned bytes), the rank, then each extent in 4 bytes, big-endian.
Idx read_idx(const std::string& path, int rank) {
  Idx idx;
  idx.bytes = io::read_unpacked(path, most_bytes);
  const auto byte = [&](std::size_t i) { return std::to_integer<std::int64_t>(idx.bytes[i]); };
  idx.at = 4 + 4 * static_cast<std::size_t>(rank);
  if (idx.bytes.size() < idx.at || byte(0) != 0 || byte(1) != 0 || byte(2) != 8 ||
      byte(3) != rank) {
    fail(ErrorKind::input, "{}: is no idx file of bytes in {} dimensions", path, rank);
  }
  for (std::size_t i = 4; i < idx.at; i += 4) {
    idx.shape.push_back(byte(i) << 24 | byte(i + 1) << 16 | byte(i + 2) << 8 | byte(i + 3));
  }
  const auto claimed = count_elements(idx.shape);
  if (!claimed || static_cast<std::uint64_t>(*claimed) != idx.bytes.size() - idx.at) {
    fail(ErrorKind::input, "{}: {} numbers, but the header says {}; cut short?", path,
         idx.bytes.size() - idx.at, rn::to_string(idx.shape));
  }
  return idx;
}

std::vector<std::string> class_names(std::int64_t classes) {
  std::vector<std::string> names;
  for (std::int64_t k = 0; k < classes; ++k) names.push_back(std::to_string(k));
  return names;
}

}  // namespace

std::unique_ptr<Source> open_mnist(const Request& request) {
  const std::string stem = request.split == Split::test ? "t10k" : "train";
  const std::string images_at = find_file(request.where, stem + "-images", 3);
  const std::string labels_at = find_file(request.where, stem + "-labels", 1);
  const Idx images = read_idx(images_at, 3), labels = read_idx(labels_at, 1);
  if (images.shape[0] != labels.shape[0]) {
    fail(ErrorKind::input, "{}: {} images, but {} labels in {}", images_at, images.shape[0],
         labels.shape[0], labels_at);
  }
  if (images.shape[0] == 0) fail(ErrorKind::input, "{}: holds no images", images_at);
  for (const std::int64_t extent : {images.shape[1], images.shape[2]}) {
    if (extent < 1 || extent > 8192) {
      fail(ErrorKind::input, "{}: images of {}x{} pixels", images_at, images.shape[1],
           images.shape[2]);
    }
  }
  Info info{.uri = request.uri,
            .height = images.shape[1],
            .width = images.shape[2],
            .channels = 1,
            .class_names = class_names(10)};
  const auto count = static_cast<std::size_t>(request.keep(images.shape[0]));
  const auto pixels = static_cast<std::size_t>(info.height * info.width);
  std::vector<std::int32_t> kept(count);
  for (std::size_t i = 0; i < count; ++i) {
    kept[i] = std::to_integer<std::int32_t>(labels.bytes[labels.at + i]);
    if (kept[i] > 9) {
      fail(ErrorKind::input, "{}: label number {} is {}, expected 0 to 9", labels_at, i, kept[i]);
    }
  }
  const auto* from = reinterpret_cast<const std::uint8_t*>(images.bytes.data()) + images.at;
  std::vector<std::uint8_t> bytes(from, from + count * pixels);
  io::Sha256 digest;
  digest.update(std::as_bytes(std::span(bytes)));
  digest.update(std::as_bytes(std::span(kept)));
  info.digest = digest.hex();
  return std::make_unique<MemorySource>(std::move(info), std::move(bytes), std::move(kept));
}

}  // namespace rn::data
