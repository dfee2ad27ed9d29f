#include "data/h5_set.h"

#include <dirent.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "io/schema.h"

namespace rn::data {
namespace {

namespace schema = io::schema;
constexpr std::int64_t most_images = std::int64_t{1} << 40;
constexpr std::int64_t most_image_bytes = std::int64_t{1} << 28;

[[noreturn]] void wrong(const io::H5& file, const std::string& what) {
  fail(ErrorKind::input, "{}: {}", file.name(), what);
}

std::vector<std::string> files_in(const std::string& directory) {
  DIR* open = ::opendir(directory.c_str());
  if (!open) fail(ErrorKind::input, "{}: no directory that can be read", directory);
  std::vector<std::string> files;
  while (const dirent* entry = ::readdir(open)) {
    const std::string name = entry->d_name;
    // Those that begin with a dot are being written.
    if (name[0] != '.' && name.ends_with(".h5")) files.push_back(directory + "/" + name);
  }
  ::closedir(open);
  std::sort(files.begin(), files.end());
  if (files.empty()) fail(ErrorKind::input, "{}: has no .h5 file in it", directory);
  return files;
}

void read_shape(const io::H5& file, const std::string& at, H5Part& part) {
  part.shape = file.shape(at);
  const Shape& shape = part.shape;
  const Dtype dtype = file.dtype(at);
  part.points = dtype == Dtype::f64 && shape.size() == 4 && shape[1] == 1 && shape[2] == 1;
  if (shape.size() != 4 || (dtype != Dtype::u8 && !part.points)) {
    wrong(file, fmt::format("'{}' is {} {}, neither uint8 [N, H, W, C] nor points, float64 [N, 1, "
                            "1, C]",
                            at, to_string(dtype), rn::to_string(shape)));
  }
  for (const std::int64_t extent : {shape[1], shape[2], shape[3]}) {
    if (extent < 1 || extent > 65536) {
      wrong(file, fmt::format("'{}' is {}: no images", at, rn::to_string(shape)));
    }
  }
  // A set of none may claim any size: what one takes is asked for by who reads.
  if (shape[1] * shape[2] * shape[3] > most_image_bytes) {
    wrong(file, fmt::format("'{}' is {}: images of more than {} bytes", at, rn::to_string(shape),
                            most_image_bytes));
  }
}

void read_labels(const io::H5& file, const std::string& at, H5Part& part) {
  const Shape shape = file.shape(at);
  const std::int64_t count = shape.empty() ? 1 : shape[0];
  if (count != part.count()) {
    wrong(file, fmt::format("{} images, but {} labels", part.count(), count));
  }
  const std::vector<std::int64_t> stored = file.read_ints(at);
  const auto classes = static_cast<std::int64_t>(part.classes.size());
  part.labels.reserve(stored.size());
  for (const std::int64_t label : stored) {
    if (label < 0 || label >= classes) {
      wrong(file, fmt::format("'{}' number {} is {}, but there are {} classes", at,
                              part.labels.size(), label, classes));
    }
    part.labels.push_back(static_cast<std::int32_t>(label));
  }
}

void read_digests(const io::H5& file, const std::string& at, H5Part& part) {
  if (part.points || !file.has(at)) return;
  const Shape wanted = {part.count(), static_cast<std::int64_t>(digest_bytes)};
  if (file.dtype(at) != Dtype::u8 || file.shape(at) != wanted) {
    wrong(file, fmt::format("'{}' is {} {}, not uint8 {}", at, to_string(file.dtype(at)),
                            rn::to_string(file.shape(at)), rn::to_string(wanted)));
  }
  const Tensor all = file.read(at, Tag::input);
  part.digests.assign(all.span<std::uint8_t>().begin(), all.span<std::uint8_t>().end());
}

void read_shard(const io::H5& file, const std::string& split, H5Part& part) {
  part.total = part.count();
  if (!file.has_attribute(split, schema::shards_attribute)) return;
  const auto number = [&](const char* name, std::int64_t lowest, std::int64_t highest) {
    const std::int64_t value = file.get_int(split, name);
    if (value < lowest || value > highest) {
      wrong(file, fmt::format("attribute '{}' of '{}' is {}; damaged?", name, split, value));
    }
    return value;
  };
  part.sharded = true;
  part.shard.count = number(schema::shards_attribute, 1, most_shards);
  part.shard.index = number(schema::shard_attribute, 0, part.shard.count - 1);
  part.total = number(schema::total_attribute, part.count(), most_images);
  part.first = number(schema::first_attribute, 0, part.total - part.count());
  part.source = file.get_string(split, schema::source_attribute);
}

H5Part read_part(const std::string& path, Split which) {
  const io::H5 file = io::H5::open_on_disk(path, schema::expectation(schema::Format::data));
  schema::check(file, schema::Format::data);
  const std::string split = to_string(which);
  if (!file.has(split)) {
    wrong(file,
          fmt::format("has no '{}' split; it has {}", split, fmt::join(file.list("/"), ", ")));
  }
  H5Part part;
  part.file = path;
  const std::string images = split + "/" + schema::images;
  read_shape(file, images, part);
  part.classes = file.read_strings(schema::classes);
  read_labels(file, split + "/" + schema::labels, part);
  read_digests(file, split + "/" + schema::digests, part);
  read_shard(file, split, part);
  if (!part.points) part.rows = file.rows_on_disk(images, part.why);
  return part;
}

void check_together(const std::vector<H5Part>& parts) {
  const H5Part& first = parts.front();
  std::vector<bool> have(static_cast<std::size_t>(first.shard.count), false);
  for (const H5Part& part : parts) {
    const auto same = [&](bool holds, const char* what) {
      if (!holds) {
        fail(ErrorKind::input, "{} and {} do not belong together: another {}", first.file,
             part.file, what);
      }
    };
    if (parts.size() > 1 && !part.sharded) {
      fail(ErrorKind::input, "{}: is no shard of a set, but a set by itself; name it alone",
           part.file);
    }
    same(part.shard.count == first.shard.count, "number of shards");
    same(part.shape[1] == first.shape[1] && part.shape[2] == first.shape[2] &&
             part.shape[3] == first.shape[3] && part.points == first.points,
         "size of images");
    same(part.classes == first.classes, "list of classes");
    same(part.source == first.source && part.total == first.total, "data set");
    const auto at = static_cast<std::size_t>(part.shard.index);
    if (have[at]) {
      fail(ErrorKind::input, "{}: shard {} is there twice", part.file, to_string(part.shard));
    }
    have[at] = true;
  }
  const std::string missing = missing_shards(have);
  if (missing.empty()) return;
  if (parts.size() == 1) {
    fail(ErrorKind::input,
         "{}: is shard {} of a set; missing {} (h5:DIR takes all files of a folder)", first.file,
         to_string(first.shard), missing);
  }
  fail(ErrorKind::input, "{}: {} shards of {}: {} missing", first.file, parts.size(),
       first.shard.count, missing);
}

}  // namespace

std::vector<std::string> h5_files(const std::string& where) {
  if (where == "-") {
    fail(ErrorKind::usage, "data 'h5:-': is read more than once, and cannot come through a pipe");
  }
  struct stat status {};
  const bool there = ::stat(where.c_str(), &status) == 0;
  if (there && S_ISDIR(status.st_mode)) {
    return files_in(where.size() > 1 && where.back() == '/' ? where.substr(0, where.size() - 1)
                                                            : where);
  }
  if (there || where.find('*') == std::string::npos) return {where};
  glob_t found{};
  const int code = ::glob(where.c_str(), 0, nullptr, &found);
  std::vector<std::string> files(found.gl_pathv, found.gl_pathv + (code == 0 ? found.gl_pathc : 0));
  ::globfree(&found);
  if (files.empty()) fail(ErrorKind::input, "{}: there are no such files", where);
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<H5Part> h5_parts(const std::vector<std::string>& files, Split split) {
  std::vector<H5Part> parts;
  for (const std::string& file : files) parts.push_back(read_part(file, split));
  check_together(parts);
  std::sort(parts.begin(), parts.end(),
            [](const H5Part& a, const H5Part& b) { return a.shard.index < b.shard.index; });
  std::int64_t next = 0;
  for (const H5Part& part : parts) {
    if (part.first != next) {
      fail(ErrorKind::input, "{}: shard {} begins with image {}, but those before it end with {}",
           part.file, to_string(part.shard), part.first, next);
    }
    next += part.count();
  }
  if (next != parts.front().total) {
    fail(ErrorKind::input, "{}: the shards hold {} images of {}", parts.front().file, next,
         parts.front().total);
  }
  return parts;
}

std::vector<Split> splits_of_h5(const std::string& where) {
  const std::vector<std::string> files = h5_files(parse_h5(where).where);
  const io::H5 file =
      io::H5::open_on_disk(files.front(), schema::expectation(schema::Format::data));
  schema::check(file, schema::Format::data);
  std::vector<Split> splits;
  for (const Split split : {Split::train, Split::val, Split::test}) {
    if (file.has(to_string(split))) splits.push_back(split);
  }
  return splits;
}

}  // namespace rn::data
