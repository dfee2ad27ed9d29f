// A test for NaN and Inf that compilers turn into vector code: flags as wide as the numbers.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace rn::ops::cpu {

template <class T>
using Flag = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

// 0 for a number, 1 for NaN and Inf.
template <class T>
inline Flag<T> not_finite(T x) {
  return std::abs(x) <= std::numeric_limits<T>::max() ? Flag<T>(0) : Flag<T>(1);
}

}  // namespace rn::ops::cpu
