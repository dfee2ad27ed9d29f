// A layer of a C^k network as a block: its channels are the state. The branch is the function of
// the coordinates, the shortcut all that comes from the past. A deleted layer of order 0, which has
// no past, hands its input on.
#include "nn/residual.h"
#include "ops/ck.h"
#include "ops/pointwise.h"

namespace rn::nn {
namespace {

Tensor rows_of(const Tensor& x) { return x.reshape({x.dim(0) * x.dim(1) * x.dim(2), x.dim(3)}); }

}  // namespace

ops::CkStep Residual::ck_step(const Gate& gate) const {
  return {spec_.ck_order, spec_.dl, spec_.curve, gate.branch, gate.shortcut};
}

Signal Residual::forward_ck(const Signal& in, const Pass& pass, Saved& saved) const {
  saved.value = materialize(in, pass);
  Signal out;
  if (spec_.ck_order == 0 && saved.gates.forward.branch == 0) {
    saved.raw.assign(1, saved.value);
    out.value = ops::operand(saved.value);
    return out;
  }
  const Tensor state = pass.pool.take(saved.value.shape(), saved.value.dtype());
  ops::ck_forward(ck_step(saved.gates.forward), rows_of(saved.value), linear_weight_->value,
                  linear_bias_->value, rows_of(state), pass.stream);
  saved.raw.assign(1, state);
  out.value = ops::operand(state);
  return out;
}

ops::Gradient Residual::backward_ck(const ops::Gradient& d_out, const Pass& pass,
                                    Saved& saved) const {
  const Tensor d = materialize(d_out, pass);
  const Gates& kept = saved.gates;
  if (spec_.ck_order == 0 && kept.forward.branch == 0) return ops::gradient(d);
  const Gate both{kept.forward.branch * kept.backward.branch,
                  kept.forward.shortcut * kept.backward.shortcut};
  const Tensor d_state = pass.pool.take(d.shape(), d.dtype());
  ops::ck_backward(ck_step(both), rows_of(d), rows_of(saved.value), linear_weight_->value,
                   linear_bias_->value, rows_of(d_state), linear_weight_->gradient,
                   linear_bias_->gradient, pass.stream);
  return ops::gradient(d_state);
}

}  // namespace rn::nn
