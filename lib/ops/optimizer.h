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
  Tensor rate = {};  // f64 [1] on a GPU, which has lr when the step runs; else undefined
};

// PyTorch's SGD (no dampening): g = gradient + weight_decay * value; m = momentum * m + g;
// value -= lr * lr_scale * (nesterov ? g + momentum * m : m).
// All or nothing: if any new value or slot would not be finite, nothing is changed and the result
// is the number of the first such parameter; otherwise -1.
int sgd_step(const Sgd& attr, std::span<const SgdParameter> parameters,
             Stream& stream = cpu_stream());

// The same on a GPU without waiting: `flags` is i32 [n], n > 0, on the device, all of it
// `unflagged` where nothing is wrong. Sets flags[0] to the number of the first parameter that would
// not stay finite, unless it is less; changes nothing if any flag is set, by itself or before.
inline constexpr std::int32_t unflagged = 0x7f7f7f7f;
void sgd_step(const Sgd& attr, std::span<const SgdParameter> parameters, const Tensor& flags,
              Stream& stream);

}  // namespace rn::ops
