// The three passes of a convolution on the GPU, each in a file of its own. Arguments as in
// ops/conv.h, checked; what is to be stored on the way is stored (its value is read as x1 or g).
#pragma once

#include "ops/conv.h"
#include "ops/cuda/conv_tile.h"
#include "ops/stack.h"

namespace rn::ops::cuda {

// Axes of the passes that write the output, or the gradient of the input.
struct Axes {
  Axis down, along;
  Axes(const Conv2d& conv, const Shape& input, const Shape& output, const Shape& weights,
       bool backward) {
    const auto axis = [&](int stride, int pad, std::size_t at) {
      const auto size = [&](const Shape& shape) { return static_cast<int>(shape[at]); };
      return Axis{static_cast<int>(weights[at]),
                  stride,
                  pad,
                  backward ? size(output) : size(input),
                  backward ? size(input) : size(output),
                  backward};
    };
    down = axis(conv.stride_h, conv.pad_h, 1);
    along = axis(conv.stride_w, conv.pad_w, 2);
  }
};

// alpha * conv + shift, what follows, and moments.
void conv_forward_pass(const Conv2d& conv, const ConvForward& args, Stream& stream);
// d_input and its reductions.
void conv_data_pass(const Conv2d& conv, const ConvBackward& args, Stream& stream);
// d_weights, added to. Neither `stored` is looked at.
void conv_weights_pass(const Conv2d& conv, const Gradient& gradient, const Operand& input,
                       double alpha, const Tensor& d_weights, Stream& stream);
// Squares and dots of ops/stack.h.
void conv_stack_products(const Conv2d& conv, const ConvStackWeights& args, Stream& stream);

// to += alpha * sums of the gradient over pixels, per channel (pointwise.cu).
void add_gradient_sums(const Gradient& gradient, double alpha, const Tensor& to, Stream& stream);

}  // namespace rn::ops::cuda
