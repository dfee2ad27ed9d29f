#include "ops/cpu/finite.h"
#include "ops/cpu/ops.h"
#include "ops/cpu/parameters.h"

namespace rn::ops::cpu {
namespace {

template <class T>
struct Rates {
  T lr, momentum, weight_decay;
  bool nesterov;
};

// The new slot and value of one element. Both passes call it, so that what is checked is exactly
// what is committed.
template <class T>
inline void update(const Rates<T>& rates, T gradient, T& value, T& slot) {
  const T g = gradient + rates.weight_decay * value;
  const T m = rates.momentum * slot + g;
  value -= rates.lr * (rates.nesterov ? g + rates.momentum * m : m);
  slot = m;
}

template <class T>
Rates<T> rates_of(const Sgd& attr, const SgdParameter& parameter) {
  return {static_cast<T>(attr.lr * parameter.lr_scale), static_cast<T>(attr.momentum),
          static_cast<T>(parameter.weight_decay), attr.nesterov};
}

template <class T>
bool stays_finite(const Rates<T>& rates, const SgdParameter& parameter, std::int64_t begin,
                  std::int64_t end) {
  const T* value = parameter.value.data<T>();
  const T* gradient = parameter.gradient.data<T>();
  const T* slot = parameter.momentum.data<T>();
  Flag<T> bad = 0;
  for (std::int64_t i = begin; i < end; ++i) {
    T v = value[i], m = slot[i];
    update(rates, gradient[i], v, m);
    bad |= not_finite(v) | not_finite(m);
  }
  return bad == 0;
}

template <class T>
void commit(const Rates<T>& rates, const SgdParameter& parameter, std::int64_t begin,
            std::int64_t end) {
  T* value = parameter.value.data<T>();
  const T* gradient = parameter.gradient.data<T>();
  T* slot = parameter.momentum.data<T>();
  for (std::int64_t i = begin; i < end; ++i) update(rates, gradient[i], value[i], slot[i]);
}

}  // namespace

int sgd_step(const Sgd& attr, std::span<const SgdParameter> parameters) {
  return with_float(parameters[0].value.dtype(), "sgd_step", [&]<class T>() {
    return all_or_nothing(
        parameters,
        [&](const SgdParameter& parameter, std::int64_t begin, std::int64_t end) {
          return stays_finite(rates_of<T>(attr, parameter), parameter, begin, end);
        },
        [&](const SgdParameter& parameter, std::int64_t begin, std::int64_t end) {
          commit(rates_of<T>(attr, parameter), parameter, begin, end);
        });
  });
}

}  // namespace rn::ops::cpu
