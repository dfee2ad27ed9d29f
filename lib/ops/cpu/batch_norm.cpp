#include <cmath>

#include "ops/cpu/ops.h"

namespace rn::ops::cpu {

// Shifts are computed from the scales as rounded, so that scale*mean + shift cancels to beta even
// where the mean is ten thousand standard deviations.

void batch_norm_forward(const BatchNormForward& args) {
  with_float(args.gamma.dtype(), "batch_norm_forward", [&]<class T>() {
    const auto gamma = args.gamma.span<T>(), beta = args.beta.span<T>();
    const auto scale = args.affine.scale.span<T>(), shift = args.affine.shift.span<T>();
    const auto mean_out = args.mean.span<T>(), inv_std_out = args.inv_std.span<T>();
    for (std::size_t c = 0; c < gamma.size(); ++c) {
      double mean, var;
      if (args.moments) {
        mean = args.moments->mean.data<double>()[c];
        var = args.moments->m2.data<double>()[c] / static_cast<double>(args.moments->count);
      } else {
        mean = args.running_mean.data<T>()[c];
        var = args.running_var.data<T>()[c];
      }
      const double inv_std = 1 / std::sqrt(var + args.eps);
      scale[c] = static_cast<T>(args.gate * gamma[c] * inv_std);
      shift[c] = static_cast<T>(args.gate * beta[c] - static_cast<double>(scale[c]) * mean);
      mean_out[c] = static_cast<T>(mean);
      inv_std_out[c] = static_cast<T>(inv_std);
    }
  });
}

void batch_norm_backward(const BatchNormBackward& args) {
  with_float(args.gamma.dtype(), "batch_norm_backward", [&]<class T>() {
    const auto gamma = args.gamma.span<T>(), mean = args.mean.span<T>();
    const auto inv_std = args.inv_std.span<T>(), p = args.p.span<T>();
    const double* sums = args.sums.data<double>();
    const std::size_t channels = gamma.size();
    T* q = args.q ? args.q.data<T>() : nullptr;
    T* r = args.r ? args.r.data<T>() : nullptr;
    T* d_gamma = args.d_gamma ? args.d_gamma.data<T>() : nullptr;
    T* d_beta = args.d_beta ? args.d_beta.data<T>() : nullptr;
    const double share = args.count > 0 ? 1 / static_cast<double>(args.count) : 0;
    for (std::size_t c = 0; c < channels; ++c) {
      const double s0 = sums[c], s1 = sums[channels + c];
      const double inv = inv_std[c], scale = args.gate * gamma[c] * inv;
      if (d_gamma) d_gamma[c] += static_cast<T>(args.gate * inv * s1);
      if (d_beta) d_beta[c] += static_cast<T>(args.gate * s0);
      p[c] = static_cast<T>(scale);
      const T slope = static_cast<T>(-scale * inv * inv * s1 * share);
      if (q) q[c] = slope;
      if (r) r[c] = static_cast<T>(-scale * s0 * share - static_cast<double>(slope) * mean[c]);
    }
  });
}

void batch_norm_update(const Moments& moments, double momentum, bool unbiased,
                       const Tensor& running_mean, const Tensor& running_var) {
  with_float(running_mean.dtype(), "batch_norm_update", [&]<class T>() {
    const auto mean = running_mean.span<T>(), var = running_var.span<T>();
    const double* batch_mean = moments.mean.data<double>();
    const double* batch_m2 = moments.m2.data<double>();
    const double share = 1 / static_cast<double>(moments.count - (unbiased ? 1 : 0));
    for (std::size_t c = 0; c < mean.size(); ++c) {
      mean[c] = static_cast<T>((1 - momentum) * mean[c] + momentum * batch_mean[c]);
      var[c] = static_cast<T>((1 - momentum) * var[c] + momentum * batch_m2[c] * share);
    }
  });
}

}  // namespace rn::ops::cpu
