// The GPU's side of stream.h: see cuda/ops.h.
#pragma once

#include "ops/stream.h"

namespace rn::ops::cuda {

double stream_split(const Operand& input, const Tensor& output, double grid, Stream& stream);
void stream_join(const Tensor& state, const Tensor& output, Stream& stream);
double stream_add(const StreamAdd& args, Stream& stream);
void convert(const Operand& input, const Tensor& output, Stream& stream);

}  // namespace rn::ops::cuda
