#include <cmath>

#include "ops/cpu/finite.h"
#include "ops/cpu/ops.h"
#include "ops/cpu/parameters.h"

namespace rn::ops::cpu {
namespace {

template <class T>
struct Rates {
  T keep, decay;  // of the value, before the step; added to the gradient
  T beta1, rest1, beta2, rest2;
  T step, root, eps;  // lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t)
};

template <class T>
Rates<T> rates_of(const Adam& attr, const AdamParameter& parameter) {
  const double lr = attr.lr * parameter.lr_scale, wd = parameter.weight_decay;
  const auto t = static_cast<double>(attr.step);
  return {.keep = static_cast<T>(attr.decoupled ? 1 - lr * wd : 1),
          .decay = static_cast<T>(attr.decoupled ? 0 : wd),
          .beta1 = static_cast<T>(attr.beta1),
          .rest1 = static_cast<T>(1 - attr.beta1),
          .beta2 = static_cast<T>(attr.beta2),
          .rest2 = static_cast<T>(1 - attr.beta2),
          .step = static_cast<T>(lr / (1 - std::pow(attr.beta1, t))),
          .root = static_cast<T>(1 / std::sqrt(1 - std::pow(attr.beta2, t))),
          .eps = static_cast<T>(attr.eps)};
}

// Both passes call it, so that what is checked is exactly what is committed.
template <class T>
inline void update(const Rates<T>& r, T gradient, T& value, T& mean, T& square) {
  const T g = gradient + r.decay * value;
  mean = r.beta1 * mean + r.rest1 * g;
  square = r.beta2 * square + r.rest2 * g * g;
  value = r.keep * value - r.step * mean / (std::sqrt(square) * r.root + r.eps);
}

}  // namespace

int adam_step(const Adam& attr, std::span<const AdamParameter> parameters) {
  return with_float(parameters[0].value.dtype(), "adam_step", [&]<class T>() {
    return all_or_nothing(
        parameters,
        [&](const AdamParameter& p, std::int64_t begin, std::int64_t end) {
          const Rates<T> rates = rates_of<T>(attr, p);
          const T *value = p.value.data<T>(), *gradient = p.gradient.data<T>(),
                  *mean = p.mean.data<T>(), *square = p.square.data<T>();
          Flag<T> bad = 0;
          for (std::int64_t i = begin; i < end; ++i) {
            T v = value[i], m = mean[i], s = square[i];
            update(rates, gradient[i], v, m, s);
            bad |= not_finite(v) | not_finite(m) | not_finite(s);
          }
          return bad == 0;
        },
        [&](const AdamParameter& p, std::int64_t begin, std::int64_t end) {
          const Rates<T> rates = rates_of<T>(attr, p);
          T *value = p.value.data<T>(), *mean = p.mean.data<T>(), *square = p.square.data<T>();
          const T* gradient = p.gradient.data<T>();
          for (std::int64_t i = begin; i < end; ++i) {
            update(rates, gradient[i], value[i], mean[i], square[i]);
          }
        });
  });
}

}  // namespace rn::ops::cpu
