// Many gradients of the same images at once: a stack is [K * N, ...], K gradients of N images each,
// one gradient of all images after the other. They share the activations they meet on their way
// back: masks, scales and weights. Used where every gradient is of interest on its own (the
// gradient by path length). Statistics are frozen: an image's gradient is its own.
#pragma once

#include <span>

#include "ops/conv.h"

namespace rn::ops {

// Where a gradient of a stack comes from, as numbers of gradients in other stacks; -1: from none.
struct StackRow {
  std::int64_t conv = -1, add = -1;
};

// Backward through one convolution, for J gradients made from K and A ones:
//   d_input[j] := scale * mask * (convT(p * g[conv_j]) + inside[add_j]) + outside[add_j]
// overwritten; mask is that of the operand's activation. `inside` and `outside` may be undefined.
struct ConvStack {
  std::int64_t images = 0;         // N
  Tensor g;                        // [K * N, P, Q, O]
  Tensor p;                        // [O], optional
  Operand input;                   // [N, H, W, I]
  Tensor weights;                  // [O, KH, KW, I]
  double alpha = 1;                // times convT
  Tensor scale;                    // [I], optional
  Tensor inside, outside;          // [A * N, H, W, I]
  std::span<const StackRow> rows;  // J of them
  Tensor d_input;                  // [J * N, H, W, I], memory of its own
};
void conv_stack_backward(const Conv2d& conv, const ConvStack& args, Stream& stream = cpu_stream());

// Gradients of the weights, image by image, of which only squares and products are kept:
//   squares[k][n] += |dW|^2,  dots[k][n] += <dW, dW of gradient `total`>
// with dW that of alpha * p * g[k] of image n.
struct ConvStackWeights {
  std::int64_t images = 0;
  Tensor g;       // [K * N, P, Q, O]
  Tensor p;       // [O], optional
  Operand input;  // [N, H, W, I]
  Shape weights;  // [O, KH, KW, I]
  double alpha = 1;
  std::int64_t total = 0;
  Tensor squares, dots;  // f64 [K, N], added
};
void conv_stack_weights(const Conv2d& conv, const ConvStackWeights& args,
                        Stream& stream = cpu_stream());

// squares[k][n] := |x[k][n]|^2, dots[k][n] := <x[k][n], x[total][n]>. x [K * N, ...]; f64 [K, N].
void stack_products(const Tensor& x, std::int64_t images, std::int64_t total, const Tensor& squares,
                    const Tensor& dots, Stream& stream = cpu_stream());

// All products of an image's gradients: gram[n][i][j] := <x[i][n], x[j][n]>. x [K * N, ...] of f32
// or f64; gram f64 [N, K, K], overwritten. Sums of short runs in x's type, then in f64.
void stack_gram(const Tensor& x, std::int64_t images, const Tensor& gram,
                Stream& stream = cpu_stream());

// Masks every gradient of a stack in place, with the mask of the operand's activation.
void stack_mask(const Tensor& x, const Operand& input, Stream& stream = cpu_stream());

}  // namespace rn::ops
