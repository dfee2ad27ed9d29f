// One layer of a C^k network (Hauser and Ray 2017): the k-th finite difference of the coordinates
// is a function of the last ones,
//   sum_i (-1)^i C(k, i) x(l+1-i) = f(x(l)) dl^k,   f(x) = act(W x + b),   k = 0 .. 3;
// k = 0 is an ordinary layer, x(l+1) = f(x(l)), k = 1 a residual one, the forward Euler step of
// x' = f(x). For k >= 2 the layer needs what came before x(l), so it acts on the state
// (x(l), x(l-1), ..., x(l-k+1)), newest first: k vectors of d numbers; one for k = 0.
//
// Shapes: state [N, s], s = max(k, 1) * d; weights [d, d] (output, input), bias [d]. f32 and f64;
// f32 is computed in double precision and rounded when it is stored. Errors: shape.
#pragma once

#include "tensor/tensor.h"

namespace rn::ops {

enum class Curve { tanh, sigmoid, relu, linear };  // act

struct CkStep {
  int order = 1;  // k
  double dl = 1;
  Curve act = Curve::tanh;
  double branch = 1;    // factor of f
  double shortcut = 1;  // factor of what comes from the past: k = 0 has none
};

constexpr int ck_most_order = 3;
// How many vectors the state has.
constexpr int ck_copies(int order) { return order < 1 ? 1 : order; }

// output [N, s], overwritten; memory of its own.
void ck_forward(const CkStep& step, const Tensor& state, const Tensor& weights, const Tensor& bias,
                const Tensor& output, Stream& stream = cpu_stream());
// d_state [N, s] overwritten (may be undefined), memory of its own; d_weights, d_bias added (may be
// undefined).
void ck_backward(const CkStep& step, const Tensor& d_output, const Tensor& state,
                 const Tensor& weights, const Tensor& bias, const Tensor& d_state,
                 const Tensor& d_weights, const Tensor& d_bias, Stream& stream = cpu_stream());
// d_output := J d_state, the derivative along d_state. [N, s], overwritten.
void ck_tangent(const CkStep& step, const Tensor& d_state, const Tensor& state,
                const Tensor& weights, const Tensor& bias, const Tensor& d_output,
                Stream& stream = cpu_stream());

// The first state of points at rest, x(-1) = x(0): x [N, c] with zeros behind it up to d numbers,
// `copies` times. state [N, copies * d], c <= d, overwritten.
void ck_lift(const Tensor& x, int copies, const Tensor& state, Stream& stream = cpu_stream());
// Its adjoint: d_x [N, c], overwritten.
void ck_lift_backward(const Tensor& d_state, int copies, const Tensor& d_x,
                      Stream& stream = cpu_stream());
// The coordinates of a state, its first d numbers: x [N, d], overwritten; and the adjoint.
void ck_project(const Tensor& state, const Tensor& x, Stream& stream = cpu_stream());
void ck_project_backward(const Tensor& d_x, const Tensor& d_state, Stream& stream = cpu_stream());

}  // namespace rn::ops
