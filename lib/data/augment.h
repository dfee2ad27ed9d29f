// One sample on its way from bytes to a normalised, perhaps shifted and mirrored, image.
#pragma once

#include <cstdint>
#include <vector>

#include "data/batcher.h"

namespace rn::data {

// Where the crop lies relative to the image, and whether it is mirrored.
struct Crop {
  int dy = 0, dx = 0;  // -pad .. pad
  bool flip = false;
};

// Drawn from (seed, RngPurpose::augment, epoch, index): dy, dx, then the coin.
Crop draw_crop(const Augment& augment, std::uint64_t seed, std::int64_t epoch, std::int64_t index);

// Normalisation by a table of 256 values a channel: what a byte becomes is computed once, in
// double, and is the same for every sample.
class Transform {
 public:
  // Errors: shape, when the normalisation does not fit the images.
  Transform(const Info& info, const Normalization& normalization, const Augment& augment,
            Dtype dtype);

  // Reads sample `index` into row `row` of images [n, H, W, C]; returns its label. For one thread.
  std::int32_t read(const Source& source, std::int64_t index, Crop crop, const Tensor& images,
                    std::int64_t row) const;

 private:
  template <class T, int fixed>
  void apply(Crop crop, T* out) const;

  std::int64_t height_, width_, channels_;
  Tensor table_;   // wide dtype [C, 256]
  Tensor offset_;  // wide dtype [H, W, C], subtracted: a mean image over stddev. Or undefined.
  bool reversed_ = false;
  mutable std::vector<std::uint8_t> bytes_;
  // Of points, whose values are no bytes.
  bool points_ = false;
  std::vector<double> mean_, stddev_;
  mutable std::vector<double> point_;
};

}  // namespace rn::data
