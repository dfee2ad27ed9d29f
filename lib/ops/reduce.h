// Reductions over whole tensors, in a fixed order: the same bytes for any number of threads.
#pragma once

#include <span>

#include "tensor/tensor.h"

namespace rn::ops {

bool all_finite(const Tensor& x, Stream& stream);
// The number of the first that is not finite, or -1; f32 or f64, all of one type and device. One
// wait, however many they are.
int first_not_finite(std::span<const Tensor> list);
double sum(const Tensor& x, Stream& stream);
double sum_squares(const Tensor& x, Stream& stream);
inline bool all_finite(const Tensor& x) { return all_finite(x, default_stream(x.device())); }
inline double sum(const Tensor& x) { return sum(x, default_stream(x.device())); }
inline double sum_squares(const Tensor& x) { return sum_squares(x, default_stream(x.device())); }

}  // namespace rn::ops
