// Mixup and cutmix: images of a batch with the one before each.
#pragma once

#include <cstdint>

#include "data/augmentation.h"
#include "tensor/tensor.h"

namespace rn::data {

// Rows [top, bottom) and columns [left, right).
struct Box {
  std::int64_t top = 0, bottom = 0, left = 0, right = 0;
  std::int64_t area() const { return (bottom - top) * (right - left); }
};

struct Mix {
  enum class Kind { none, mixup, cutmix } kind = Kind::none;
  double share = 1;  // of an image in itself
  Box box;           // cutmix: what comes from the image before
};

// The rectangle around pixel (y, x) that has about 1 - share of the image, cut at its edges; share
// becomes what is left (torchvision's CutMix).
Mix cut_mix(double share, std::int64_t y, std::int64_t x, std::int64_t height, std::int64_t width);

// Drawn from (seed, RngPurpose::mix, epoch, number of the batch).
Mix draw_mix(const Augment& augment, std::uint64_t seed, std::int64_t epoch, std::int64_t number,
             std::int64_t height, std::int64_t width);

// Mixes images [n, H, W, C] in place, the first with the last, and fills in others (i32 [n]) and
// shares (f64 [n]) from labels; see ops/loss.h.
void apply_mix(const Mix& mix, const Tensor& images, const Tensor& labels, const Tensor& others,
               const Tensor& shares);

}  // namespace rn::data
