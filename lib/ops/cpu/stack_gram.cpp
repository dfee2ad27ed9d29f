// All products of the gradients of an image. A run of every gradient stays in the L1 cache while
// all pairs are taken: each is read from memory once.
#include <algorithm>

#include "base/parallel.h"
#include "ops/cpu/scratch.h"
#include "ops/cpu/stack.h"

namespace rn::ops::cpu {
namespace {

constexpr std::int64_t run = 512;
constexpr int width = 16;

// <a, b[0]>, ..., <a, b[3]> over n numbers; b's lie `stride` apart.
template <class T>
void products4(const T* a, const T* b, std::int64_t stride, std::int64_t n, double* out) {
  T sums[4][width] = {};
  std::int64_t i = 0;
  for (; i + width <= n; i += width) {
    for (int k = 0; k < width; ++k) {
      const T x = a[i + k];
      sums[0][k] += x * b[i + k];
      sums[1][k] += x * b[stride + i + k];
      sums[2][k] += x * b[2 * stride + i + k];
      sums[3][k] += x * b[3 * stride + i + k];
    }
  }
  for (int j = 0; j < 4; ++j) {
    double all = 0;
    for (int k = 0; k < width; ++k) all += static_cast<double>(sums[j][k]);
    for (std::int64_t t = i; t < n; ++t) {
      all += static_cast<double>(a[t]) * static_cast<double>(b[j * stride + t]);
    }
    out[j] += all;
  }
}

template <class T>
double product1(const T* a, const T* b, std::int64_t n) {
  T sums[width] = {};
  std::int64_t i = 0;
  for (; i + width <= n; i += width) {
    for (int k = 0; k < width; ++k) sums[k] += a[i + k] * b[i + k];
  }
  double all = 0;
  for (int k = 0; k < width; ++k) all += static_cast<double>(sums[k]);
  for (; i < n; ++i) all += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return all;
}

}  // namespace

void stack_gram(const Tensor& x, std::int64_t images, const Tensor& gram) {
  const std::int64_t count = x.dim(0) / images,
                     size = x.size() / std::max<std::int64_t>(x.dim(0), 1);
  with_float(x.dtype(), "stack_gram", [&]<class T>() {
    parallel_for(static_cast<int>(images), [&](int n) {
      const T* first = x.data<T>() + n * size;
      const std::int64_t stride = images * size;  // from gradient to gradient
      double* out = gram.data<double>() + n * count * count;
      std::fill_n(out, count * count, 0.0);
      for (std::int64_t begin = 0; begin < size; begin += run) {
        const std::int64_t length = std::min(run, size - begin);
        for (std::int64_t i = 0; i < count; ++i) {
          const T* a = first + i * stride + begin;
          std::int64_t j = i;
          for (; j + 4 <= count; j += 4) {
            products4(a, first + j * stride + begin, stride, length, out + i * count + j);
          }
          for (; j < count; ++j) {
            out[i * count + j] += product1(a, first + j * stride + begin, length);
          }
        }
      }
      for (std::int64_t i = 0; i < count; ++i) {
        for (std::int64_t j = 0; j < i; ++j) out[i * count + j] = out[j * count + i];
      }
    });
  });
}

}  // namespace rn::ops::cpu
