// The steps of Adam and AdamW on the GPU.
#include <cmath>

#include "ops/cuda/ops.h"
#include "ops/cuda/parameters.h"

namespace rn::ops::cuda {
namespace {

template <class T>
struct AdamRule {
  struct Entry {
    T *value, *mean, *square;
    const T* gradient;
    std::int64_t size;
    T keep, decay,
        rate;  // of the value, before the step; added to the gradient; lr / (1 - beta1^t)
  };
  T beta1, rest1, beta2, rest2;
  T root, eps;  // 1 / sqrt(1 - beta2^t)

  __device__ T rate_of(const Entry& entry) const { return entry.rate; }
  template <bool commit>
  __device__ bool step(const Entry& entry, T rate, std::int64_t i) const {
    const T value = entry.value[i];
    const T g = fma(entry.decay, value, entry.gradient[i]);
    const T mean = fma(beta1, entry.mean[i], rest1 * g);
    const T square = fma(beta2, entry.square[i], rest2 * g * g);
    const T by = rate * mean / fma(sqrt(square), root, eps);
    const T to = fma(entry.keep, value, -by);
    if constexpr (commit) {
      entry.value[i] = to;
      entry.mean[i] = mean;
      entry.square[i] = square;
    }
    return isfinite(to) && isfinite(mean) && isfinite(square);
  }
};

}  // namespace

int adam_step(const Adam& attr, std::span<const AdamParameter> parameters, Stream& stream) {
  return with_float(parameters[0].value.dtype(), "adam_step", [&]<class T>() {
    const auto t = static_cast<double>(attr.step);
    const AdamRule<T> rule{static_cast<T>(attr.beta1),
                           static_cast<T>(1 - attr.beta1),
                           static_cast<T>(attr.beta2),
                           static_cast<T>(1 - attr.beta2),
                           static_cast<T>(1 / std::sqrt(1 - std::pow(attr.beta2, t))),
                           static_cast<T>(attr.eps)};
    const auto entry = [&](const AdamParameter& from) -> typename AdamRule<T>::Entry {
      const double lr = attr.lr * from.lr_scale, wd = from.weight_decay;
      return {pointer<T>(from.value),
              pointer<T>(from.mean),
              pointer<T>(from.square),
              pointer<T>(from.gradient),
              from.value.size(),
              static_cast<T>(attr.decoupled ? 1 - lr * wd : 1),
              static_cast<T>(attr.decoupled ? 0 : wd),
              static_cast<T>(lr / (1 - std::pow(attr.beta1, t)))};
    };
    return step_all("adam_step", rule, parameters, entry, stream);
  });
}

}  // namespace rn::ops::cuda
