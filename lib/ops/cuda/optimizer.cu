// The step of SGD on the GPU.
#include "ops/cuda/ops.h"
#include "ops/cuda/parameters.h"

namespace rn::ops::cuda {
namespace {

template <class T>
struct SgdRule {
  struct Entry {
    T *value, *slot;
    const T* gradient;
    std::int64_t size;
    double lr_scale;
    T weight_decay;
  };
  T momentum;
  bool nesterov;
  double lr;
  const double* rate;  // which has lr, or null

  __device__ T rate_of(const Entry& entry) const {
    return static_cast<T>((rate ? *rate : lr) * entry.lr_scale);
  }
  template <bool commit>
  __device__ bool step(const Entry& entry, T by_rate, std::int64_t i) const {
    const T value = entry.value[i];
    const T g = fma(entry.weight_decay, value, entry.gradient[i]);
    const T slot = fma(momentum, entry.slot[i], g);
    const T by = nesterov ? fma(momentum, slot, g) : slot;
    const T to = fma(-by_rate, by, value);
    if constexpr (commit) {
      entry.value[i] = to;
      entry.slot[i] = slot;
    }
    return isfinite(to) && isfinite(slot);
  }
};

template <class T>
SgdRule<T> rule_of(const Sgd& attr) {
  return {static_cast<T>(attr.momentum), attr.nesterov, attr.lr, pointer<double>(attr.rate)};
}

template <class T>
typename SgdRule<T>::Entry entry_of(const SgdParameter& from) {
  return {pointer<T>(from.value),
          pointer<T>(from.momentum),
          pointer<T>(from.gradient),
          from.value.size(),
          from.lr_scale,
          static_cast<T>(from.weight_decay)};
}

}  // namespace

int sgd_step(const Sgd& attr, std::span<const SgdParameter> parameters, Stream& stream) {
  return with_float(parameters[0].value.dtype(), "sgd_step", [&]<class T>() {
    return step_all("sgd_step", rule_of<T>(attr), parameters, entry_of<T>, stream);
  });
}

void sgd_step(const Sgd& attr, std::span<const SgdParameter> parameters, const Tensor& flags,
              Stream& stream) {
  with_float(parameters[0].value.dtype(), "sgd_step", [&]<class T>() {
    const SgdRule<T> rule = rule_of<T>(attr);
    auto* at = pointer<std::int32_t>(flags);
    const auto count = static_cast<int>(flags.size());
    step_pass<false>("sgd_step", rule, parameters, entry_of<T>, at, count, stream);
    step_pass<true>("sgd_step", rule, parameters, entry_of<T>, at, count, stream);
  });
}

}  // namespace rn::ops::cuda
