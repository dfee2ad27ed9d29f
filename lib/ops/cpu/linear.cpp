#include <algorithm>

#include "base/parallel.h"
#include "ops/cpu/ops.h"
#include "ops/linalg.h"

namespace rn::ops::cpu {
namespace {

constexpr std::int64_t feature_chunk = 16;  // output features whose weight gradient is one product

}  // namespace

void linear_forward(const Tensor& input, const Tensor& weights, const Tensor& bias,
                    const Tensor& output) {
  const std::int64_t count = input.dim(0), f = input.dim(1), k = weights.dim(0);
  with_float(input.dtype(), "linear_forward", [&]<class T>() {
    const T* w = weights.data<T>();
    const T* b = bias ? bias.data<T>() : nullptr;
    parallel_for(lanes(), [&](int lane) {
      const Range rows = lane_range(count, lanes(), lane);
      T* out = output.data<T>() + rows.begin * k;
      if (b) {
        for (std::int64_t n = 0; n < rows.size(); ++n) std::copy(b, b + k, out + n * k);
      }
      gemm(false, true, rows.size(), k, f, T(1), input.data<T>() + rows.begin * f, f, w, f,
           b ? T(1) : T(0), out, k);
    });
  });
}

void linear_backward(const Tensor& d_output, const Tensor& input, const Tensor& weights,
                     const Tensor& d_input, const Tensor& d_weights, const Tensor& d_bias) {
  const std::int64_t count = input.dim(0), f = input.dim(1), k = weights.dim(0);
  with_float(input.dtype(), "linear_backward", [&]<class T>() {
    const T* g = d_output.data<T>();
    if (d_input) {
      parallel_for(lanes(), [&](int lane) {
        const Range rows = lane_range(count, lanes(), lane);
        gemm(false, false, rows.size(), f, k, T(1), g + rows.begin * k, k, weights.data<T>(), f,
             T(0), d_input.data<T>() + rows.begin * f, f);
      });
    }
    if (!d_weights && !d_bias) return;
    // Every chunk of features sums over the whole batch, in one product.
    const int chunks = static_cast<int>((k + feature_chunk - 1) / feature_chunk);
    parallel_for(chunks, [&](int chunk) {
      const std::int64_t begin = chunk * feature_chunk, end = std::min(k, begin + feature_chunk);
      if (d_weights) {
        gemm(true, false, end - begin, f, count, T(1), g + begin, k, input.data<T>(), f, T(1),
             d_weights.data<T>() + begin * f, f);
      }
      for (std::int64_t j = begin; d_bias && j < end; ++j) {
        double sum = 0;
        for (std::int64_t n = 0; n < count; ++n) sum += g[n * k + j];
        d_bias.data<T>()[j] += static_cast<T>(sum);
      }
    });
  });
}

}  // namespace rn::ops::cpu
