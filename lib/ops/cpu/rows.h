// Kernels over a tile of rows, each row the C channels of one pixel: evaluate operands and
// gradients, mask, gather moments and sums. They run while the tile is in cache, around the
// convolution primitives.
//
// T is the type of activations, Wide<T> that of vectors and of arithmetic: f32 for bf16, so each
// value is rounded once, when it is stored. f32 sums run over chunks of at most 256 rows in f32
// (shifted, for moments) and are merged in f64, so that a mean of 1e4 standard deviations loses
// nothing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ops/operand.h"

namespace rn::ops::cpu {

inline constexpr std::int64_t chunk_rows = 256;

// Moments of one lane: merged in place after Chan.
struct LaneMoments {
  std::int64_t count = 0;
  double* mean = nullptr;  // [C]
  double* m2 = nullptr;    // [C]
};

// The tensor's memory, or null.
template <class T>
const T* pointer(const Tensor& tensor) {
  return tensor ? tensor.data<T>() : nullptr;
}

// Pointers of an Operand at one tile.
template <class T>
struct OperandRows {
  using W = Wide<T>;
  const T *x1 = nullptr, *x2 = nullptr;
  const W *a1 = nullptr, *b1 = nullptr, *a2 = nullptr, *b2 = nullptr;
  bool relu = false;
  OperandRows() = default;
  explicit OperandRows(const Operand& in)
      : x1(in.x1.data<T>()),
        x2(pointer<T>(in.x2)),
        a1(pointer<W>(in.f1.scale)),
        b1(pointer<W>(in.f1.shift)),
        a2(pointer<W>(in.f2.scale)),
        b2(pointer<W>(in.f2.shift)),
        relu(in.act == Activation::relu) {}
  OperandRows at(std::int64_t element) const {
    OperandRows rows = *this;
    rows.x1 += element;
    if (x2) rows.x2 += element;
    return rows;
  }
};

template <class T>
struct GradientRows {
  using W = Wide<T>;
  const T *g = nullptr, *c = nullptr, *add = nullptr;
  const W *p = nullptr, *q = nullptr, *r = nullptr;
  GradientRows() = default;
  explicit GradientRows(const Gradient& in)
      : g(in.g.data<T>()),
        c(in.q ? in.c.template data<T>() : nullptr),
        add(pointer<T>(in.add)),
        p(pointer<W>(in.p)),
        q(pointer<W>(in.q)),
        r(pointer<W>(in.r)) {}
  GradientRows at(std::int64_t element) const {
    GradientRows rows = *this;
    rows.g += element;
    if (c) rows.c += element;
    if (add) rows.add += element;
    return rows;
  }
};

template <class T>
struct ReductionRows {
  const T* against = nullptr;  // nullptr: only the plain sum
  const Wide<T>* center = nullptr;
  double* sums = nullptr;  // [2, C] of this lane, added
};

// y := act(a1*x1 + b1 [+ a2*x2 + b2]), as T or Wide<T>; also into `stored` unless null.
template <class T, class Y>
void operand_rows(const OperandRows<T>& in, std::int64_t rows, std::int64_t channels, Y* y,
                  T* stored);

// y := p*g + q*c + r [+ add], as T or Wide<T>; also into `stored` unless null.
template <class T, class Y>
void gradient_rows(const GradientRows<T>& in, std::int64_t rows, std::int64_t channels, Y* y,
                   T* stored);

// d := mask * (alpha * from + shortcut), with the mask of `in` (or of `value`, the operand's value,
// where known; null otherwise). shortcut may be null; `from` may be d. Value and From: T or
// Wide<T>.
template <class T, class Value, class From>
void mask_rows(const OperandRows<T>& in, const Value* value, const T* shortcut, Wide<T> alpha,
               std::int64_t rows, std::int64_t channels, const From* from, T* d);

// What becomes of a convolution's result: y := [relu](scale * from + shift [+ beta * residual]).
// Undefined scale and beta are 1, shift 0. `from` may be y.
template <class T>
struct FinishRows {
  const Wide<T>*scale = nullptr, *shift = nullptr, *beta = nullptr;
  const T* residual = nullptr;
  bool relu = false;
  bool nothing() const { return !scale && !shift && !residual && !relu; }
};
template <class T>
void finish_rows(const FinishRows<T>& in, std::int64_t rows, std::int64_t channels,
                 const Wide<T>* from, T* y);

// Merges the moments of rows [0, rows) of y into `lane`.
template <class T>
void moments_rows(const T* y, std::int64_t rows, std::int64_t channels, LaneMoments& lane);

// Adds the sums of d (and of d * (against - center)) into reduction.sums.
template <class T>
void reduce_rows(const T* d, const ReductionRows<T>& reduction, std::int64_t rows,
                 std::int64_t channels);

// Merges lanes' moments ([lanes] x (mean[C], m2[C])) in lane order into `out`.
void merge_moments(const std::vector<LaneMoments>& lanes, std::int64_t channels, Moments& out);

}  // namespace rn::ops::cpu
