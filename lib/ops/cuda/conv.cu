// The fused convolution on the GPU: what is to be stored is written by a pass of its own, the rest
// is one kernel for each of output, d_input and d_weights.
#include "ops/cuda/conv.h"
#include "ops/cuda/conv_passes.h"
#include "ops/cuda/ops.h"

namespace rn::ops::cuda {

void conv_forward(const Conv2d& conv, const ConvForward& args, Stream& stream) {
  if (!args.input.stored) return conv_forward_pass(conv, args, stream);
  Operand input = args.input;
  input.stored = Tensor();
  operand_forward(input, args.input.stored, nullptr, stream);
  ConvForward plain = args;
  plain.input = operand(args.input.stored);
  conv_forward_pass(conv, plain, stream);
}

void conv_backward(const Conv2d& conv, const ConvBackward& args, Stream& stream) {
  ConvBackward from = args;
  if (args.gradient.stored) {
    Gradient gradient = args.gradient;
    gradient.stored = Tensor();
    gradient_forward(gradient, args.gradient.stored, stream);
    from.gradient = ops::gradient(args.gradient.stored);
  }
  if (args.d_weights) {
    const Operand input = args.input.stored ? operand(args.input.stored) : args.input;
    conv_weights_pass(conv, from.gradient, input, args.alpha, args.d_weights, stream);
  }
  if (args.d_bias) add_gradient_sums(from.gradient, args.alpha, args.d_bias, stream);
  if (args.d_input) conv_data_pass(conv, from, stream);
}

}  // namespace rn::ops::cuda
