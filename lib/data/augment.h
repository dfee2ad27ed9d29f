// One sample on its way from bytes to a normalised, perhaps cropped, mirrored, coloured image.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "data/batcher.h"
#include "data/colour.h"
#include "data/mix.h"
#include "data/resample.h"

namespace rn::data {

// Where the crop lies relative to the image, and whether it is mirrored.
struct Crop {
  int dy = 0, dx = 0;  // -pad .. pad
  bool flip = false;
};

// Drawn from (seed, RngPurpose::augment, epoch, index): dy, dx, then the coin.
Crop draw_crop(const Augment& augment, std::uint64_t seed, std::int64_t epoch, std::int64_t index);

// A window of an image of this size, in whole pixels, as torchvision's RandomResizedCrop chooses
// it: ten attempts, then the middle. From (seed, RngPurpose::window, epoch, index).
Window draw_window(const Augment& augment, std::uint64_t seed, std::int64_t epoch,
                   std::int64_t index, std::int64_t height, std::int64_t width);

// What cutout and random erasing blank: empty boxes where they do not. From (seed,
// RngPurpose::erase, epoch, index).
std::array<Box, 2> draw_erased(const Augment& augment, std::uint64_t seed, std::int64_t epoch,
                               std::int64_t index, std::int64_t height, std::int64_t width);

// All that is drawn for a sample; as it is: nothing happens to it.
struct Draw {
  Crop crop = {};
  std::uint64_t seed = 0;  // with epoch: of the window
  std::int64_t epoch = -1;
  std::optional<Colour> colour = {};
  std::array<Box, 2> erased = {};
};
Draw draw_all(const Augment& augment, std::uint64_t seed, std::int64_t epoch, std::int64_t index,
              std::int64_t height, std::int64_t width);

// Normalisation by a table of 256 values a channel: what a byte becomes is computed once, in
// double, and is the same for every sample.
class Transform {
 public:
  // Errors: shape, when the normalisation does not fit the images.
  Transform(const Info& info, const Normalization& normalization, const Augment& augment,
            Dtype dtype);

  // Reads sample `index` into row `row` of images [n, H, W, C]; returns its label. For one thread:
  // copies share their tables and work side by side.
  std::int32_t read(const Source& source, std::int64_t index, const Draw& draw,
                    const Tensor& images, std::int64_t row) const;

 private:
  template <class T, int fixed, class Value>
  void place(const Crop& crop, Value value, T* out) const;
  template <class T, int fixed>
  void fill(const Draw& draw, T* out) const;

  std::int64_t height_, width_, channels_;
  Augment augment_;
  Normalization normalization_;
  Tensor table_;   // wide dtype [C, 256]
  Tensor offset_;  // wide dtype [H, W, C], subtracted: a mean image over stddev. Or undefined.
  bool reversed_ = false;
  mutable std::vector<std::uint8_t> bytes_;
  mutable std::vector<float> colours_;
  // Of points, whose values are no bytes.
  bool points_ = false;
  std::vector<double> mean_, stddev_;
  mutable std::vector<double> point_;
};

}  // namespace rn::data
