// Values that are not written to memory yet (ops/operand.h), as kernels read them: per channel, and
// 16 bytes of neighbouring channels at a time. T is the type in memory, W that of arithmetic.
#pragma once

#include "ops/cuda/intrinsics.h"
#include "ops/cuda/launch.h"
#include "ops/operand.h"

namespace rn::ops::cuda {

__device__ inline float widen(float value) { return value; }
__device__ inline double widen(double value) { return value; }

template <class T>
__device__ T stored_as(Wide<T> value) {
  if constexpr (std::is_same_v<T, bfloat16>) {
    return narrow(value);
  } else {
    return value;
  }
}

// max(x, 0); NaN stays NaN.
template <class W>
__device__ W rectify(W x) {
  return x <= W(0) ? W(0) : x;
}

template <class T>
struct OperandAt {
  using W = Wide<T>;
  const T* x1 = nullptr;
  const W *a1 = nullptr, *b1 = nullptr;
  const T* x2 = nullptr;
  const W *a2 = nullptr, *b2 = nullptr;
  bool relu = false;
  OperandAt() = default;
  explicit OperandAt(const Operand& in)
      : x1(pointer<T>(in.x1)),
        a1(pointer<W>(in.f1.scale)),
        b1(pointer<W>(in.f1.shift)),
        x2(pointer<T>(in.x2)),
        a2(pointer<W>(in.f2.scale)),
        b2(pointer<W>(in.f2.shift)),
        relu(in.act == Activation::relu) {}
};

template <class T>
struct GradientAt {
  using W = Wide<T>;
  const T* g = nullptr;
  const W* p = nullptr;
  const T* c = nullptr;
  const W *q = nullptr, *r = nullptr;
  const T* add = nullptr;
  GradientAt() = default;
  explicit GradientAt(const Gradient& in)
      : g(pointer<T>(in.g)),
        p(pointer<W>(in.p)),
        c(in.q ? pointer<T>(in.c) : nullptr),
        q(pointer<W>(in.q)),
        r(pointer<W>(in.r)),
        add(pointer<T>(in.add)) {}
};

// The operand of one channel, before its activation.
template <class T>
class OperandChannel {
 public:
  using W = Wide<T>;
  __device__ OperandChannel(const OperandAt<T>& in, std::int64_t c)
      : x1_(in.x1),
        x2_(in.x2),
        a1_(in.a1 ? in.a1[c] : W(1)),
        a2_(in.a2 ? in.a2[c] : W(1)),
        b_((in.b1 ? in.b1[c] : W(0)) + (in.b2 ? in.b2[c] : W(0))) {}
  __device__ W operator()(std::int64_t i) const {
    const W value = a1_ * widen(x1_[i]) + b_;
    return x2_ ? value + a2_ * widen(x2_[i]) : value;
  }

 private:
  const T *x1_, *x2_;
  W a1_, a2_, b_;
};

template <class T>
class GradientChannel {
 public:
  using W = Wide<T>;
  __device__ GradientChannel(const GradientAt<T>& in, std::int64_t c)
      : g_(in.g),
        c_(in.c),
        add_(in.add),
        p_(in.p ? in.p[c] : W(1)),
        q_(in.q ? in.q[c] : W(0)),
        r_(in.r ? in.r[c] : W(0)) {}
  __device__ W operator()(std::int64_t i) const {
    W value = p_ * widen(g_[i]) + r_;
    if (c_) value += q_ * widen(c_[i]);
    return add_ ? value + widen(add_[i]) : value;
  }

 private:
  const T *g_, *c_, *add_;
  W p_, q_, r_;
};

template <class T>
inline constexpr int pack_width = 16 / static_cast<int>(sizeof(T));

// Neighbouring channels: count of them (at most the width), read at once where `whole`.
template <class T>
struct Pack {
  static constexpr int width = pack_width<T>;
  Wide<T> v[width];

