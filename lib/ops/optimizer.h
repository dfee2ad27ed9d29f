// Optimizer steps over many parameters at once.
#pragma once

#include <span>

#include "tensor/tensor.h"

namespace rn::ops {

// One parameter: value, gradient and momentum slot, all of one shape and dtype.
struct SgdParameter {
  Tensor value, gradient, momentum;
  double lr_scale = 1;
  double weight_decay = 0;
};

struct Sgd {
  double lr = 0.1;
  double momentum = 0.9;
  bool nesterov = false;
};

// PyTorch's SGD (no dampening): g = gradient + weight_decay * value; m = momentum * m + g;
// value -= lr * lr_scale * (nesterov ? g + momentum * m : m).
// All or nothing: if any new value or slot would not be finite, nothing is changed and the result
// is the number of the first such parameter; otherwise -1.
int sgd_step(const Sgd& attr, std::span<const SgdParameter> parameters,
             Stream& stream = cpu_stream());

}  // namespace rn::ops
