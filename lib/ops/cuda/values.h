// Values that are not written to memory yet (ops/operand.h), as kernels read them, one
// channel at a time (packs.h: more). T is the type in memory, W that of arithmetic.
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

}  // namespace rn::ops::cuda
