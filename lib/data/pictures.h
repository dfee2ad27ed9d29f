// JPEG and PNG files: in folders of classes (folder.cpp), or without labels.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "data/source.h"

namespace rn::data {

bool is_directory(const std::string& path);

// Names in a directory, without those that begin with a dot, in byte order. Errors (input).
std::vector<std::string> names_in(const std::string& directory);

// By its name: .jpg, .jpeg or .png.
bool is_picture(const std::string& name);

// A window of a JPEG or PNG file, brought to `height` x `width`; `path` is for messages. Errors
// (input).
void take_window(std::span<const std::byte> file, const std::string& path,
                 const ChooseWindow& choose, std::span<std::uint8_t> image, std::int64_t height,
                 std::int64_t width);

// The middle of an image whose shorter side would be brought to some length: `share` of it.
Window middle_window(double share, std::int64_t height, std::int64_t width);

// The shorter side before a middle of `side` is cut out, as it is used with ImageNet.
constexpr std::int64_t usual_resize(std::int64_t side) { return (side * 256 + 112) / 224; }

// Of a directory all images, in byte order of their names; or one file, which is read once (it may
// be a pipe). All have label 0, and
// sample_name() is the file's. Their shorter side is brought to `resize` (0: the usual), and the
// middle of side x side cut out. What cannot be read is black, and problem() tells.
class Pictures : public Source {
 public:
  // Errors: usage, input (no such path, no images in it).
  Pictures(const std::string& path, std::int64_t side, std::int64_t resize,
           std::vector<std::string> class_names);

  bool costly() const override { return true; }
  double crop_share() const override;
  std::int32_t read(std::int64_t index, std::span<std::uint8_t> image) const override;
  std::int32_t read_window(std::int64_t index, const ChooseWindow& choose,
                           std::span<std::uint8_t> image) const override;
  std::string sample_name(std::int64_t index) const override;

  // Why a sample could not be read, with its path; empty if it was not tried or all is well.
  // Thread-safe.
  std::string problem(std::int64_t index) const;

 private:
  std::int64_t resize_;
  std::string prefix_;  // of the paths: "DIR/"
  std::vector<std::string> names_;
  std::vector<std::byte> single_;  // what is in the one file
  mutable std::mutex mutex_;
  mutable std::vector<std::string> problems_;
};

}  // namespace rn::data
