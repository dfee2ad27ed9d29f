// Pointwise ops: writing operands and gradients that no convolution takes up.
#pragma once

#include "ops/operand.h"

namespace rn::ops {

// output := the operand's value (and into input.stored, if defined and another tensor); moments of
// it if wanted. output may be x1 itself.
void operand_forward(const Operand& input, const Tensor& output, Moments* moments = nullptr,
                     Stream& stream = cpu_stream());

// d_input := mask * g, the gradient with respect to f1(x1) + f2(x2), with g the gradient's value;
// reductions are of d_input. Overwritten; may be the gradient's own g.
void operand_backward(const Gradient& gradient, const Operand& input, const Tensor& d_input,
                      const Reductions& reductions = {}, Stream& stream = cpu_stream());

// output := the gradient's value. output may be g or add.
void gradient_forward(const Gradient& gradient, const Tensor& output,
                      Stream& stream = cpu_stream());

// y := alpha * x + beta * y, any shape, same shape and dtype; beta = 0 does not read y.
void axpby(double alpha, const Tensor& x, double beta, const Tensor& y,
           Stream& stream = cpu_stream());

// output := a * (1 - gate + gate * m): at gate 1 the product, at 0 a. Any shape, all of one shape
// and dtype. Overwritten.
void gated_product_forward(double gate, const Tensor& a, const Tensor& m, const Tensor& output,
                           Stream& stream = cpu_stream());
// d_a, d_m overwritten; each may be d_output itself, but not both.
void gated_product_backward(double gate, const Tensor& d_output, const Tensor& a, const Tensor& m,
                            const Tensor& d_a, const Tensor& d_m, Stream& stream = cpu_stream());

}  // namespace rn::ops
