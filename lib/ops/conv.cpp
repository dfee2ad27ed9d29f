// Checks the contract of conv.h, then hands over to the device.
#include "ops/conv.h"

#include <fmt/ranges.h>  // shapes

#include "ops/cpu/conv.h"
#include "ops/cuda/conv.h"

namespace rn::ops {
namespace {

void check_weights(const Tensor& weights, const Shape& input, Dtype dtype, const char* who) {
  require(weights.defined() && weights.rank() == 4 && weights.dtype() == wide(dtype),
          "{}: weights must be {} [O, KH, KW, I], not {}", who, to_string(wide(dtype)), weights);
  require(weights.dim(3) == input[3], "{}: weights {} for {} input channels", who, weights.shape(),
          input[3]);
}

void check_like(const Tensor& tensor, const Shape& shape, Dtype dtype, Device device,
                const char* what, const char* who) {
  require(tensor.shape() == shape && tensor.dtype() == dtype && tensor.device() == device,
          "{}: {} must be {} {}, not {}", who, what, to_string(dtype), shape, tensor);
}

}  // namespace

Shape conv_output_shape(const Conv2d& conv, const Shape& input, const Shape& weights) {
  require(input.size() == 4 && weights.size() == 4, "conv: input {} and weights {} must be 4-D",
          input, weights);
  require(conv.stride_h > 0 && conv.stride_w > 0 && conv.pad_h >= 0 && conv.pad_w >= 0 &&
              conv.extra_h >= 0 && conv.extra_w >= 0,
          "conv: stride must be positive and padding not negative");
  const std::int64_t h = input[1] + 2 * conv.pad_h + conv.extra_h - weights[1];
  const std::int64_t w = input[2] + 2 * conv.pad_w + conv.extra_w - weights[2];
  require(h >= 0 && w >= 0, "conv: a {}x{} kernel does not fit input {} with padding {}, {}",
          weights[1], weights[2], input, conv.pad_h, conv.pad_w);
  return {input[0], h / conv.stride_h + 1, w / conv.stride_w + 1, weights[0]};
}

void conv_forward(const Conv2d& conv, const ConvForward& args, Stream& stream) {
  const char* who = "conv_forward";
  check(args.input, who);
  const Tensor& x = args.input.x1;
  require(x.rank() == 4, "{}: input must be [N, H, W, C], not {}", who, x);
  check_weights(args.weights, x.shape(), x.dtype(), who);
  const Shape shape = conv_output_shape(conv, x.shape(), args.weights.shape());
  check_like(args.output, shape, x.dtype(), x.device(), "output", who);
  if (args.residual) {
    check_like(args.residual, shape, x.dtype(), x.device(), "residual", who);
  }
  if (args.bias) check_like(args.bias, {shape[3]}, wide(x.dtype()), x.device(), "bias", who);
  for (const Tensor& vector : {args.after.scale, args.after.shift}) {
    if (vector) check_like(vector, {shape[3]}, wide(x.dtype()), x.device(), "after", who);
  }
  require(args.grid >= 0, "{}: grid must not be negative", who);
  require(args.grid == 0 || x.dtype() != Dtype::bf16, "{}: a grid needs float32 or float64", who);
  require(args.output.raw() != x.raw() || x.size() == 0, "{}: output must not be the input", who);
  if (args.moments) args.moments->ensure(shape[3], x.device());
  if (args.norm) {
    require(args.moments && args.norm->moments == args.moments, "{}: norm is not of the moments",
            who);
    for (const Tensor* vector : {&args.norm->gamma, &args.norm->beta, &args.norm->affine.scale,
                                 &args.norm->affine.shift, &args.norm->mean, &args.norm->inv_std}) {
      check_like(*vector, {shape[3]}, wide(x.dtype()), x.device(), "a vector of norm", who);
    }
  }
  if (x.device().is_cpu()) {
    cpu::conv_forward(conv, args);
    if (args.norm) batch_norm_forward(*args.norm);
  } else {
    cuda::conv_forward(conv, args, stream);
  }
}

void conv_backward(const Conv2d& conv, const ConvBackward& args, Stream& stream) {
  const char* who = "conv_backward";
  check(args.input, who);
  check(args.gradient, who);
  const Tensor& x = args.input.x1;
  require(x.rank() == 4, "{}: input must be [N, H, W, C], not {}", who, x);
  check_weights(args.weights, x.shape(), x.dtype(), who);
  const Shape shape = conv_output_shape(conv, x.shape(), args.weights.shape());
  check_like(args.gradient.g, shape, x.dtype(), x.device(), "gradient", who);
  if (args.d_input) {
    check_like(args.d_input, x.shape(), x.dtype(), x.device(), "d_input", who);
    check(args.reductions, args.d_input, who);
  }
  require(args.d_input || (!args.shortcut && !args.reductions[0].sums && !args.reductions[1].sums),
          "{}: shortcut and reductions need d_input", who);
  if (args.shortcut) {
    check_like(args.shortcut, x.shape(), x.dtype(), x.device(), "shortcut", who);
  }
  if (args.d_weights) {
    check_like(args.d_weights, args.weights.shape(), wide(x.dtype()), x.device(), "d_weights", who);
  }
  if (args.d_bias) check_like(args.d_bias, {shape[3]}, wide(x.dtype()), x.device(), "d_bias", who);
  if (x.device().is_cpu()) {
    cpu::conv_backward(conv, args);
  } else {
    cuda::conv_backward(conv, args, stream);
  }
}

}  // namespace rn::ops
