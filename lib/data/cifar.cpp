// CIFAR-10, binary version (Krizhevsky 2009): records of one label byte and 3 planes of 32x32.
#include <sys/stat.h>

#include <algorithm>

#include "base/parallel.h"
#include "data/kinds.h"
#include "io/file.h"

namespace rn::data {
namespace {

constexpr std::int64_t side = 32, plane = side * side, pixels = 3 * plane, record = 1 + pixels;
constexpr std::int64_t most_records = 10000;  // in one file
constexpr const char* home = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz";

std::int64_t size_of_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return -1;
  return status.st_size;
}

// The directory itself, or the one in it that the archive unpacks to.
std::string find_directory(const std::string& where) {
  struct stat status {};
  if (::stat(where.c_str(), &status) != 0) {
    fail(ErrorKind::input, "cifar10:{}: no such directory; {} unpacks to one", where, home);
  }
  if (!S_ISDIR(status.st_mode)) {
    fail(ErrorKind::input, "cifar10:{}: is a file; name the directory that it unpacks to", where);
  }
  for (const char* inside : {"", "/cifar-10-batches-bin"}) {
    for (const char* file : {"/data_batch_1.bin", "/test_batch.bin"}) {
      if (size_of_file(where + inside + file) >= 0) return where + inside;
    }
  }
  const bool python = size_of_file(where + "/data_batch_1") >= 0 ||
                      size_of_file(where + "/cifar-10-batches-py/data_batch_1") >= 0;
  fail(ErrorKind::input, "cifar10:{}: {}; the binary version is {}", where,
       python ? "this is the Python version" : "has no data_batch_1.bin", home);
}

std::int64_t records_in(const std::string& path) {
  const std::int64_t size = size_of_file(path);
  if (size < 0) fail(ErrorKind::input, "{}: missing", path);
  if (size == 0) fail(ErrorKind::input, "{}: is empty", path);
  if (size % record != 0) {
    fail(ErrorKind::input, "{}: {} bytes are no whole number of {}-byte records; cut short?", path,
         size, record);
  }
  if (size > most_records * record) {
    fail(ErrorKind::input, "{}: {} bytes are too many for CIFAR-10 ({} at the most)", path, size,
         most_records * record);
  }
  return size / record;
}

std::vector<std::string> class_names(const std::string& directory) {
  const std::string path = directory + "/batches.meta.txt";
  if (size_of_file(path) < 0) {
    return {"airplane", "automobile", "bird",  "cat",  "deer",
            "dog",      "frog",       "horse", "ship", "truck"};
  }
  std::vector<std::string> names;
  std::string name;
  for (const std::byte b : io::read_file(path)) {
    const char c = std::to_integer<char>(b);
    if (c != '\n') {
      if (static_cast<unsigned char>(c) >= 0x20) name += c;
    } else if (!name.empty()) {
      names.push_back(std::exchange(name, ""));
    }
  }
  if (!name.empty()) names.push_back(name);
  if (names.size() != 10) {
    fail(ErrorKind::input, "{}: names {} classes, CIFAR-10 has 10", path, names.size());
  }
  return names;
}

// Reads the first labels.size() of the `here` records that a file was seen to have; returns their
// digest.
std::string read_records(const std::string& path, std::size_t here, std::span<std::int32_t> labels,
                         std::span<std::uint8_t> images) {
  const io::Bytes bytes = io::read_file(path);
  if (bytes.size() != here * record) fail(ErrorKind::input, "{}: changed while read", path);
  for (std::size_t r = 0; r < labels.size(); ++r) {
    const auto* in = reinterpret_cast<const std::uint8_t*>(bytes.data()) + r * record;
    if (in[0] > 9) {
      fail(ErrorKind::input, "{}: record {} has label {}, CIFAR-10 has 0 to 9", path, r, in[0]);
    }
    labels[r] = in[0];
    std::uint8_t* out = images.data() + r * pixels;
    for (std::int64_t p = 0; p < plane; ++p) {
      for (std::int64_t c = 0; c < 3; ++c) out[3 * p + c] = in[1 + c * plane + p];
    }
  }
  return io::sha256(std::span(bytes).first(labels.size() * record));
}

}  // namespace

std::unique_ptr<Source> open_cifar10(const Request& request) {
  const std::string directory = find_directory(request.where);
  std::vector<std::string> paths;
  if (request.split == Split::test) {
    paths.push_back(directory + "/test_batch.bin");
  } else {
    for (int i = 1; i <= 5; ++i) {
      paths.push_back(fmt::format("{}/data_batch_{}.bin", directory, i));
    }
  }
  // All files are looked at before the first is read.
  std::vector<std::size_t> first = {0};
  for (const std::string& path : paths) {
    first.push_back(first.back() + static_cast<std::size_t>(records_in(path)));
  }
  const auto count =
      static_cast<std::size_t>(request.keep(static_cast<std::int64_t>(first.back())));

  Info info{.uri = request.uri, .height = side, .width = side, .channels = 3};
  info.class_names = class_names(directory);
  std::vector<std::uint8_t> images(count * pixels);
  std::vector<std::int32_t> labels(count);
  std::vector<std::string> digests(paths.size());
  parallel_for(static_cast<int>(paths.size()), [&](int i) {
    const auto file = static_cast<std::size_t>(i);
    const std::size_t begin = std::min(first[file], count), end = std::min(first[file + 1], count);
    if (begin == end) return;
    digests[file] = read_records(paths[file], first[file + 1] - first[file],
                                 std::span(labels).subspan(begin, end - begin),
                                 std::span(images).subspan(begin * pixels, (end - begin) * pixels));
  });
  std::string all;
  for (const std::string& digest : digests) all += digest;
  info.digest = io::sha256(std::as_bytes(std::span(all)));
  return std::make_unique<MemorySource>(std::move(info), std::move(images), std::move(labels));
}

}  // namespace rn::data
