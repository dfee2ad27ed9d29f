// Batch normalisation's forward arithmetic for one channel: for the op itself (batch_norm.cu), and
// for whoever merges the moments before it.
#pragma once

#include "ops/batch_norm.h"
#include "ops/cuda/launch.h"

namespace rn::ops::cuda {

template <class T>
struct NormForwardAt {
  std::int64_t channels;
  const double *batch_mean, *batch_m2;
  double count;
  const T *running_mean, *running_var, *gamma, *beta;
  double eps, gate;
  T *scale, *shift, *mean, *inv_std;

  explicit NormForwardAt(const BatchNormForward& args)
      : channels(args.gamma.size()),
        batch_mean(args.moments ? pointer<double>(args.moments->mean) : nullptr),
        batch_m2(args.moments ? pointer<double>(args.moments->m2) : nullptr),
        count(args.moments ? static_cast<double>(args.moments->count) : 0),
        running_mean(pointer<T>(args.running_mean)),
        running_var(pointer<T>(args.running_var)),
        gamma(pointer<T>(args.gamma)),
        beta(pointer<T>(args.beta)),
        eps(args.eps),
        gate(args.gate),
        scale(pointer<T>(args.affine.scale)),
        shift(pointer<T>(args.affine.shift)),
        mean(pointer<T>(args.mean)),
        inv_std(pointer<T>(args.inv_std)) {}

  __device__ void operator()(std::int64_t c, double of_mean, double var) const {
    const double inverse = 1 / sqrt(var + eps);
    const T by = static_cast<T>(gate * gamma[c] * inverse);
    scale[c] = by;
    shift[c] = static_cast<T>(gate * beta[c] - static_cast<double>(by) * of_mean);
    mean[c] = static_cast<T>(of_mean);
    inv_std[c] = static_cast<T>(inverse);
  }
};

}  // namespace rn::ops::cuda
