#include "data/pictures.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "io/file.h"
#include "io/picture.h"

namespace rn::data {

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::vector<std::string> names_in(const std::string& directory) {
  DIR* open = ::opendir(directory.c_str());
  if (!open) fail(ErrorKind::input, "{}: no directory that can be read", directory);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(open)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  ::closedir(open);
  std::sort(names.begin(), names.end());
  return names;
}

bool is_picture(const std::string& name) {
  std::string end = name.substr(name.find_last_of('.') + 1);
  for (char& c : end) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return end == "jpg" || end == "jpeg" || end == "png";
}

void take_window(std::span<const std::byte> file, const std::string& path,
                 const ChooseWindow& choose, std::span<std::uint8_t> image, std::int64_t height,
                 std::int64_t width) {
  const io::PictureInfo found = io::picture_info(file, path);
  Window window = choose(found.height, found.width);
  const double spare = std::min(window.height / static_cast<double>(height),
                                window.width / static_cast<double>(width));
  // The smallest that a JPEG can be decoded at without losing what the window needs.
  int shrink = 1;
  while (found.jpeg && shrink < 8 && spare >= 2 * shrink) shrink *= 2;
  thread_local io::Picture picture;
  io::decode_picture(file, path, shrink, picture);
  const double down = static_cast<double>(picture.height) / static_cast<double>(found.height),
               right = static_cast<double>(picture.width) / static_cast<double>(found.width);
  window = {window.y * down, window.x * right, window.height * down, window.width * right};
  resample(picture.rgb, picture.height, picture.width, 3, window, image, height, width);
}

Window middle_window(double share, std::int64_t height, std::int64_t width) {
  const double side = share * static_cast<double>(std::min(height, width));
  return {(static_cast<double>(height) - side) / 2, (static_cast<double>(width) - side) / 2, side,
          side};
}

Pictures::Pictures(const std::string& path, std::int64_t side, std::int64_t resize,
                   std::vector<std::string> class_names)
    : resize_(resize > 0 ? resize : usual_resize(side)) {
  if (resize_ < side) {
    fail(ErrorKind::usage, "--resize {}: is less than the {} that the model takes", resize_, side);
  }
  if (is_directory(path)) {
    prefix_ = path + "/";
    for (std::string& name : names_in(path)) {
      if (is_picture(name)) names_.push_back(std::move(name));
    }
    if (names_.empty()) fail(ErrorKind::input, "{}: no .jpg, .jpeg or .png in it", path);
  } else {
    single_ = io::read_file(path);
    io::picture_info(single_, path);
    names_.push_back(path);
  }
  info_ = {.uri = path,
           .count = static_cast<std::int64_t>(names_.size()),
           .height = side,
           .width = side,
           .channels = 3,
           .class_names = std::move(class_names)};
  problems_.resize(names_.size());
}

double Pictures::crop_share() const {
  return static_cast<double>(info_.height) / static_cast<double>(resize_);
}

std::int32_t Pictures::read(std::int64_t index, std::span<std::uint8_t> image) const {
  return read_window(
      index,
      [this](std::int64_t height, std::int64_t width) {
        return middle_window(crop_share(), height, width);
      },
      image);
}

std::int32_t Pictures::read_window(std::int64_t index, const ChooseWindow& choose,
                                   std::span<std::uint8_t> image) const {
  try {
    const std::string path = prefix_ + sample_name(index);
    const io::Bytes read = single_.empty() ? io::read_file(path) : io::Bytes();
    take_window(single_.empty() ? read : single_, path, choose, image, info_.height, info_.width);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::input) throw;
    std::fill(image.begin(), image.end(), std::uint8_t{0});
    std::lock_guard lock(mutex_);
    problems_[static_cast<std::size_t>(index)] = error.what();
  }
  return 0;
}

std::string Pictures::sample_name(std::int64_t index) const {
  return names_.at(static_cast<std::size_t>(index));
}

std::string Pictures::problem(std::int64_t index) const {
  std::lock_guard lock(mutex_);
  return problems_.at(static_cast<std::size_t>(index));
}

}  // namespace rn::data
