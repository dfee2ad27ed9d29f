// bfloat16: the upper half of a float. A storage type: it is read as f32, arithmetic is f32's.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

namespace rn {

struct bfloat16 {
  std::uint16_t bits = 0;

  bfloat16() = default;
  // To the nearest, ties to even; NaN stays NaN (quiet).
  explicit bfloat16(float value) {
    const auto word = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t rounded = (word + 0x7fff + ((word >> 16) & 1)) >> 16;
    bits = static_cast<std::uint16_t>(value == value ? rounded : (word >> 16) | 0x40);
  }
  explicit bfloat16(double value) : bfloat16(static_cast<float>(value)) {}
  operator float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
};

// The type of arithmetic, of per-channel vectors and of parameters beside activations of type T.
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, bfloat16>, float, T>;

}  // namespace rn
