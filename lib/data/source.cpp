#include "data/source.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/rng.h"
#include "data/kinds.h"
#include "data/points.h"

namespace rn::data {
namespace {

struct Kind {
  const char* name;
  const char* where;  // what follows the colon
  const char* description;
  std::unique_ptr<Source> (*open)(const Request&);
  std::vector<Split> (*splits)(const std::string& where);
};

std::vector<Split> train_and_test(const std::string&) { return {Split::train, Split::test}; }

constexpr Kind kinds[] = {
    {"cifar10", "DIR", "CIFAR-10, binary version: the directory of data_batch_1.bin", open_cifar10,
     train_and_test},
    {"cifar100", "DIR", "CIFAR-100, binary version; DIR?labels=coarse for the 20 superclasses",
     open_cifar100, train_and_test},
    {"mnist", "DIR", "MNIST, Fashion-MNIST and the like: four idx files, packed with gzip or not",
     open_mnist, train_and_test},
    {"folder", "DIR",
     "JPEG and PNG images, a folder a class in DIR/train and DIR/val; DIR?size=160&resize=182",
     open_folder, splits_of_folder},
    {"csv", "FILE", "points: a text file of numbers, a row each, its label last", open_csv,
     splits_of_csv},
    {"h5", "FILE", "a data set that resnet-data brought into one HDF5 file", open_h5, splits_of_h5},
    {"synth", "NAME",
     "built in: shapes (ten, 32x32 colour, 10000 train and 2000 test images); points in the "
     "plane: spirals, circles, moons (1000 each); actions (films, for resnet-data)",
     open_synth, train_and_test},
};

std::string known_kinds() {
  std::vector<std::string> names;
  for (const Kind& kind : kinds) names.push_back(fmt::format("{}:{}", kind.name, kind.where));
  return fmt::format("{}", fmt::join(names, ", "));
}

std::pair<const Kind*, std::string> parse_uri(const std::string& uri) {
  const std::size_t colon = uri.find(':');
  const std::string name = uri.substr(0, colon);
  const auto* kind = std::find_if(std::begin(kinds), std::end(kinds),
                                  [&](const Kind& k) { return name == k.name; });
  if (colon == std::string::npos || kind == std::end(kinds)) {
    // A bare path is the commonest slip.
    const bool is_path = ::access(uri.c_str(), F_OK) == 0;
    fail(ErrorKind::usage, "data '{}' is not KIND:WHERE{}; known are {}", uri,
         is_path ? fmt::format(" (did you mean h5:{}?)", uri) : "", known_kinds());
  }
  if (colon + 1 == uri.size()) {
    fail(ErrorKind::usage, "data '{}': {} is missing after the colon", uri, kind->where);
  }
  return {kind, uri.substr(colon + 1)};
}

}  // namespace

const char* to_string(Split split) {
  switch (split) {
    case Split::train: return "train";
    case Split::val: return "val";
    case Split::test: return "test";
  }
  return "?";
}

Split parse_split(const std::string& text) {
  for (const Split split : {Split::train, Split::val, Split::test}) {
    if (text == to_string(split)) return split;
  }
  fail(ErrorKind::usage, "split '{}' is unknown: train, val or test", text);
}

std::vector<std::pair<std::string, std::string>> source_kinds() {
  std::vector<std::pair<std::string, std::string>> list;
  for (const Kind& kind : kinds) {
    list.emplace_back(fmt::format("{}:{}", kind.name, kind.where), kind.description);
  }
  return list;
}

std::vector<Split> source_splits(const std::string& uri) {
  const auto [kind, where] = parse_uri(uri);
  return kind->splits(where);
}

namespace {

std::unique_ptr<Source> open(const std::string& uri, Split split, std::int64_t limit, bool serial) {
  const auto [kind, where] = parse_uri(uri);
  const bool in_file = kind->splits != train_and_test;  // then the opener looks
  if (split == Split::val && !in_file) {
    fail(ErrorKind::usage, "data '{}' has no val split of its own (train and test)", uri);
  }
  return kind->open({uri, where, split, limit, serial});
}

}  // namespace

std::unique_ptr<Source> open_source(const std::string& uri, Split split, std::int64_t limit) {
  return open(uri, split, limit, false);
}

std::unique_ptr<Source> open_serial_source(const std::string& uri, Split split,
                                           std::int64_t limit) {
  return open(uri, split, limit, true);
}

std::int32_t Source::read_point(std::int64_t, std::span<double>) const {
  fail(ErrorKind::input, "{}: holds images, not points", info_.uri);
}

MemorySource::MemorySource(Info info, std::vector<std::uint8_t> images,
                           std::vector<std::int32_t> labels)
    : images_(std::move(images)), labels_(std::move(labels)) {
  info_ = std::move(info);
  info_.count = static_cast<std::int64_t>(labels_.size());
  const std::int64_t bytes = info_.count * info_.height * info_.width * info_.channels;
  require(static_cast<std::int64_t>(images_.size()) == bytes,
          "{}: {} bytes of images, {} labels of {}x{}x{}", info_.uri, images_.size(), info_.count,
          info_.height, info_.width, info_.channels);
}

std::int32_t MemorySource::read(std::int64_t index, std::span<std::uint8_t> image) const {
  const auto size = static_cast<std::size_t>(info_.height * info_.width * info_.channels);
  require(index >= 0 && index < info_.count && image.size() == size,
          "{}: sample {} of {} into {} bytes", info_.uri, index, info_.count, image.size());
  const auto at = static_cast<std::size_t>(index);
  std::memcpy(image.data(), images_.data() + at * size, size);
  return labels_[at];
}

std::int32_t Source::read_window(std::int64_t index, const ChooseWindow& choose,
                                 std::span<std::uint8_t> image) const {
  thread_local std::vector<std::uint8_t> whole;
  whole.resize(image.size());
  const std::int32_t label = read(index, whole);
  resample(whole, info_.height, info_.width, info_.channels, choose(info_.height, info_.width),
           image, info_.height, info_.width);
  return label;
}

Subsets split_validation(std::int64_t count, std::int64_t val_count, std::uint64_t seed) {
  if (val_count < 0 || val_count >= std::max<std::int64_t>(count, 1)) {
    fail(ErrorKind::usage, "{} validation samples cannot be set aside from {}", val_count, count);
  }
  std::vector<std::int64_t> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  Rng rng(seed, RngPurpose::split);
  for (std::size_t i = all.size(); i > 1; --i) {
    std::swap(all[i - 1], all[rng.below(static_cast<std::uint32_t>(i))]);
  }
  Subsets subsets;
  const auto cut = all.end() - val_count;
  subsets.train.assign(all.begin(), cut);
  subsets.val.assign(cut, all.end());
  std::sort(subsets.train.begin(), subsets.train.end());
  std::sort(subsets.val.begin(), subsets.val.end());
  return subsets;
}

}  // namespace rn::data