  __device__ void load(const T* from, int count, bool whole) {
    if (whole) {
      const Words4 words = *reinterpret_cast<const Words4*>(from);
      if constexpr (std::is_same_v<T, bfloat16>) {
        const std::uint32_t w[4] = {words.x, words.y, words.z, words.w};
        for (int k = 0; k < 4; ++k) {
          v[2 * k] = widen_low(w[k]);
          v[2 * k + 1] = widen_high(w[k]);
        }
      } else {
        memcpy(v, &words, sizeof words);
      }
    } else {
      for (int k = 0; k < width; ++k) v[k] = k < count ? widen(from[k]) : Wide<T>(0);
    }
  }
  // `to` is 16-byte aligned; all of it is written.
  __device__ void store(T* to) const {
    T narrowed[width];
    for (int k = 0; k < width; ++k) narrowed[k] = stored_as<T>(v[k]);
    Words4 words;
    memcpy(&words, narrowed, sizeof words);
    *reinterpret_cast<Words4*>(to) = words;
  }
};

// Vector coefficients of the channels [c, c + count), `otherwise` where there are none.
template <class T>
__device__ Pack<T> coefficients(const Wide<T>* from, std::int64_t c, int count, Wide<T> otherwise) {
  Pack<T> pack;
  for (int k = 0; k < Pack<T>::width; ++k) {
    pack.v[k] = k < count ? (from ? from[c + k] : otherwise) : Wide<T>(0);
  }
  return pack;
}

// The operand's value, activation included; channels beyond `count` are 0.
template <class T>
class OperandPack {
 public:
  using At = OperandAt<T>;
  __device__ OperandPack(const At& in, std::int64_t c, int count, bool whole)
      : in_(in),
        count_(count),
        whole_(whole),
        a1_(coefficients<T>(in.a1, c, count, 1)),
        a2_(coefficients<T>(in.a2, c, count, 1)),
        b_(coefficients<T>(in.b1, c, count, 0)) {
    const Pack<T> more = coefficients<T>(in.b2, c, count, 0);
    for (int k = 0; k < Pack<T>::width; ++k) b_.v[k] += more.v[k];
  }
  __device__ Pack<T> operator()(std::int64_t i) const {
    Pack<T> x1, x2;
    x1.load(in_.x1 + i, count_, whole_);
    if (in_.x2) x2.load(in_.x2 + i, count_, whole_);
    for (int k = 0; k < Pack<T>::width; ++k) {
      Wide<T> value = a1_.v[k] * x1.v[k] + b_.v[k];
      if (in_.x2) value = value + a2_.v[k] * x2.v[k];
      x1.v[k] = in_.relu ? rectify(value) : value;
    }
    return x1;
  }

 private:
  const At& in_;
  int count_;
  bool whole_;
  Pack<T> a1_, a2_, b_;
};

template <class T>
class GradientPack {
 public:
  using At = GradientAt<T>;
  __device__ GradientPack(const At& in, std::int64_t c, int count, bool whole)
      : in_(in),
        count_(count),
        whole_(whole),
        p_(coefficients<T>(in.p, c, count, 1)),
        q_(coefficients<T>(in.q, c, count, 0)),
        r_(coefficients<T>(in.r, c, count, 0)) {}
  __device__ Pack<T> operator()(std::int64_t i) const {
    Pack<T> g, more;
    g.load(in_.g + i, count_, whole_);
    for (int k = 0; k < Pack<T>::width; ++k) g.v[k] = p_.v[k] * g.v[k] + r_.v[k];
    if (in_.c) {
      more.load(in_.c + i, count_, whole_);
      for (int k = 0; k < Pack<T>::width; ++k) g.v[k] += q_.v[k] * more.v[k];
    }
    if (in_.add) {
      more.load(in_.add + i, count_, whole_);
      for (int k = 0; k < Pack<T>::width; ++k) g.v[k] += more.v[k];
    }
    return g;
  }

 private:
  const At& in_;
  int count_;
  bool whole_;
  Pack<T> p_, q_, r_;
};

template <class T>
struct PackOf;
template <class T>
struct PackOf<OperandAt<T>> {
  using type = OperandPack<T>;
};
template <class T>
struct PackOf<GradientAt<T>> {
  using type = GradientPack<T>;
};

}  // namespace rn::ops::cuda
