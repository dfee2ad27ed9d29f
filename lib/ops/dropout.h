// Dropout (Srivastava et al. 2014), scaled while training.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace rn::ops {

// Which entries are left out is a function of (seed, step, row): an image has the same ones
// whatever part of the batch it is computed in.
struct Dropout {
  double p = 0;  // probability to be left out, 0 <= p < 1
  std::uint64_t seed = 1;
  std::int64_t step = 0;
  std::int64_t first_row = 0;  // of x in its batch
};

// x [N, C] := x * kept / (1 - p), in place, kept being 0 or 1, drawn from (seed,
// RngPurpose::dropout, step, row). Its own backward: the same on the gradient.
void dropout(const Dropout& attr, const Tensor& x, Stream& stream = cpu_stream());

}  // namespace rn::ops
