// CIFAR-10 and CIFAR-100, binary versions (Krizhevsky 2009): records of one label byte, or of a
// coarse and a fine one, and 3 planes of 32x32.
#include <sys/stat.h>

#include <algorithm>

#include "base/parallel.h"
#include "data/kinds.h"
#include "data/query.h"
#include "io/file.h"

namespace rn::data {
namespace {

constexpr std::int64_t side = 32, plane = side * side, pixels = 3 * plane;

// One of the two sets.
struct Set {
  const char* kind;   // of the URI
  const char* name;   // for people
  const char* home;   // where it is from
  const char* inner;  // the directory that the archive unpacks to, and that of the Python version
  const char* python;
  const char* python_file;
  std::vector<const char*> train;
  const char* test;
  const char* names;  // of classes, a line each
  std::int64_t label_bytes, label_at, classes;
  std::int64_t most_records;  // in one file
  std::int64_t record() const { return label_bytes + pixels; }
};

Set cifar10() {
  return {.kind = "cifar10",
          .name = "CIFAR-10",
          .home = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
          .inner = "/cifar-10-batches-bin",
          .python = "/cifar-10-batches-py",
          .python_file = "/data_batch_1",
          .train = {"/data_batch_1.bin", "/data_batch_2.bin", "/data_batch_3.bin",
                    "/data_batch_4.bin", "/data_batch_5.bin"},
          .test = "/test_batch.bin",
          .names = "/batches.meta.txt",
          .label_bytes = 1,
          .label_at = 0,
          .classes = 10,
          .most_records = 10000};
}

Set cifar100(bool coarse) {
  return {.kind = "cifar100",
          .name = "CIFAR-100",
          .home = "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
          .inner = "/cifar-100-binary",
          .python = "/cifar-100-python",
          .python_file = "/train",
          .train = {"/train.bin"},
          .test = "/test.bin",
          .names = coarse ? "/coarse_label_names.txt" : "/fine_label_names.txt",
          .label_bytes = 2,
          .label_at = coarse ? 0 : 1,
          .classes = coarse ? 20 : 100,
          .most_records = 50000};
}

std::int64_t size_of_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return -1;
  return status.st_size;
}

// The directory itself, or the one in it that the archive unpacks to.
std::string find_directory(const Set& set, const std::string& where) {
  struct stat status {};
  if (::stat(where.c_str(), &status) != 0) {
    fail(ErrorKind::input, "{}:{}: no such directory; {} unpacks to one", set.kind, where,
         set.home);
  }
  if (!S_ISDIR(status.st_mode)) {
    fail(ErrorKind::input, "{}:{}: is a file; name the directory that it unpacks to", set.kind,
         where);
  }
  for (const std::string inside : {"", set.inner}) {
    for (const char* file : {set.train[0], set.test}) {
      if (size_of_file(where + inside + file) >= 0) return where + inside;
    }
  }
  const bool python = size_of_file(where + set.python_file) >= 0 ||
                      size_of_file(where + set.python + set.python_file) >= 0;
  fail(ErrorKind::input, "{}:{}: {}; the binary version is {}", set.kind, where,
       python ? "this is the Python version" : fmt::format("has no {}", set.train[0] + 1),
       set.home);
}

std::int64_t records_in(const Set& set, const std::string& path) {
  const std::int64_t size = size_of_file(path);
  if (size < 0) fail(ErrorKind::input, "{}: missing", path);
  if (size == 0) fail(ErrorKind::input, "{}: is empty", path);
  if (size % set.record() != 0) {
    fail(ErrorKind::input, "{}: {} bytes are no whole number of {}-byte records; cut short?", path,
         size, set.record());
  }
  if (size > set.most_records * set.record()) {
    fail(ErrorKind::input, "{}: {} bytes are too many for {} ({} at the most)", path, size,
         set.name, set.most_records * set.record());
  }
  return size / set.record();
}

// Where the file of names is missing.
std::vector<std::string> usual_names(const Set& set) {
  if (set.classes == 10) {
    return {"airplane", "automobile", "bird",  "cat",  "deer",
            "dog",      "frog",       "horse", "ship", "truck"};
  }
  std::vector<std::string> names;
  for (std::int64_t k = 0; k < set.classes; ++k) names.push_back(fmt::format("class{}", k));
  return names;
}

std::vector<std::string> class_names(const Set& set, const std::string& directory) {
  const std::string path = directory + set.names;
  if (size_of_file(path) < 0) return usual_names(set);
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
  if (static_cast<std::int64_t>(names.size()) != set.classes) {
    fail(ErrorKind::input, "{}: names {} classes, {} has {}", path, names.size(), set.name,
         set.classes);
  }
  return names;
}

// Reads the first labels.size() of the `here` records that a file was seen to have; returns their
// digest.
std::string read_records(const Set& set, const std::string& path, std::size_t here,
                         std::span<std::int32_t> labels, std::span<std::uint8_t> images) {
  const auto record = static_cast<std::size_t>(set.record());
  const io::Bytes bytes = io::read_file(path);
  if (bytes.size() != here * record) fail(ErrorKind::input, "{}: changed while read", path);
  for (std::size_t r = 0; r < labels.size(); ++r) {
    const auto* in = reinterpret_cast<const std::uint8_t*>(bytes.data()) + r * record;
    labels[r] = in[set.label_at];
    if (labels[r] >= set.classes) {
      fail(ErrorKind::input, "{}: record {} has label {}, {} has 0 to {}", path, r, labels[r],
           set.name, set.classes - 1);
    }
    std::uint8_t* out = images.data() + r * pixels;
    for (std::int64_t p = 0; p < plane; ++p) {
      for (std::int64_t c = 0; c < 3; ++c) out[3 * p + c] = in[set.label_bytes + c * plane + p];
    }
  }
  return io::sha256(std::span(bytes).first(labels.size() * record));
}

std::unique_ptr<Source> open(const Set& set, const std::string& where, const Request& request) {
  const std::string directory = find_directory(set, where);
  std::vector<std::string> paths;
  if (request.split == Split::test) {
    paths.push_back(directory + set.test);
  } else {
    for (const char* file : set.train) paths.push_back(directory + file);
  }
  // All files are looked at before the first is read.
  std::vector<std::size_t> first = {0};
  for (const std::string& path : paths) {
    first.push_back(first.back() + static_cast<std::size_t>(records_in(set, path)));
  }
  const auto count =
      static_cast<std::size_t>(request.keep(static_cast<std::int64_t>(first.back())));

  Info info{.uri = request.uri, .height = side, .width = side, .channels = 3};
  info.class_names = class_names(set, directory);
  std::vector<std::uint8_t> images(count * pixels);
  std::vector<std::int32_t> labels(count);
  std::vector<std::string> digests(paths.size());
  parallel_for(static_cast<int>(paths.size()), [&](int i) {
    const auto file = static_cast<std::size_t>(i);
    const std::size_t begin = std::min(first[file], count), end = std::min(first[file + 1], count);
    if (begin == end) return;
    digests[file] = read_records(set, paths[file], first[file + 1] - first[file],
                                 std::span(labels).subspan(begin, end - begin),
                                 std::span(images).subspan(begin * pixels, (end - begin) * pixels));
  });
  std::string all;
  for (const std::string& digest : digests) all += digest;
  info.digest = io::sha256(std::as_bytes(std::span(all)));
  return std::make_unique<MemorySource>(std::move(info), std::move(images), std::move(labels));
}

}  // namespace

std::unique_ptr<Source> open_cifar10(const Request& request) {
  return open(cifar10(), request.where, request);
}

std::unique_ptr<Source> open_cifar100(const Request& request) {
  const Query query = parse_query(request.where, {"labels"});
  const auto found = query.value.find("labels");
  const std::string labels = found == query.value.end() ? "fine" : found->second;
  if (labels != "fine" && labels != "coarse") {
    fail(ErrorKind::usage, "data '{}': labels={} is unknown: fine or coarse", request.uri, labels);
  }
  return open(cifar100(labels == "coarse"), query.where, request);
}

}  // namespace rn::data
