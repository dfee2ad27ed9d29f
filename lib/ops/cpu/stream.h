// The CPU's side of stream.h. Arguments as in the contract, checked.
#pragma once

#include "ops/stream.h"

namespace rn::ops::cpu {

double stream_split(const Operand& input, const Tensor& output, double grid);
void stream_join(const Tensor& state, const Tensor& output);
double stream_add(const StreamAdd& args);
void convert(const Operand& input, const Tensor& output);

}  // namespace rn::ops::cpu
