// Reductions over whole tensors, in a fixed order: the same bytes for any number of threads.
#pragma once

#include "tensor/tensor.h"

namespace rn::ops {

bool all_finite(const Tensor& x, Stream& stream = cpu_stream());
double sum(const Tensor& x, Stream& stream = cpu_stream());
double sum_squares(const Tensor& x, Stream& stream = cpu_stream());

}  // namespace rn::ops
