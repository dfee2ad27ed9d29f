// What ops read and what they reduce: values that are not written to memory yet. The fused
// convolution (conv.h), pooling and the pointwise ops all speak in these terms, so that each
// activation is written once and read once per pass.
//
// Per-channel vectors are [C] in the tensors' dtype (f32 for bf16). Channels are the last axis.
#pragma once

#include <array>

#include "tensor/tensor.h"

namespace rn::ops {

enum class Activation { none, relu };

// Per-channel scale*x + shift; an undefined scale is 1, an undefined shift 0.
struct Affine {
  Tensor scale, shift;
};

// The value act(f1(x1) [+ f2(x2)]): a previous batch norm, an addition, a ReLU, in one reading.
// x1 and x2 have the same shape; x2 may be undefined. If `stored` is defined (same shape), an op
// that reads the operand forward also writes the value there; one that reads it backward takes the
// value from there instead of computing it again.
struct Operand {
  Tensor x1;
  Affine f1;
  Tensor x2;
  Affine f2;
  Activation act = Activation::none;
  Tensor stored;

  bool plain() const {  // the value is x1 itself
    return !f1.scale && !f1.shift && !x2 && act == Activation::none;
  }
  const Shape& shape() const { return x1.shape(); }
};
inline Operand operand(const Tensor& x) { return {x, {}, {}, {}, Activation::none, {}}; }

// The gradient p*g + q*c + r [+ add]: batch norm's backward (c is the saved raw output), a
// shortcut's share. p, q, r are [C]; undefined p is 1, undefined q (then c is not read) and r are
// 0. `stored` as in Operand, written when read.
struct Gradient {
  Tensor g;
  Tensor p;
  Tensor c, q;
  Tensor r;
  Tensor add;
  Tensor stored;

  bool plain() const { return !p && !c && !r && !add; }
  const Shape& shape() const { return g.shape(); }
};
inline Gradient gradient(const Tensor& g) { return {g, {}, {}, {}, {}, {}, {}}; }

// Moments of what an op stores, per channel: count, mean, and M2 = sum (x - mean)^2, merged after
// Chan, Golub, LeVeque 1979 over tiles and lanes, in lane order. Overwritten.
struct Moments {
  std::int64_t count = 0;
  Tensor mean, m2;  // f64 [C]
  void ensure(std::int64_t channels, Device device = rn::cpu);
};

// Sums that a batch norm below needs from the gradient d that an op stores:
// sums[0][c] = sum d, sums[1][c] = sum d * (against - center). Overwritten.
struct Reduction {
  Tensor against;  // same shape as d; undefined: only sums[0] is computed
  Tensor center;   // [C], as other vectors; undefined: 0
  Tensor sums;     // f64 [2, C]; undefined: no reduction is wanted
};
using Reductions = std::array<Reduction, 2>;

// Shared checks of the contracts above; `who` names the op in the message.
void check(const Operand& input, const char* who);
void check(const Gradient& gradient, const char* who);
void check(const Reductions& reductions, const Tensor& d, const char* who);

}  // namespace rn::ops
