// The fused convolution on the GPU: one kernel for each of output, d_input and d_weights. A
// gradient that is to be stored is written by a pass of its own. The two backward passes run side
// by side.
#include "ops/cuda/beside.h"
#include "ops/cuda/conv.h"
#include "ops/cuda/conv_passes.h"
#include "ops/cuda/ops.h"

namespace rn::ops::cuda {

void conv_forward(const Conv2d& conv, const ConvForward& args, Stream& stream) {
  conv_forward_pass(conv, args, stream);
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
    if (args.d_input) {
      Beside weights("conv_backward", stream);
      conv_weights_pass(conv, from.gradient, input, args.alpha, args.d_weights, weights.stream());
      conv_data_pass(conv, from, stream);
      weights.join();
    } else {
      conv_weights_pass(conv, from.gradient, input, args.alpha, args.d_weights, stream);
    }
  } else if (args.d_input) {
    conv_data_pass(conv, from, stream);
  }
  if (args.d_bias) add_gradient_sums(from.gradient, args.alpha, args.d_bias, stream);
}

}  // namespace rn::ops::cuda
