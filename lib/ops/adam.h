// The steps of Adam (Kingma and Ba 2015, arXiv 1412.6980) and AdamW (Loshchilov and Hutter 2019,
// arXiv 1711.05101) over many parameters at once.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/tensor.h"

namespace rn::ops {

// One parameter: value, gradient and the two moments, all of one shape and dtype.
struct AdamParameter {
  Tensor value, gradient, mean, square;
  double lr_scale = 1;
  double weight_decay = 0;
};

struct Adam {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  bool decoupled = false;  // AdamW
  std::int64_t step = 1;   // of this step, counted from 1: corrects the moments' bias
};

// PyTorch's Adam and AdamW, with r = lr * lr_scale:
//   decoupled: value *= 1 - r * weight_decay, g = gradient; else g = gradient + weight_decay *
//   value mean = beta1 mean + (1 - beta1) g;  square = beta2 square + (1 - beta2) g^2 value -= r /
//   (1 - beta1^step) * mean / (sqrt(square / (1 - beta2^step)) + eps)
// All or nothing: if any new value or moment would not be finite, nothing is changed and the result
// is the number of the first such parameter; otherwise -1.
int adam_step(const Adam& attr, std::span<const AdamParameter> parameters,
              Stream& stream = cpu_stream());

}  // namespace rn::ops
