// Forward derivatives through a block, with frozen statistics: a norm is a factor for each channel,
// an activation a mask. So the tangent goes through the same convolutions without their biases.
#include "nn/residual.h"
#include "ops/pointwise.h"

namespace rn::nn {
namespace {

// mask * scale * d in memory of its own: what an operand's value changes by with its x1.
Tensor through(const ops::Operand& operand, const Tensor& d, const Pass& pass) {
  ops::Gradient gradient = ops::gradient(d);
  gradient.p = operand.f1.scale;
  const Tensor out = pass.pool.take(d.shape(), d.dtype());
  ops::operand_backward(gradient, operand, out, {}, pass.stream);
  return out;
}

Tensor scaled(const Tensor& d, const Tensor& scale, const Pass& pass) {
  ops::Operand linear = ops::operand(d);
  linear.f1.scale = scale;
  return through(linear, d, pass);
}

}  // namespace

Tensor Residual::tangent(const Tensor& d_in, const Pass& pass, const Saved& saved) const {
  require(saved.value.defined() && !pass.batch_statistics && !by_rows(saved) &&
              (!plain() || spec_.pool == 1) && d_in.shape() == saved.value.shape(),
          "{}: derivatives go forward with frozen statistics, through layers that do not pool",
          spec_.name);
  const Gate gate{saved.gates.forward.branch * saved.gates.backward.branch,
                  saved.gates.forward.shortcut * saved.gates.backward.shortcut};
  if (ck()) {
    if (spec_.ck_order == 0 && saved.gates.forward.branch == 0) return d_in.clone();
    const Tensor d_out = pass.pool.take(d_in.shape(), d_in.dtype());
    const auto rows = [](const Tensor& x) { return x.reshape({x.dim(0), x.dim(3)}); };
    ops::ck_tangent(ck_step(gate), rows(d_in), rows(saved.value), linear_weight_->value,
                    linear_bias_->value, rows(d_out), pass.stream);
    return d_out;
  }
  if (plain() && saved.gates.forward.branch == 0) return d_in.clone();
  const bool has_first_norm = pre() && spec_.preactivation != Preactivation::none;
  const bool shared = pre() && spec_.preactivation == Preactivation::shared;
  Tensor first = d_in;  // of what the branch begins with
  if (has_first_norm && (gate.branch != 0 || shared)) {
    ops::Operand input = ops::operand(saved.value);
    input.f1 = saved.norms[0].affine;
    input.act = ops::Activation::relu;
    first = through(input, d_in, pass);
  }
  Tensor sum;
  if (!plain() && gate.shortcut != 0) {
    const Tensor& from = shared ? first : d_in;
    double scale = gate.shortcut;
    if (shortcut_conv_) {
      sum = shortcut_conv_->tangent(from, pass);
      if (shortcut_norm_) {
        // The post-activation norm's own factor has the forward gate in it.
        if (!pre()) scale = saved.gates.backward.shortcut;
        sum = scaled(sum, saved.shortcut_norm.affine.scale, pass);
      }
    } else if (spec_.shortcut == ShortcutKind::identity) {
      sum = from;
    } else {
      const std::int64_t s = spec_.stride;
      sum = pass.pool.take(
          {from.dim(0), (from.dim(1) + s - 1) / s, (from.dim(2) + s - 1) / s, spec_.out},
          from.dtype());
      ops::pad_shortcut_forward(pad_shortcut(), from, sum, pass.stream);
    }
    const Tensor own = pass.pool.take(sum.shape(), sum.dtype());
    ops::axpby(scale, sum, 0, own, pass.stream);
    sum = own;
  }
  if (gate.branch == 0) return sum ? sum : zero_output(saved.value, pass);
  Tensor d = first;
  for (std::size_t k = 0; k < convs_.size(); ++k) {
    d = convs_[k].tangent(d, pass);
    if (k + 1 < convs_.size()) d = through(inner(k + 1, saved), d, pass);
  }
  const double scale = pre() || norms_.empty() ? gate.branch : saved.gates.backward.branch;
  if (!pre() && !norms_.empty()) d = scaled(d, saved.norms[convs_.size() - 1].affine.scale, pass);
  const Tensor out = sum ? sum : pass.pool.take(d.shape(), d.dtype());
  ops::axpby(scale, d, sum ? 1 : 0, out, pass.stream);
  return out;
}

}  // namespace rn::nn
