#include <atomic>
#include <limits>

#include "base/parallel.h"
#include "ops/cpu/finite.h"
#include "ops/cpu/ops.h"

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

// Calls body(i, parameter, begin, end) for the lane's part of all parameters laid end to end.
template <class F>
void for_lane(std::span<const SgdParameter> parameters, int lane, F&& body) {
  std::int64_t total = 0;
  for (const SgdParameter& parameter : parameters) total += parameter.value.size();
  const Range range = lane_range(total, lanes(), lane);
  std::int64_t start = 0;
  for (std::size_t i = 0; i < parameters.size() && start < range.end; ++i) {
    const std::int64_t size = parameters[i].value.size();
    const std::int64_t begin = std::max<std::int64_t>(0, range.begin - start);
    const std::int64_t end = std::min(size, range.end - start);
    if (begin < end) body(static_cast<int>(i), parameters[i], begin, end);
    start += size;
  }
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
    constexpr int none = std::numeric_limits<int>::max();
    std::atomic<int> first{none};
    parallel_for(lanes(), [&](int lane) {
      for_lane(parameters, lane,
               [&](int i, const SgdParameter& parameter, std::int64_t begin, std::int64_t end) {
                 if (stays_finite(rates_of<T>(attr, parameter), parameter, begin, end)) return;
                 for (int seen = first; i < seen && !first.compare_exchange_weak(seen, i);) {
                 }
               });
    });
    if (first != none) return first.load();
    parallel_for(lanes(), [&](int lane) {
      for_lane(parameters, lane,
               [&](int, const SgdParameter& parameter, std::int64_t begin, std::int64_t end) {
                 commit(rates_of<T>(attr, parameter), parameter, begin, end);
               });
    });
    return -1;
  });
}

}  // namespace rn::ops::cpu
