// The kinds of data set, one file each: what open_source looks up. A new kind is a row in
// source.cpp's table and a file with its opener.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "data/source.h"

namespace rn::data {

// Bytes of images up to which a set is small: read into memory without being asked to, and measured
// as a whole.
constexpr std::int64_t most_in_memory = std::int64_t{1} << 30;

// What an opener is given.
struct Request {
  std::string uri;    // as given, for Info
  std::string where;  // after the colon
  Split split = Split::train;
  std::int64_t limit = -1;  // samples to keep; -1: all
  bool serial = false;      // only the thread that uses HDF5 will read

  std::int64_t keep(std::int64_t count) const { return limit < 0 ? count : std::min(limit, count); }
};

// A set that lies in memory as a whole: images one after the other, HWC.
class MemorySource : public Source {
 public:
  // Fills in count from the labels. Errors (shape): sizes do not agree.
  MemorySource(Info info, std::vector<std::uint8_t> images, std::vector<std::int32_t> labels);
  std::int32_t read(std::int64_t index, std::span<std::uint8_t> image) const override;
  bool small() const override {
    return static_cast<std::int64_t>(images_.size()) <= most_in_memory;
  }

 private:
  std::vector<std::uint8_t> images_;
  std::vector<std::int32_t> labels_;
};

std::unique_ptr<Source> open_cifar10(const Request& request);
std::unique_ptr<Source> open_cifar100(const Request& request);
std::unique_ptr<Source> open_mnist(const Request& request);
std::unique_ptr<Source> open_folder(const Request& request);
std::vector<Split> splits_of_folder(const std::string& where);
std::vector<Split> splits_of_h5(const std::string& where);
std::unique_ptr<Source> open_h5(const Request& request);
std::unique_ptr<Source> open_synth(const Request& request);

}  // namespace rn::data
