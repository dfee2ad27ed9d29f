// Gradient clipping.
#pragma once

#include <limits>

#include "tensor/tensor.h"

namespace rn::ops {

// x := min(max(scale * x, -limit), limit), in place; NaN stays NaN. What PyTorch's clip_grad_norm_
// (scale) and clip_grad_value_ (limit) do to one tensor. limit > 0.
struct Clip {
  double scale = 1;
  double limit = std::numeric_limits<double>::infinity();
};
void clip(const Clip& attr, const Tensor& x, Stream& stream = cpu_stream());

}  // namespace rn::ops
