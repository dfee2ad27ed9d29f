// Stochastic depth by image: the branch runs on the images that keep it, as a batch of its own; the
// shortcut runs on all. Training only. A first norm that branch and shortcut share normalises the
// kept images among themselves for the branch, and all of them for the shortcut.
#include "nn/residual.h"
#include "ops/index.h"
#include "ops/pointwise.h"

namespace rn::nn {
namespace {

// The signal before its activation, as a tensor that may be added to.
Tensor own_sum(Signal signal, const Tensor& input, const Pass& pass) {
  signal.value.act = ops::Activation::none;
  Tensor value = materialize(signal, pass);
  if (value.raw() != input.raw()) return value;
  const Tensor copy = pass.pool.take(value.shape(), value.dtype());
  ops::axpby(1, value, 0, copy, pass.stream);
  return copy;
}

// Fills in the sums that a norm's backward needs, where its output was added and not handed on.
void reduce_for(const BatchNorm& norm, const Tensor& d, const Tensor& raw, BatchNorm::Saved& saved,
                const Pass& pass) {
  const Tensor unused = pass.pool.take(d.shape(), d.dtype());
  ops::operand_backward(ops::gradient(d), ops::operand(raw), unused,
                        {norm.reduction(raw, saved), {}}, pass.stream);
}

}  // namespace

Signal Residual::forward_rows(const Signal& in, const Pass& pass, Saved& saved) const {
  saved.value = materialize(in, pass);
  saved.in.value.stored = saved.value;
  if (!saved.branch) saved.branch = std::make_shared<Saved>();
  if (!saved.all) saved.all = std::make_shared<Saved>();
  const auto run = [&](const Tensor& value, const Gate& gate, Saved& kept) {
    kept.gates = {gate, {}};
    kept.in = {};
    kept.in.value = ops::operand(value);
    kept.raw.assign(convs_.size(), Tensor());
    kept.moments.resize(convs_.size());
    kept.norms.resize(norms_.size());
    const Signal whole = kept.in;
    return pre() ? forward_pre(whole, pass, kept) : forward_post(whole, pass, kept);
  };
  const Tensor& rows = saved.gates.rows;
  Shape shape = saved.value.shape();
  shape[0] = rows.dim(0);
  const Tensor some = pass.pool.take(shape, saved.value.dtype());
  ops::index_select(saved.value, rows, some, pass.stream);
  const Tensor branch =
      own_sum(run(some, {saved.gates.forward.branch, 0}, *saved.branch), some, pass);
  const Tensor sum =
      own_sum(run(saved.value, {0, saved.gates.forward.shortcut}, *saved.all), saved.value, pass);
  ops::index_add(branch, rows, sum, pass.stream);
  Signal out;
  out.value = ops::operand(sum);
  if (!pre()) out.value.act = ops::Activation::relu;
  return out;
}

ops::Gradient Residual::backward_rows(const ops::Gradient& d_out, const Pass& pass,
                                      Saved& saved) const {
  const Tensor d = materialize(d_out, pass);
  const Tensor& rows = saved.gates.rows;
  Shape shape = d.shape();
  shape[0] = rows.dim(0);
  const Tensor d_some = pass.pool.take(shape, d.dtype());
  ops::index_select(d, rows, d_some, pass.stream);
  saved.branch->gates.backward.branch = saved.gates.backward.branch;
  saved.all->gates.backward.shortcut = saved.gates.backward.shortcut;
  if (!pre()) {
    reduce_for(norms_.back(), d_some, saved.branch->raw.back(), saved.branch->norms.back(), pass);
    if (shortcut_norm_) {
      reduce_for(*shortcut_norm_, d, saved.all->shortcut_raw, saved.all->shortcut_norm, pass);
    }
  }
  const auto run = [&](const Tensor& gradient, Saved& kept) {
    const ops::Gradient d_in = pre() ? backward_pre(ops::gradient(gradient), pass, kept)
                                     : backward_post(ops::gradient(gradient), pass, kept);
    return materialize(d_in, pass);
  };
  const Tensor through_branch = run(d_some, *saved.branch);
  Tensor sum = run(d, *saved.all);
  if (sum.raw() == d.raw()) {  // an identity hands the gradient on: others may read it
    const Tensor copy = pass.pool.take(sum.shape(), sum.dtype());
    ops::axpby(1, sum, 0, copy, pass.stream);
    sum = copy;
  }
  ops::index_add(through_branch, rows, sum, pass.stream);
  return pass_back(sum, pass, saved);
}

}  // namespace rn::nn
