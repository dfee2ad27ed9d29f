// Kernels over a tile of rows, each row the C channels of one pixel: evaluate operands and
// gradients, mask, gather moments and sums. They run while the tile is in cache, around the
// convolution primitives.
//
// f32 sums run over chunks of at most 256 rows in f32 (shifted, for moments) and are merged in f64,
// so that a mean of 1e4 standard deviations loses nothing.
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

// Pointers of an Operand at one tile.
template <class T>
struct OperandRows {
  const T *x1 = nullptr, *a1 = nullptr, *b1 = nullptr;
  const T *x2 = nullptr, *a2 = nullptr, *b2 = nullptr;
  bool relu = false;
  OperandRows() = default;
  explicit OperandRows(const Operand& in)
      : x1(in.x1.data<T>()),
        a1(in.f1.scale ? in.f1.scale.template data<T>() : nullptr),
        b1(in.f1.shift ? in.f1.shift.template data<T>() : nullptr),
        x2(in.x2 ? in.x2.template data<T>() : nullptr),
        a2(in.f2.scale ? in.f2.scale.template data<T>() : nullptr),
        b2(in.f2.shift ? in.f2.shift.template data<T>() : nullptr),
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
  const T *g = nullptr, *p = nullptr, *c = nullptr, *q = nullptr, *r = nullptr, *add = nullptr;
  GradientRows() = default;
  explicit GradientRows(const Gradient& in)
      : g(in.g.data<T>()),
        p(in.p ? in.p.template data<T>() : nullptr),
        c(in.q ? in.c.template data<T>() : nullptr),
        q(in.q ? in.q.template data<T>() : nullptr),
        r(in.r ? in.r.template data<T>() : nullptr),
        add(in.add ? in.add.template data<T>() : nullptr) {}
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
  const T* center = nullptr;
  double* sums = nullptr;  // [2, C] of this lane, added
};

// y := act(a1*x1 + b1 [+ a2*x2 + b2]); also into `stored` unless null.
template <class T>
void operand_rows(const OperandRows<T>& in, std::int64_t rows, std::int64_t channels, T* y,
                  T* stored);

// y := p*g + q*c + r [+ add]; also into `stored` unless null.
template <class T>
void gradient_rows(const GradientRows<T>& in, std::int64_t rows, std::int64_t channels, T* y,
                   T* stored);

// d := mask * (alpha * d + shortcut), with the mask of `in` (or of `value`, the operand's value,
// where known; null otherwise). shortcut may be null.
template <class T>
void mask_rows(const OperandRows<T>& in, const T* value, const T* shortcut, T alpha,
               std::int64_t rows, std::int64_t channels, T* d);

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
