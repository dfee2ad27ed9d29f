// The median of 3 x 3 and of 5 x 5 values by exchanges alone, in registers.
#pragma once

#include <cuda_runtime.h>

namespace rn::ops::cuda {

template <class T>
__device__ void order(T& a, T& b) {
  const T low = a < b ? a : b, high = a < b ? b : a;
  a = low;
  b = high;
}

// The smallest of v[0 .. n) to the front, the largest to the end.
template <int n, class T>
__device__ void ends(T* v) {
#pragma unroll
  for (int i = 0; i < n / 2; ++i) order(v[i], v[n - 1 - i]);
#pragma unroll
  for (int i = 1; i < (n + 1) / 2; ++i) order(v[0], v[i]);
#pragma unroll
  for (int i = n / 2; i < n - 1; ++i) order(v[i], v[n - 1]);
}

// Of the `held` values in v and the held - 3 in `next`: what is smallest or largest of more
// than half of all is not the median; it goes, and makes room for one that was not looked at yet.
template <int held, class T>
__device__ T median_of(T* v, const T* next) {
  ends<held>(v);
  if constexpr (held == 3) {
    return v[1];
  } else {
    v[0] = *next;
    return median_of<held - 1>(v, next + 1);
  }
}

// side * side values, which are overwritten. side 3 or 5.
template <int side, class T>
__device__ T median(T* v) {
  constexpr int held = side * side / 2 + 2;
  return median_of<held>(v, v + held);
}

}  // namespace rn::ops::cuda
