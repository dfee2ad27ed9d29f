// The fused two-dimensional convolution (cross-correlation), NHWC. Temporal convolutions are this
// op over gathered frames (temporal.h).
//
// Shapes: input [N, H, W, I], weights OHWI [O, KH, KW, I], output [N, P, Q, O] with
// P = (H + 2*pad_h + extra_h - KH) / stride_h + 1, likewise Q; padding is with zeros of the *value*
// (after the operand's activation).
// dtypes: f32, bf16 (oneDNN) and f64 (im2col + dgemm). All activations of a call are of one dtype;
// weights, biases, vectors and their gradients are f32 beside bf16, where the convolution
// multiplies bf16 and sums in f32, and every stored value is rounded once. Errors: shape, for every
// broken requirement; device, where the processor lacks the type.
#pragma once

#include "ops/batch_norm.h"

namespace rn::ops {

struct Conv2d {
  int stride_h = 1, stride_w = 1;
  int pad_h = 0, pad_w = 0;      // on either side
  int extra_h = 0, extra_w = 0;  // more of it at the end (TensorFlow's "same" where it is uneven)
};

// output := act(round(alpha * after(conv(input) + bias) + beta * residual)), overwritten. `after`
// is a batch norm with frozen statistics, as in evaluation: the CPU folds it into the weights.
struct ConvForward {
  Operand input;
  Tensor weights;
  Tensor bias;      // [O], optional
  Tensor residual;  // [N, P, Q, O], optional
  double alpha = 1;
  double beta = 1;
  double grid = 0;  // > 0: rounded to the nearest (even) multiple of grid
  Affine after;     // [O]
  Activation act = Activation::none;
  Tensor output;
  Moments* moments = nullptr;  // of output as stored, if wanted
  // The norm of these moments, to be run once they stand (optional): on a GPU, in the launch that
  // merges them.
  const BatchNormForward* norm = nullptr;
};
void conv_forward(const Conv2d& conv, const ConvForward& args, Stream& stream = cpu_stream());

// Both backward passes in one sweep over the activations. With G the incoming gradient:
//   d_input := mask * (alpha * convT(G) + shortcut)   (overwritten)
//   d_weights += alpha * conv'(input, G),  d_bias += alpha * sum G   (added)
// mask is that of the operand's activation, recomputed from x1, x2 (or read off `stored`): d_input
// is the gradient with respect to f1(x1) + f2(x2), before the activation. reductions are of
// d_input. Each of d_input, d_weights, d_bias may be undefined: it is not computed then.
struct ConvBackward {
  Gradient gradient;  // [N, P, Q, O]
  Operand input;      // as in forward
  Tensor weights;
  double alpha = 1;
  Tensor shortcut;  // [N, H, W, I], optional
  Tensor d_input;   // [N, H, W, I]
  Reductions reductions;
  Tensor d_weights;  // [O, KH, KW, I]
  Tensor d_bias;     // [O]
};
void conv_backward(const Conv2d& conv, const ConvBackward& args, Stream& stream = cpu_stream());

// Shape of the output. Errors: shape, where the kernel does not fit.
Shape conv_output_shape(const Conv2d& conv, const Shape& input, const Shape& weights);

}  // namespace rn::ops
