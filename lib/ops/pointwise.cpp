#include "ops/pointwise.h"

#include "ops/check.h"
#include "ops/cpu/ops.h"
#include "ops/cuda/ops.h"

namespace rn::ops {

void operand_forward(const Operand& input, const Tensor& output, Moments* moments, Stream& stream) {
  const char* who = "operand_forward";
  check(input, who);
  const Check check(who, "input.x1", input.x1);
  check.tensor("output", output, input.shape());
  if (moments) {
    moments->ensure(input.shape().back(), output.device());
    moments->count = output.size() / output.dim(-1);
  }
  if (check.on_cpu(stream)) return cpu::operand_forward(input, output, moments);
  cuda::operand_forward(input, output, moments, stream);
}

void operand_backward(const Gradient& gradient, const Operand& input, const Tensor& d_input,
                      const Reductions& reductions, Stream& stream) {
  const char* who = "operand_backward";
  check(gradient, who);
  check(input, who);
  const Check check(who, "gradient.g", gradient.g);
  check.tensor("input.x1", input.x1, gradient.shape());
  check.tensor("d_input", d_input, gradient.shape());
  ops::check(reductions, d_input, who);
  if (gradient.stored && gradient.stored.raw() == d_input.raw()) {
    fail(ErrorKind::shape, "{}: gradient.stored is d_input, whose values are masked", who);
  }
  if (check.on_cpu(stream)) return cpu::operand_backward(gradient, input, d_input, reductions);
  cuda::operand_backward(gradient, input, d_input, reductions, stream);
}

void gradient_forward(const Gradient& gradient, const Tensor& output, Stream& stream) {
  const char* who = "gradient_forward";
  check(gradient, who);
  const Check check(who, "gradient.g", gradient.g);
  check.tensor("output", output, gradient.shape());
  if (check.on_cpu(stream)) return cpu::gradient_forward(gradient, output);
  cuda::gradient_forward(gradient, output, stream);
}

void axpby(double alpha, const Tensor& x, double beta, const Tensor& y, Stream& stream) {
  const Check check("axpby", "x", x);
  check.tensor("y", y, x.shape());
  if (check.on_cpu(stream)) return cpu::axpby(alpha, x, beta, y);
  cuda::axpby(alpha, x, beta, y, stream);
}

void gated_product_forward(double gate, const Tensor& a, const Tensor& m, const Tensor& output,
                           Stream& stream) {
  const Check check("gated_product_forward", "a", a);
  check.tensor("m", m, a.shape());
  check.tensor("output", output, a.shape());
  if (check.on_cpu(stream)) return cpu::gated_product_forward(gate, a, m, output);
  cuda::gated_product_forward(gate, a, m, output, stream);
}

void gated_product_backward(double gate, const Tensor& d_output, const Tensor& a, const Tensor& m,
                            const Tensor& d_a, const Tensor& d_m, Stream& stream) {
  const Check check("gated_product_backward", "d_output", d_output);
  check.tensor("a", a, d_output.shape());
  check.tensor("m", m, d_output.shape());
  check.tensor("d_a", d_a, d_output.shape());
  check.tensor("d_m", d_m, d_output.shape());
  require(d_a.raw() != d_m.raw() || d_a.size() == 0, "{}: d_a and d_m are the same memory",
          check.who());
  if (check.on_cpu(stream)) return cpu::gated_product_backward(gate, d_output, a, m, d_a, d_m);
  cuda::gated_product_backward(gate, d_output, a, m, d_a, d_m, stream);
}

}  // namespace rn::ops
