#include <algorithm>
#include <atomic>

#include "base/parallel.h"
#include "ops/cpu/finite.h"
#include "ops/cpu/ops.h"
#include "ops/cpu/scratch.h"

namespace rn::ops::cpu {
namespace {

constexpr std::int64_t chunk = 1 << 16;  // elements; part of what the sums' last bits depend on

template <class F>
void for_chunks(std::int64_t size, F&& body) {
  const std::int64_t chunks = (size + chunk - 1) / chunk;
  parallel_for(static_cast<int>(chunks), [&](int i) {
    const std::int64_t begin = i * chunk;
    body(i, begin, std::min(size, begin + chunk));
  });
}

// Sum of f(x) in f64: 16 running sums a chunk, chunks in order.
template <class F>
double total(const Tensor& x, F&& f) {
  const std::int64_t chunks = (x.size() + chunk - 1) / chunk;
  double* partial = scratch<double>(Slot::partial, chunks);
  with_activation(x.dtype(), "sum", [&]<class T>() {
    const T* data = x.data<T>();
    for_chunks(x.size(), [&](int at, std::int64_t begin, std::int64_t end) {
      constexpr int width = 16;
      double sums[width] = {};
      std::int64_t i = begin;
      for (; i + width <= end; i += width) {
        for (int k = 0; k < width; ++k) sums[k] += f(static_cast<double>(data[i + k]));
      }
      for (int k = 0; i < end; ++i, ++k) sums[k] += f(static_cast<double>(data[i]));
      double all = 0;
      for (const double s : sums) all += s;
      partial[at] = all;
    });
  });
  double all = 0;
  for (std::int64_t i = 0; i < chunks; ++i) all += partial[i];
  return all;
}

}  // namespace

bool all_finite(const Tensor& x) {
  return with_activation(x.dtype(), "all_finite", [&]<class T>() {
    const T* data = x.data<T>();
    std::atomic<bool> finite{true};
    for_chunks(x.size(), [&](int, std::int64_t begin, std::int64_t end) {
      Flag<Wide<T>> bad = 0;
      for (std::int64_t i = begin; i < end; ++i) bad |= not_finite<Wide<T>>(data[i]);
      if (bad) finite = false;
    });
    return finite.load();
  });
}

double sum(const Tensor& x) {
  return total(x, [](double v) { return v; });
}

double sum_squares(const Tensor& x) {
  return total(x, [](double v) { return v * v; });
}

}  // namespace rn::ops::cpu
