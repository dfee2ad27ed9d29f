// Packs: one cache line of channels as native vectors (GCC vector extensions), or a single value
// with the same operations for the remaining channels. Kernels are written once over either.
#pragma once

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#include "tensor/bfloat16.h"

namespace rn::ops::cpu {

#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64;
#elif defined(__AVX__)
inline constexpr int vector_bytes = 32;
#else
inline constexpr int vector_bytes = 16;
#endif

template <class T>
struct Native;
template <>
struct Native<float> {
  typedef float type __attribute__((vector_size(vector_bytes)));
  typedef float memory __attribute__((vector_size(vector_bytes), aligned(4), may_alias));
};
template <>
struct Native<double> {
  typedef double type __attribute__((vector_size(vector_bytes)));
  typedef double memory __attribute__((vector_size(vector_bytes), aligned(8), may_alias));
};

// As many bf16 as a native vector has floats: widened by a shift, rounded to nearest even.
struct Halves {
  static constexpr int count = vector_bytes / 4;
  typedef std::uint16_t memory __attribute__((vector_size(count * 2), aligned(2), may_alias));
  typedef std::uint32_t words __attribute__((vector_size(vector_bytes)));
  using V = Native<float>::type;

  static V load(const bfloat16* p) {
    const auto half = *reinterpret_cast<const memory*>(p);
    typedef std::uint16_t values __attribute__((vector_size(count * 2)));
    return (V)(__builtin_convertvector((values)half, words) << 16);
  }
  static void store(V v, bfloat16* p) {
#if defined(__AVX512BF16__)
    *reinterpret_cast<memory*>(p) = (memory)_mm512_cvtneps_pbh((__m512)v);
#else
    const words w = (words)v;
    const words rounded = (w + 0x7fff + ((w >> 16) & 1)) >> 16;
    const words quiet = (w >> 16) | 0x40;
    *reinterpret_cast<memory*>(p) = __builtin_convertvector(v == v ? rounded : quiet, memory);
#endif
  }
};

template <class T>
struct LinePack {
  static constexpr int width = 64 / static_cast<int>(sizeof(T));
  static constexpr int parts = 64 / vector_bytes;
  static constexpr int part_width = vector_bytes / static_cast<int>(sizeof(T));
  using V = typename Native<T>::type;
  using M = typename Native<T>::memory;
  V v[parts];

  static LinePack load(const T* p) {
    LinePack r;
    for (int i = 0; i < parts; ++i) r.v[i] = *reinterpret_cast<const M*>(p + i * part_width);
    return r;
  }
  static LinePack load(const bfloat16* p) {
    LinePack r;
    for (int i = 0; i < parts; ++i) r.v[i] = Halves::load(p + i * part_width);
    return r;
  }
  static LinePack fill(T x) {
    LinePack r;
    for (int i = 0; i < parts; ++i) r.v[i] = x - V{};
    return r;
  }
  void store(T* p) const {
    for (int i = 0; i < parts; ++i) *reinterpret_cast<M*>(p + i * part_width) = v[i];
  }
  void store(bfloat16* p) const {
    for (int i = 0; i < parts; ++i) Halves::store(v[i], p + i * part_width);
  }
  friend LinePack operator+(LinePack a, LinePack b) {
    for (int i = 0; i < parts; ++i) a.v[i] += b.v[i];
    return a;
  }
  friend LinePack operator-(LinePack a, LinePack b) {
    for (int i = 0; i < parts; ++i) a.v[i] -= b.v[i];
    return a;
  }
  friend LinePack operator*(LinePack a, LinePack b) {
    for (int i = 0; i < parts; ++i) a.v[i] *= b.v[i];
    return a;
  }
  // max(x, 0), NaN stays NaN
  friend LinePack relu(LinePack a) {
    for (int i = 0; i < parts; ++i) a.v[i] = a.v[i] <= V{} ? V{} : a.v[i];
    return a;
  }
  // d where x > 0 (or is NaN), else 0
  friend LinePack where_positive(LinePack x, LinePack d) {
    for (int i = 0; i < parts; ++i) d.v[i] = x.v[i] <= V{} ? V{} : d.v[i];
    return d;
  }
};

template <class T>
struct SinglePack {
  static constexpr int width = 1;
  T v;
  static SinglePack load(const T* p) { return {*p}; }
  static SinglePack load(const bfloat16* p) { return {static_cast<T>(*p)}; }
  static SinglePack fill(T x) { return {x}; }
  void store(T* p) const { *p = v; }
  void store(bfloat16* p) const { *p = bfloat16(v); }
  friend SinglePack operator+(SinglePack a, SinglePack b) { return {a.v + b.v}; }
  friend SinglePack operator-(SinglePack a, SinglePack b) { return {a.v - b.v}; }
  friend SinglePack operator*(SinglePack a, SinglePack b) { return {a.v * b.v}; }
  friend SinglePack relu(SinglePack a) { return {a.v <= T(0) ? T(0) : a.v}; }
  friend SinglePack where_positive(SinglePack x, SinglePack d) {
    return {x.v <= T(0) ? T(0) : d.v};
  }
};

// Calls f.template operator()<Pack>(c) for every pack of channels [c, c + Pack::width).
template <class T, class F>
void for_packs(long channels, F&& f) {
  long c = 0;
  for (; c + LinePack<T>::width <= channels; c += LinePack<T>::width) {
    f.template operator()<LinePack<T>>(c);
  }
  for (; c < channels; ++c) f.template operator()<SinglePack<T>>(c);
}

}  // namespace rn::ops::cpu
