// The GPU's side of temporal.h: see cuda/ops.h.
#pragma once

#include "ops/temporal.h"

namespace rn::ops::cuda {

void temporal_gather(const Taps& taps, const Operand& input, const Tensor& output, Stream& stream);
void temporal_gather_backward(const Taps& taps, const TemporalScatter& args, Stream& stream);
void temporal_max_pool_forward(const TemporalMaxPool& pool, const Tensor& input,
                               const Tensor& output, Stream& stream);
void temporal_max_pool_backward(const TemporalMaxPool& pool, const Tensor& input,
                                const Tensor& d_output, const Tensor& d_input, Stream& stream);

}  // namespace rn::ops::cuda
