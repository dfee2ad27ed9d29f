// Folders of JPEG and PNG images: DIR/train/CLASS/*.jpg, and val or test beside train.
#include <sys/stat.h>

#include <algorithm>

#include "data/kinds.h"
#include "data/pictures.h"
#include "data/query.h"
#include "io/file.h"

namespace rn::data {
namespace {

constexpr std::size_t most_images = std::size_t{1} << 28;

std::vector<std::string> classes_in(const std::string& directory) {
  std::vector<std::string> classes;
  for (const std::string& name : names_in(directory)) {
    if (is_directory(directory + "/" + name)) classes.push_back(name);
  }
  return classes;
}

// Where the images of a split are. Without val and test, and for test without test, val stands in;
// a folder with none of the three is all there is.
std::string split_directory(const std::string& where, Split split) {
  const auto sub = [&](const char* name) { return where + "/" + name; };
  const bool train = is_directory(sub("train")), val = is_directory(sub("val")),
             test = is_directory(sub("test"));
  if (!train && !val && !test) return where;
  switch (split) {
    case Split::train:
      if (train) return sub("train");
      break;
    case Split::val:
      if (val) return sub("val");
      break;
    case Split::test:
      if (test) return sub("test");
      if (val) return sub("val");
      break;
  }
  fail(ErrorKind::input, "folder:{}: has no {} folder", where, to_string(split));
}

struct Entry {
  std::int32_t label;
  std::string name;  // of the file in its class
};

class FolderSource : public Source {
 public:
  FolderSource(const Request& request, const Query& query)
      : resize_(query.number("resize", 0, 1, 8192)) {
    info_.uri = request.uri;
    info_.height = info_.width = query.number("size", 224, 1, 8192);
    info_.channels = 3;
    if (resize_ == 0) resize_ = usual_resize(info_.height);
    if (resize_ < info_.height) {
      fail(ErrorKind::usage, "data '{}': resize={} is less than size={}", request.uri, resize_,
           info_.height);
    }
    if (!is_directory(query.where)) {
      fail(ErrorKind::input, "folder:{}: no such directory", query.where);
    }
    directory_ = split_directory(query.where, request.split);
    const std::string train = query.where + "/train";
    info_.class_names = classes_in(is_directory(train) ? train : directory_);
    if (info_.class_names.empty()) {
      fail(ErrorKind::input, "{}: has no folder in it, but each class is one", directory_);
    }
    list(request);
  }

  bool costly() const override { return true; }
  double crop_share() const override {
    return static_cast<double>(info_.height) / static_cast<double>(resize_);
  }

  std::int32_t read(std::int64_t index, std::span<std::uint8_t> image) const override {
    return read_window(
        index,
        [this](std::int64_t height, std::int64_t width) {
          return middle_window(crop_share(), height, width);
        },
        image);
  }

  std::int32_t read_window(std::int64_t index, const ChooseWindow& choose,
                           std::span<std::uint8_t> image) const override {
    require(index >= 0 && index < info_.count, "{}: sample {} of {}", info_.uri, index,
            info_.count);
    const Entry& entry = entries_[static_cast<std::size_t>(index)];
    const std::string path = directory_ + "/" + sample_name(index);
    take_window(io::read_file(path), path, choose, image, info_.height, info_.width);
    return entry.label;
  }

  std::string sample_name(std::int64_t index) const override {
    const Entry& entry = entries_.at(static_cast<std::size_t>(index));
    return info_.class_names[static_cast<std::size_t>(entry.label)] + "/" + entry.name;
  }

 private:
  // The first of each class, the second of each, ...: any number of the first is balanced.
  void list(const Request& request) {
    std::vector<std::vector<std::string>> files(info_.class_names.size());
    std::size_t longest = 0, total = 0;
    for (const std::string& name : classes_in(directory_)) {
      const auto at = std::lower_bound(info_.class_names.begin(), info_.class_names.end(), name);
      if (at == info_.class_names.end() || *at != name) {
        fail(ErrorKind::input, "{}/{}: is a class that the training images lack", directory_, name);
      }
      auto& list = files[static_cast<std::size_t>(at - info_.class_names.begin())];
      for (std::string& file : names_in(directory_ + "/" + name)) {
        if (is_picture(file)) list.push_back(std::move(file));
      }
      longest = std::max(longest, list.size());
      total += list.size();
    }
    if (total == 0) {
      fail(ErrorKind::input, "{}: no .jpg, .jpeg or .png in the folders of its classes",
           directory_);
    }
    if (total > most_images)
      fail(ErrorKind::input, "{}: {} images are too many", directory_, total);
    info_.count = request.keep(static_cast<std::int64_t>(total));
    const auto keep = static_cast<std::size_t>(info_.count);
    for (std::size_t rank = 0; rank < longest && entries_.size() < keep; ++rank) {
      for (std::size_t k = 0; k < files.size() && entries_.size() < keep; ++k) {
        if (rank >= files[k].size()) continue;
        entries_.push_back({static_cast<std::int32_t>(k), std::move(files[k][rank])});
      }
    }
    describe();
  }

  // Reading all images for their digest would take as long as an epoch: names and sizes stand in.
  void describe() {
    std::string all = fmt::format("{} {}\n", info_.height, resize_);
    for (std::int64_t i = 0; i < info_.count; ++i) {
      struct stat status {};
      const std::string name = sample_name(i);
      const bool there = ::stat((directory_ + "/" + name).c_str(), &status) == 0;
      all += fmt::format("{} {}\n", name, there ? static_cast<std::int64_t>(status.st_size) : -1);
    }
    info_.digest = io::sha256(std::as_bytes(std::span(all)));
  }

  std::int64_t resize_;  // of the shorter side, before the middle is cut out
  std::string directory_;
  std::vector<Entry> entries_;
};

}  // namespace

std::vector<Split> splits_of_folder(const std::string& where) {
  const Query query = parse_query(where, {"size", "resize"});
  const auto has = [&](const char* name) { return is_directory(query.where + "/" + name); };
  std::vector<Split> splits;
  if (has("train")) splits.push_back(Split::train);
  if (has("val") && has("test")) splits.push_back(Split::val);
  if (has("val") || has("test")) splits.push_back(Split::test);
  if (splits.empty()) splits.push_back(Split::train);
  return splits;
}

std::unique_ptr<Source> open_folder(const Request& request) {
  return std::make_unique<FolderSource>(request, parse_query(request.where, {"size", "resize"}));
}

}  // namespace rn::data
