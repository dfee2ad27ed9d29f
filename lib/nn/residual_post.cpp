// Post-activation: y = ReLU(BN_k(conv_k(... ReLU(BN_1(conv_1(x))))) + shortcut(x)). The addition
// and the ReLU are not computed here: they are the operand of whoever reads y.
#include "nn/residual.h"
#include "ops/pointwise.h"

namespace rn::nn {

Signal Residual::forward_post_folded(const Signal& in, const Pass& pass, Saved& saved,
                                     Tie* tie) const {
  const Gate& gate = saved.gates.forward;
  require(!tie || !tie->reads() || !tie->before_relu,
          "{}: a tie before the ReLU in a pass that folds norms", spec_.name);
  saved.value = materialize(in, pass);
  if (tie && tie->kind == Tie::Kind::lends) tie->value = saved.value;
  Tensor shortcut;
  if (gate.shortcut != 0 && shortcut_norm_) {
    ops::ConvForward args;
    args.input = ops::operand(saved.value);
    shortcut_norm_->forward({}, 1, pass, saved.shortcut_norm);
    shortcut =
        shortcut_conv_->forward(args, saved.shortcut_norm.affine, ops::Activation::none, pass);
  } else if (gate.shortcut != 0) {
    shortcut = shortcut_forward(saved.value, pass, saved);
  }
  Tensor value = saved.value;
  for (std::size_t k = 0; k < convs_.size(); ++k) {
    const bool last = k + 1 == convs_.size();
    ops::ConvForward args;
    args.input = k == 0 && tie && tie->reads() ? tied(value, *tie, pass) : ops::operand(value);
    if (last && shortcut) {
      args.residual = shortcut;
      args.beta = gate.shortcut;
    }
    norms_[k].forward({}, last ? gate.branch : 1, pass, saved.norms[k]);
    value = convs_[k].forward(args, saved.norms[k].affine, ops::Activation::relu, pass);
  }
  Signal out;
  out.value = ops::operand(value);
  return out;
}

Signal Residual::forward_post(const Signal& in, const Pass& pass, Saved& saved, Tie* tie) const {
  const Gate& gate = saved.gates.forward;
  if (gate.branch != 0 && pass.folds(in.value.x1.dtype())) {
    return forward_post_folded(in, pass, saved, tie);
  }
  const bool reads = tie && tie->reads() && gate.branch != 0;
  // The shortcut reads x, and backward does: the first convolution writes it while it reads it.
  ops::Operand first = in.value;
  if (first.plain()) {
    saved.value = first.x1;
  } else {
    saved.value = pass.pool.take(first.shape(), first.x1.dtype());
    first.stored = saved.value;
    if (gate.branch == 0 || reads) {
      ops::operand_forward(in.value, saved.value, nullptr, pass.stream);
    }
  }
  saved.in.value.stored = saved.value;
  if (reads) {
    if (tie->before_relu) tie->raw = before_activation(in.value, pass);
    first = tied(tie->before_relu ? tie->raw : saved.value, *tie, pass);
  }
  if (tie && tie->kind == Tie::Kind::lends) tie->value = saved.value;  // once all is written

  Signal out;
  out.value.act = ops::Activation::relu;
  if (gate.branch != 0) {
    for (std::size_t k = 0; k < convs_.size(); ++k) {
      ops::ConvForward args;
      args.input = k == 0 ? first : inner(k, saved);
      const bool last = k + 1 == convs_.size();
      saved.raw[k] = convs_[k].forward(args, saved.moments[k], norms_[k], last ? gate.branch : 1,
                                       pass, saved.norms[k]);
    }
    out.value.x1 = saved.raw.back();
    out.value.f1 = saved.norms.back().affine;
    out.reductions[0] = norms_.back().reduction(saved.raw.back(), saved.norms.back());
  }
  if (gate.shortcut != 0) {
    const Tensor shortcut = shortcut_forward(saved.value, pass, saved);
    ops::Affine affine;
    ops::Reduction reduction;
    if (shortcut_norm_) {
      affine =
          shortcut_norm_->forward(saved.shortcut_moments, gate.shortcut, pass, saved.shortcut_norm);
      reduction = shortcut_norm_->reduction(shortcut, saved.shortcut_norm);
    } else if (gate.shortcut != 1) {
      affine.scale = constant(gate.shortcut, saved);
    }
    if (out.value.x1) {
      out.value.x2 = shortcut;
      out.value.f2 = affine;
      out.reductions[1] = reduction;
    } else {
      out.value.x1 = shortcut;
      out.value.f1 = affine;
      out.reductions[0] = reduction;
    }
  }
  if (!out.value.x1) out.value.x1 = zero_output(saved.value, pass);
  return out;
}

ops::Gradient Residual::backward_post(const ops::Gradient& d_out, const Pass& pass, Saved& saved,
                                      Tie* tie) const {
  const Gates& gate = saved.gates;
  const Tensor d = materialize(d_out, pass);  // branch and shortcut read it
  const double shortcut_scale = gate.forward.shortcut * gate.backward.shortcut;
  const double branch_scale = gate.forward.branch * gate.backward.branch;
  Tensor through_shortcut;
  if (shortcut_scale != 0) {
    through_shortcut = shortcut_backward(d, shortcut_scale, saved.value, pass, saved);
  }
  if (tie && tie->reads()) tie->d_value = Tensor();
  if (tie && tie->kind == Tie::Kind::lends) {
    through_shortcut = lent_backward(through_shortcut, *tie, pass);
  }
  if (branch_scale == 0) return pass_back(through_shortcut, pass, saved);

  ops::ConvBackward args;
  args.gradient = branch_backward(
      norms_.back().backward(d, saved.raw.back(), branch_scale, pass, saved.norms.back()), 1, pass,
      saved);
  if (tie && tie->reads()) {
    args.input = tied(tie->before_relu ? tie->raw : saved.value, *tie, pass);
    return tied_backward(convs_[0].backward(args, true, pass), through_shortcut, *tie, pass, saved);
  }
  args.input = saved.in.value;
  args.shortcut = through_shortcut;
  args.reductions = saved.in.reductions;
  return ops::gradient(convs_[0].backward(args, true, pass));
}

}  // namespace rn::nn
