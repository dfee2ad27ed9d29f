// The CPU's side of temporal.h. Arguments as in the contract, checked.
#pragma once

#include "ops/temporal.h"

namespace rn::ops::cpu {

void temporal_gather(const Taps& taps, const Operand& input, const Tensor& output);
void temporal_gather_backward(const Taps& taps, const TemporalScatter& args);
void temporal_max_pool_forward(const TemporalMaxPool& pool, const Tensor& input,
                               const Tensor& output);
void temporal_max_pool_backward(const TemporalMaxPool& pool, const Tensor& input,
                                const Tensor& d_output, const Tensor& d_input);

}  // namespace rn::ops::cpu
