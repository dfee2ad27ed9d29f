// Values that are not written to memory yet (values.h), 16 bytes of neighbouring channels at a
// time.
#pragma once

#include "ops/cuda/values.h"

namespace rn::ops::cuda {

template <class T>
inline constexpr int pack_width = 16 / static_cast<int>(sizeof(T));

// Neighbouring channels: count of them (at most the width), or all, read at once, where `whole`:
// that is where the number of channels is a multiple of the width.
template <class T>
struct Pack {
  static constexpr int width = pack_width<T>;
  Wide<T> v[width];

  // As it is in memory, so that several reads can be under way before the first is unpacked.
  template <bool whole>
  static __device__ Words4 fetch(const T* from, int count) {
    if constexpr (whole) {
      return *reinterpret_cast<const Words4*>(from);
    } else {
      T some[width];
      for (int k = 0; k < width; ++k) some[k] = k < count ? from[k] : T();
      Words4 words;
      memcpy(&words, static_cast<const void*>(some), sizeof words);
      return words;
    }
  }
  __device__ void unpack(const Words4& words) {
    if constexpr (std::is_same_v<T, bfloat16>) {
      const std::uint32_t w[4] = {words.x, words.y, words.z, words.w};
      for (int k = 0; k < 4; ++k) {
        v[2 * k] = widen_low(w[k]);
        v[2 * k + 1] = widen_high(w[k]);
      }
    } else {
      memcpy(v, &words, sizeof words);
    }
  }
  // As stored: each value rounded.
  __device__ Words4 packed() const {
    T narrowed[width];
    for (int k = 0; k < width; ++k) narrowed[k] = stored_as<T>(v[k]);
    Words4 words;
    memcpy(&words, static_cast<const void*>(narrowed), sizeof words);
    return words;
  }
  // `to` is 16-byte aligned; all of it is written.
  __device__ void store(T* to) const { *reinterpret_cast<Words4*>(to) = packed(); }
};

// Of `words`, what there is room for.
template <bool whole, class T>
__device__ void put(const Words4& words, T* to, int count) {
  if constexpr (whole) {
    *reinterpret_cast<Words4*>(to) = words;
  } else {
    T some[pack_width<T>];
    memcpy(static_cast<void*>(some), &words, sizeof words);
    for (int k = 0; k < pack_width<T>; ++k) {
      if (k < count) to[k] = some[k];
    }
  }
}

// Vector coefficients of the channels [c, c + count), `otherwise` where there are none.
template <class T>
__device__ Pack<T> coefficients(const Wide<T>* from, std::int64_t c, int count, Wide<T> otherwise) {
  Pack<T> pack;
  for (int k = 0; k < Pack<T>::width; ++k) pack.v[k] = otherwise;
  if (!from) return pack;
  for (int k = 0; k < Pack<T>::width; ++k) {
    if (k < count) pack.v[k] = from[c + k];
  }
  return pack;
}

// The operand's value; what is beyond `count` channels is not to be used.
template <class T, bool whole>
class OperandPack {
 public:
  using At = OperandAt<T>;
  struct Raw {
    Words4 x1, x2;
  };
  __device__ OperandPack(const At& in, std::int64_t c, int count)
      : in_(in),
        count_(count),
        a1_(coefficients<T>(in.a1, c, count, 1)),
        a2_(coefficients<T>(in.a2, c, count, 1)),
        b_(coefficients<T>(in.b1, c, count, 0)) {
    const Pack<T> more = coefficients<T>(in.b2, c, count, 0);
    for (int k = 0; k < Pack<T>::width; ++k) b_.v[k] += more.v[k];
  }
  __device__ Raw fetch(std::int64_t i) const {
    Raw raw;
    raw.x1 = Pack<T>::template fetch<whole>(in_.x1 + i, count_);
    if (in_.x2) raw.x2 = Pack<T>::template fetch<whole>(in_.x2 + i, count_);
    return raw;
  }
  // Before the activation.
  __device__ Pack<T> linear(const Raw& raw) const {
    Pack<T> x1, x2;
    x1.unpack(raw.x1);
    for (int k = 0; k < Pack<T>::width; ++k) x1.v[k] = a1_.v[k] * x1.v[k] + b_.v[k];
    if (in_.x2) {
      x2.unpack(raw.x2);
      for (int k = 0; k < Pack<T>::width; ++k) x1.v[k] = x1.v[k] + a2_.v[k] * x2.v[k];
    }
    return x1;
  }
  // With it.
  __device__ Pack<T> value(const Raw& raw) const {
    Pack<T> x = linear(raw);
    if (in_.relu) {
      for (int k = 0; k < Pack<T>::width; ++k) x.v[k] = rectify(x.v[k]);
    }
    return x;
  }
  __device__ Pack<T> operator()(std::int64_t i) const { return value(fetch(i)); }

 private:
  const At& in_;
  int count_;
  Pack<T> a1_, a2_, b_;
};

template <class T, bool whole>
class GradientPack {
 public:
  using At = GradientAt<T>;
  struct Raw {
    Words4 g, c, add;
  };
  __device__ GradientPack(const At& in, std::int64_t c, int count)
      : in_(in),
        count_(count),
        p_(coefficients<T>(in.p, c, count, 1)),
        q_(coefficients<T>(in.q, c, count, 0)),
        r_(coefficients<T>(in.r, c, count, 0)) {}
  __device__ Raw fetch(std::int64_t i) const {
    Raw raw;
    raw.g = Pack<T>::template fetch<whole>(in_.g + i, count_);
    if (in_.c) raw.c = Pack<T>::template fetch<whole>(in_.c + i, count_);
    if (in_.add) raw.add = Pack<T>::template fetch<whole>(in_.add + i, count_);
    return raw;
  }
  __device__ Pack<T> value(const Raw& raw) const {
    Pack<T> g, more;
    g.unpack(raw.g);
    for (int k = 0; k < Pack<T>::width; ++k) g.v[k] = p_.v[k] * g.v[k] + r_.v[k];
    if (in_.c) {
      more.unpack(raw.c);
      for (int k = 0; k < Pack<T>::width; ++k) g.v[k] += q_.v[k] * more.v[k];
    }
    if (in_.add) {
      more.unpack(raw.add);
      for (int k = 0; k < Pack<T>::width; ++k) g.v[k] += more.v[k];
    }
    return g;
  }
  __device__ Pack<T> operator()(std::int64_t i) const { return value(fetch(i)); }

 private:
  const At& in_;
  int count_;
  Pack<T> p_, q_, r_;
};

template <class Value, bool whole>
struct PackOf;
template <class T, bool whole>
struct PackOf<OperandAt<T>, whole> {
  using type = OperandPack<T, whole>;
};
template <class T, bool whole>
struct PackOf<GradientAt<T>, whole> {
  using type = GradientPack<T, whole>;
};

}  // namespace rn::ops::cuda
