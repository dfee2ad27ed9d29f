// Batch normalisation in pieces (Ioffe and Szegedy 2015): between them stand the convolutions that
// compute moments, apply the affine map and reduce the gradients. All vectors are [C], f32
// or f64 (f32 beside bf16 activations), moments and sums f64. Small: per-channel work only.
#pragma once

#include <span>

#include "ops/operand.h"

namespace rn::ops {

// From moments to the affine map y = scale*c + shift of the batch (biased variance m2 / count):
// scale = gate * gamma * inv_std, shift = gate * (beta - gamma * mean * inv_std). Overwrites
// forward's four outputs.
struct BatchNormForward {
  const Moments* moments = nullptr;  // the batch's statistics, or
  Tensor running_mean, running_var;  // [C]: frozen statistics (when moments is null)
  Tensor gamma, beta;                // [C]
  double eps = 1e-5;
  double gate = 1;       // scales the whole output
  Affine affine;         // out
  Tensor mean, inv_std;  // out: [C]
};
void batch_norm_forward(const BatchNormForward& args, Stream& stream = cpu_stream());

// From the reductions of the output's gradient g (sums[0] = sum g, sums[1] = sum g*(c - mean)) to
// the coefficients of the input's gradient p*g + q*c + r:
//   d_gamma += gate * inv_std * sums[1],  d_beta += gate * sums[0]   (added; may be undefined)
//   p = gate * gamma * inv_std, and with the batch's statistics (count > 0)
//   q = -p * inv_std^2 * sums[1] / count,  r = -p * sums[0] / count - q * mean;
//   with frozen statistics (count = 0) q = r = 0.
struct BatchNormBackward {
  Tensor sums;  // f64 [2, C]
  std::int64_t count = 0;
  Tensor gamma, mean, inv_std;
  double gate = 1;
  Tensor p, q, r;          // out: [C]; q and r may be undefined when count = 0
  Tensor d_gamma, d_beta;  // added
};
void batch_norm_backward(const BatchNormBackward& args, Stream& stream = cpu_stream());

// running := (1 - momentum) * running + momentum * batch (PyTorch's convention of momentum), the
// variance unbiased (m2 / (count - 1)) when `unbiased`, as PyTorch does.
void batch_norm_update(const Moments& moments, double momentum, bool unbiased,
                       const Tensor& running_mean, const Tensor& running_var,
                       Stream& stream = cpu_stream());

// The same for many norms, in their order: on a GPU, in few launches.
struct BatchNormUpdate {
  Moments moments;
  double momentum = 0.1;
  bool unbiased = true;
  Tensor running_mean, running_var;
};
void batch_norm_update(std::span<const BatchNormUpdate> updates, Stream& stream = cpu_stream());

}  // namespace rn::ops
