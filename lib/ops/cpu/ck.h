// The CPU's side of C^k layers, as in ops.h.
#pragma once

#include "ops/ck.h"

namespace rn::ops::cpu {

void ck_forward(const CkStep& step, const Tensor& state, const Tensor& weights, const Tensor& bias,
                const Tensor& output);
void ck_backward(const CkStep& step, const Tensor& d_output, const Tensor& state,
                 const Tensor& weights, const Tensor& bias, const Tensor& d_state,
                 const Tensor& d_weights, const Tensor& d_bias);
void ck_tangent(const CkStep& step, const Tensor& d_state, const Tensor& state,
                const Tensor& weights, const Tensor& bias, const Tensor& d_output);
void ck_lift(const Tensor& x, int copies, const Tensor& state);
void ck_lift_backward(const Tensor& d_state, int copies, const Tensor& d_x);
void ck_project(const Tensor& state, const Tensor& x);
void ck_project_backward(const Tensor& d_x, const Tensor& d_state);

}  // namespace rn::ops::cpu
