#include "ops/ck.h"

#include "ops/check.h"
#include "ops/cpu/ck.h"
#include "ops/cuda/ck.h"

namespace rn::ops {
namespace {

// Returns the width d.
void check_layer(const Check& check, const CkStep& step, const Tensor& state, const Tensor& weights,
                 const Tensor& bias) {
  require(step.order >= 0 && step.order <= ck_most_order, "{}: order {} of 0 to {}", check.who(),
          step.order, ck_most_order);
  check.rank("state", state, 2);
  check.rank("weights", weights, 2);
  const std::int64_t d = weights.dim(0);
  check.tensor("weights", weights, {d, d});
  check.tensor("bias", bias, {d});
  check.tensor("state", state, {state.dim(0), ck_copies(step.order) * d});
}

}  // namespace

void ck_forward(const CkStep& step, const Tensor& state, const Tensor& weights, const Tensor& bias,
                const Tensor& output, Stream& stream) {
  const Check check("ck_forward", "state", state);
  check_layer(check, step, state, weights, bias);
  check.tensor("output", output, state.shape());
  if (check.on_cpu(stream)) return cpu::ck_forward(step, state, weights, bias, output);
  cuda::ck_forward(step, state, weights, bias, output, stream);
}

void ck_backward(const CkStep& step, const Tensor& d_output, const Tensor& state,
                 const Tensor& weights, const Tensor& bias, const Tensor& d_state,
                 const Tensor& d_weights, const Tensor& d_bias, Stream& stream) {
  const Check check("ck_backward", "d_output", d_output);
  check_layer(check, step, state, weights, bias);
  check.tensor("d_output", d_output, state.shape());
  check.optional("d_state", d_state, state.shape());
  check.optional("d_weights", d_weights, weights.shape());
  check.optional("d_bias", d_bias, bias.shape());
  if (check.on_cpu(stream)) {
    return cpu::ck_backward(step, d_output, state, weights, bias, d_state, d_weights, d_bias);
  }
  cuda::ck_backward(step, d_output, state, weights, bias, d_state, d_weights, d_bias, stream);
}

void ck_tangent(const CkStep& step, const Tensor& d_state, const Tensor& state,
                const Tensor& weights, const Tensor& bias, const Tensor& d_output, Stream& stream) {
  const Check check("ck_tangent", "d_state", d_state);
  check_layer(check, step, state, weights, bias);
  check.tensor("d_state", d_state, state.shape());
  check.tensor("d_output", d_output, state.shape());
  if (check.on_cpu(stream)) {
    return cpu::ck_tangent(step, d_state, state, weights, bias, d_output);
  }
  cuda::ck_tangent(step, d_state, state, weights, bias, d_output, stream);
}

namespace {

void check_lift(const Check& check, const Tensor& x, int copies, const Tensor& state) {
  check.rank("x", x, 2);
  check.rank("state", state, 2);
  require(copies >= 1 && copies <= ck_most_order && state.dim(1) % copies == 0 &&
              x.dim(1) <= state.dim(1) / copies,
          "{}: {} copies of {} in {}", check.who(), copies, x, state);
  check.tensor("state", state, {x.dim(0), state.dim(1)});
}

void check_project(const Check& check, const Tensor& state, const Tensor& x) {
  check.rank("x", x, 2);
  check.rank("state", state, 2);
  check.tensor("state", state, {x.dim(0), state.dim(1)});
  require(x.dim(1) <= state.dim(1), "{}: {} of {}", check.who(), x, state);
}

}  // namespace

void ck_lift(const Tensor& x, int copies, const Tensor& state, Stream& stream) {
  const Check check("ck_lift", "x", x);
  check_lift(check, x, copies, state);
  if (check.on_cpu(stream)) return cpu::ck_lift(x, copies, state);
  cuda::ck_lift(x, copies, state, stream);
}

void ck_lift_backward(const Tensor& d_state, int copies, const Tensor& d_x, Stream& stream) {
  const Check check("ck_lift_backward", "d_state", d_state);
  check.tensor("d_x", d_x, d_x.shape());
  check_lift(check, d_x, copies, d_state);
  if (check.on_cpu(stream)) return cpu::ck_lift_backward(d_state, copies, d_x);
  cuda::ck_lift_backward(d_state, copies, d_x, stream);
}

void ck_project(const Tensor& state, const Tensor& x, Stream& stream) {
  const Check check("ck_project", "state", state);
  check.tensor("x", x, x.shape());
  check_project(check, state, x);
  if (check.on_cpu(stream)) return cpu::ck_project(state, x);
  cuda::ck_project(state, x, stream);
}

void ck_project_backward(const Tensor& d_x, const Tensor& d_state, Stream& stream) {
  const Check check("ck_project_backward", "d_x", d_x);
  check_project(check, d_state, d_x);
  if (check.on_cpu(stream)) return cpu::ck_project_backward(d_x, d_state);
  cuda::ck_project_backward(d_x, d_state, stream);
}

}  // namespace rn::ops
