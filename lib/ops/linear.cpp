#include "ops/linear.h"

#include "ops/check.h"
#include "ops/cpu/ops.h"
#include "ops/cuda/ops.h"

namespace rn::ops {

void linear_forward(const Tensor& input, const Tensor& weights, const Tensor& bias,
                    const Tensor& output, Stream& stream) {
  const Check check("linear_forward", "input", input);
  check.rank("input", input, 2);
  check.rank("weights", weights, 2);
  const std::int64_t n = input.dim(0), f = input.dim(1), k = weights.dim(0);
  check.tensor("weights", weights, {k, f});
  check.optional("bias", bias, {k});
  check.tensor("output", output, {n, k});
  if (check.on_cpu(stream)) return cpu::linear_forward(input, weights, bias, output);
  cuda::linear_forward(input, weights, bias, output, stream);
}

void linear_backward(const Tensor& d_output, const Tensor& input, const Tensor& weights,
                     const Tensor& d_input, const Tensor& d_weights, const Tensor& d_bias,
                     Stream& stream) {
  const Check check("linear_backward", "d_output", d_output);
  check.rank("input", input, 2);
  check.rank("weights", weights, 2);
  const std::int64_t n = input.dim(0), f = input.dim(1), k = weights.dim(0);
  check.tensor("d_output", d_output, {n, k});
  check.tensor("input", input, {n, f});
  check.tensor("weights", weights, {k, f});
  check.optional("d_input", d_input, input.shape());
  check.optional("d_weights", d_weights, weights.shape());
  check.optional("d_bias", d_bias, {k});
  if (check.on_cpu(stream)) {
    return cpu::linear_backward(d_output, input, weights, d_input, d_weights, d_bias);
  }
  cuda::linear_backward(d_output, input, weights, d_input, d_weights, d_bias, stream);
}

}  // namespace rn::ops
