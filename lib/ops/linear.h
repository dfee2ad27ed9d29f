// The fully connected layer.
#pragma once

#include "tensor/tensor.h"

namespace rn::ops {

// output [N, K] := input [N, F] * weights [K, F]^T + bias [K] (optional). Overwritten.
void linear_forward(const Tensor& input, const Tensor& weights, const Tensor& bias,
                    const Tensor& output, Stream& stream = cpu_stream());

// d_input [N, F] := d_output [N, K] * weights (overwritten); d_weights += d_output^T * input,
// d_bias += sum of d_output over N (added). Each of the three may be undefined.
void linear_backward(const Tensor& d_output, const Tensor& input, const Tensor& weights,
                     const Tensor& d_input, const Tensor& d_weights, const Tensor& d_bias,
                     Stream& stream = cpu_stream());

}  // namespace rn::ops
