// Memory and by-products of passes that take many gradients of the same images through a network at
// once (ops/stack.h).
#pragma once

#include <algorithm>
#include <numeric>

#include "tensor/tensor.h"

namespace rn::nn {

// One piece of memory for two stacks, at its two ends: the gradients that enter a block (with what
// is computed on the way through) and those that leave it. flip() makes these the next that enter.
class StackArena {
 public:
  // Memory for so many elements.
  void reserve(std::int64_t elements, Dtype dtype, Device device = cpu) {
    memory_.ensure({elements}, dtype, Tag::activation, device);
    used_[0] = used_[1] = 0;
    out_ = 0;
  }
  // Uninitialised. Errors: shape, where it does not fit.
  Tensor take_out(const Shape& shape) { return take(shape, out_); }
  Tensor take_inner(const Shape& shape) { return take(shape, 1 - out_); }
  void flip() {  // nothing but what leaves is kept
    out_ = 1 - out_;
    used_[out_] = 0;
  }

 private:
  Tensor take(const Shape& shape, int end) {
    const std::int64_t size = element_count(shape);
    require(used_[0] + used_[1] + size <= memory_.size(), "StackArena: {} + {} + {} of {}",
            used_[0], used_[1], size, memory_.size());
    const std::int64_t at = end == 0 ? used_[0] : memory_.size() - used_[1] - size;
    used_[end] += size;
    return memory_.slice(at, at + size).reshape(shape);
  }

  Tensor memory_;
  std::int64_t used_[2] = {0, 0};
  int out_ = 0;
};

// Products of the gradients of a block's convolution weights (its shortcut's projection left out),
// image by image: squares[k][n] of gradient k, dots[k][n] with gradient `total`. f64 [K, N], added.
struct StackWeights {
  std::int64_t total = 0;
  Tensor squares, dots;
};

}  // namespace rn::nn
