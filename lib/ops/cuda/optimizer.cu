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
    T lr, weight_decay;
  };
  T momentum;
  bool nesterov;

  template <bool commit>
  __device__ bool step(const Entry& entry, std::int64_t i) const {
    const T value = entry.value[i];
    const T g = fma(entry.weight_decay, value, entry.gradient[i]);
    const T slot = fma(momentum, entry.slot[i], g);
    const T by = nesterov ? fma(momentum, slot, g) : slot;
    const T to = fma(-entry.lr, by, value);
    if constexpr (commit) {
      entry.value[i] = to;
      entry.slot[i] = slot;
    }
    return isfinite(to) && isfinite(slot);
  }
};

}  // namespace

int sgd_step(const Sgd& attr, std::span<const SgdParameter> parameters, Stream& stream) {
  return with_float(parameters[0].value.dtype(), "sgd_step", [&]<class T>() {
    const SgdRule<T> rule{static_cast<T>(attr.momentum), attr.nesterov};
    const auto entry = [&](const SgdParameter& from) -> typename SgdRule<T>::Entry {
      return {pointer<T>(from.value),
              pointer<T>(from.momentum),
              pointer<T>(from.gradient),
              from.value.size(),
              static_cast<T>(attr.lr * from.lr_scale),
              static_cast<T>(from.weight_decay)};
    };
    return step_all("sgd_step", rule, parameters, entry, stream);
  });
}

}  // namespace rn::ops::cuda
