// Pre-activation: y = shortcut(x) + conv_k(ReLU(BN_k(... conv_1(ReLU(BN_1(x)))))). The last
// convolution adds the shortcut on its way out, so y is a plain tensor, with moments for whoever
// normalises it next.
#include "nn/residual.h"
#include "ops/pointwise.h"

namespace rn::nn {

Signal Residual::forward_pre(const Signal& in, const Pass& pass, Saved& saved) const {
  const Gate& gate = saved.gates.forward;
  const bool has_first_norm = spec_.preactivation != Preactivation::none;
  const bool shared = spec_.preactivation == Preactivation::shared;
  const bool folds = pass.folds(in.value.x1.dtype());
  const std::size_t lacking = convs_.size() - norms_.size();  // 1 where there is no first norm
  const bool need_moments = has_first_norm && pass.batch_statistics;
  saved.value_moments = in.moments;
  if (in.value.plain()) {
    saved.value = in.value.x1;
    if (need_moments && in.moments.count == 0) {
      ops::operand_forward(in.value, saved.value, &saved.own_moments, pass.stream);
      saved.value_moments = saved.own_moments;
    }
  } else {
    saved.value = pass.pool.take(in.value.shape(), in.value.x1.dtype());
    ops::operand_forward(in.value, saved.value, need_moments ? &saved.own_moments : nullptr,
                         pass.stream);
    saved.value_moments = need_moments ? saved.own_moments : ops::Moments();
  }
  saved.in.value.stored = saved.value;

  // What the first convolution reads; a shared one is written, since the shortcut reads it too.
  ops::Operand first = ops::operand(saved.value);
  const bool branch = gate.branch != 0;
  if (has_first_norm && (branch || shared)) {
    first.f1 = norms_[0].forward(saved.value_moments, 1, pass, saved.norms[0]);
    first.act = ops::Activation::relu;
  }
  Tensor from = saved.value;
  if (shared) {
    saved.activated = pass.pool.take(saved.value.shape(), saved.value.dtype());
    ops::operand_forward(first, saved.activated, nullptr, pass.stream);
    first.stored = from = saved.activated;
  }

  Tensor shortcut;
  if (gate.shortcut != 0) {
    shortcut = shortcut_forward(from, pass, saved);
    if (shortcut_norm_) {
      Signal raw;
      raw.value = ops::operand(shortcut);
      raw.value.f1 = shortcut_norm_->forward(saved.shortcut_moments, 1, pass, saved.shortcut_norm);
      shortcut = materialize(raw, pass);
    }
  }
  Signal out;
  if (branch) {
    for (std::size_t k = 0; k < convs_.size(); ++k) {
      const bool last = k + 1 == convs_.size();
      ops::ConvForward args;
      args.input = first;
      if (k > 0 && folds) {
        args.input = ops::operand(saved.raw[k - 1]);  // activated already
      } else if (k > 0) {
        args.input = inner(k, saved);
      } else if (shared) {
        args.input = ops::operand(saved.activated);
      }
      if (last) {
        args.alpha = gate.branch;
        args.residual = shortcut;
        args.beta = gate.shortcut;
      }
      if (last) {
        if (pass.batch_statistics) args.moments = &saved.moments[k];
        saved.raw[k] = convs_[k].forward(args, pass);
        continue;
      }
      const BatchNorm& norm = norms_[k + 1 - lacking];
      BatchNorm::Saved& next = saved.norms[k + 1 - lacking];
      if (folds) {
        norm.forward({}, 1, pass, next);
        saved.raw[k] = convs_[k].forward(args, next.affine, ops::Activation::relu, pass);
      } else {
        saved.raw[k] = convs_[k].forward(args, saved.moments[k], norm, 1, pass, next);
      }
    }
    out.value = ops::operand(saved.raw.back());
    if (pass.batch_statistics) out.moments = saved.moments.back();
  } else if (shortcut) {
    out.value = ops::operand(shortcut);
    if (gate.shortcut != 1) {
      const Tensor scaled = pass.pool.take(shortcut.shape(), shortcut.dtype());
      ops::axpby(gate.shortcut, shortcut, 0, scaled, pass.stream);
      out.value = ops::operand(scaled);
    } else if (shortcut.raw() == saved.value.raw()) {
      out.moments = saved.value_moments;
    }
  } else {
    out.value = ops::operand(zero_output(saved.value, pass));
  }
  return out;
}

ops::Gradient Residual::backward_pre(const ops::Gradient& d_out, const Pass& pass,
                                     Saved& saved) const {
  const Gates& gate = saved.gates;
  const bool has_first_norm = spec_.preactivation != Preactivation::none;
  const bool shared = spec_.preactivation == Preactivation::shared;
  const double shortcut_scale = gate.forward.shortcut * gate.backward.shortcut;
  const double branch_scale = gate.forward.branch * gate.backward.branch;
  const Tensor d = materialize(d_out, pass);

  Tensor through_shortcut;
  if (shortcut_scale != 0) {
    Tensor incoming = d;
    if (shortcut_norm_) {
      // Nobody above reduced for this norm: its output was added, not handed on.
      const ops::Reduction sums =
          shortcut_norm_->reduction(saved.shortcut_raw, saved.shortcut_norm);
      incoming = pass.pool.take(d.shape(), d.dtype());
      ops::operand_backward(ops::gradient(d), ops::operand(saved.shortcut_raw), incoming,
                            {sums, {}}, pass.stream);
    }
    through_shortcut = shortcut_backward(incoming, shortcut_scale,
                                         shared ? saved.activated : saved.value, pass, saved);
  }

  // d1: the gradient of the first norm's output after the mask, or of x where there is no norm.
  ops::Operand first = ops::operand(saved.value);
  ops::Reductions reductions;
  if (has_first_norm && (saved.gates.forward.branch != 0 || shared)) {
    first.f1 = saved.norms[0].affine;
    first.act = ops::Activation::relu;
    if (shared) first.stored = saved.activated;
    reductions[0] = norms_[0].reduction(saved.value, saved.norms[0]);
  }
  ops::Gradient dx;
  if (branch_scale != 0) {
    ops::ConvBackward args;
    args.gradient = branch_backward(ops::gradient(d), branch_scale, pass, saved);
    args.input = first;
    args.reductions = reductions;
    if (shared || !has_first_norm) args.shortcut = through_shortcut;
    const Tensor d1 = convs_[0].backward(args, true, pass);
    dx = has_first_norm ? norms_[0].backward(d1, saved.value, 1, pass, saved.norms[0])
                        : ops::gradient(d1);
    if (has_first_norm && !shared) dx.add = through_shortcut;
  } else if (shared && through_shortcut) {
    const Tensor d1 = pass.pool.take(saved.value.shape(), saved.value.dtype());
    ops::operand_backward(ops::gradient(through_shortcut), first, d1, reductions, pass.stream);
    dx = norms_[0].backward(d1, saved.value, 1, pass, saved.norms[0]);
  } else if (through_shortcut) {
    dx = ops::gradient(through_shortcut);
  }
  if (saved.in.value.plain() && dx.g) return dx;
  return pass_back(dx.g ? materialize(dx, pass) : Tensor(), pass, saved);
}

}  // namespace rn::nn
