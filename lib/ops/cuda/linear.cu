// The fully connected layer on the GPU: a convolution of images of one pixel.
#include "ops/cuda/conv_passes.h"
#include "ops/cuda/ops.h"

namespace rn::ops::cuda {
namespace {

Tensor as_image(const Tensor& x) { return x ? x.reshape({x.dim(0), 1, 1, x.dim(1)}) : Tensor(); }

}  // namespace

void linear_forward(const Tensor& input, const Tensor& weights, const Tensor& bias,
                    const Tensor& output, Stream& stream) {
  ConvForward args;
  args.input = operand(as_image(input));
  args.weights = as_image(weights);
  args.bias = bias;
  args.output = as_image(output);
  conv_forward_pass({}, args, stream);
}

void linear_backward(const Tensor& d_output, const Tensor& input, const Tensor& weights,
                     const Tensor& d_input, const Tensor& d_weights, const Tensor& d_bias,
                     Stream& stream) {
  ConvBackward args;
  args.gradient = gradient(as_image(d_output));
  args.input = operand(as_image(input));
  args.weights = as_image(weights);
  args.d_input = as_image(d_input);
  if (d_weights) {
    conv_weights_pass({}, args.gradient, args.input, 1, as_image(d_weights), stream);
  }
  if (d_bias) add_gradient_sums(args.gradient, 1, d_bias, stream);
  if (d_input) conv_data_pass({}, args, stream);
}

}  // namespace rn::ops::cuda
