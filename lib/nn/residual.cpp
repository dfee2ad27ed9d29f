// What post- and pre-activation blocks have in common: construction, shortcut, inner convolutions.
#include "nn/residual.h"

#include <fmt/ranges.h>  // shapes

#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"

namespace rn::nn {
namespace {

std::vector<ConvSpec> branch_convs(const BlockSpec& spec) {
  const bool bias = spec.conv_bias == ConvBias::all, same = spec.padding == Padding::same;
  std::vector<ConvSpec> convs;
  if (spec.kind == BlockKind::plain) {
    convs = {{spec.in, spec.out, 3, 1, 1, bias, same}};
  } else if (spec.kind == BlockKind::basic) {
    convs = {{spec.in, spec.out, 3, 1, 1, bias, same}, {spec.out, spec.out, 3, 1, 1, bias, same}};
  } else {
    convs = {{spec.in, spec.width, 1, 1, 0, bias},
             {spec.width, spec.width, 3, 1, 1, bias, same},
             {spec.width, spec.out, 1, 1, 0, bias}};
  }
  convs[static_cast<std::size_t>(spec.stride_at - 1)].stride = spec.stride;
  if (spec.conv_bias == ConvBias::last) convs.back().bias = true;
  for (ConvSpec& conv : convs) {
    // A bottleneck's 3x3 stays one of images (Feichtenhofer et al. 2016).
    if (spec.kind == BlockKind::basic || conv.kernel == 1) conv.taps = spec.temporal;
  }
  return convs;
}

}  // namespace

ops::PadShortcut Residual::pad_shortcut() const {
  const bool both = spec_.shortcut == ShortcutKind::pad_both;
  return {spec_.stride, spec_.shortcut_pool == ShortcutPool::average,
          both ? static_cast<int>((spec_.out - spec_.in) / 2) : 0};
}

Residual::Residual(const BlockSpec& spec, Store& store, std::optional<Dtype> activations)
    : spec_(spec) {
  check(spec);
  if (spec.reversible) {
    reversible_.emplace(spec, activations.value_or(store.dtype()), store);
    return;
  }
  if (ck()) {
    linear_weight_ = store.parameter(spec.name + ".linear.weight", {spec.width, spec.width},
                                     ParameterKind::linear_weight);
    linear_bias_ =
        store.parameter(spec.name + ".linear.bias", {spec.width}, ParameterKind::linear_bias);
    return;
  }
  const std::vector<ConvSpec> convs = branch_convs(spec);
  for (std::size_t k = 0; k < convs.size(); ++k) {
    const std::string conv = fmt::format("{}.conv{}", spec.name, k + 1);
    const std::string bn = fmt::format("{}.bn{}", spec.name, k + 1);
    if (pre()) {
      if (k > 0 || spec.preactivation != Preactivation::none) {
        norms_.emplace_back(bn, convs[k].in, spec.bn_eps, spec.bn_momentum, store);
      }
      convs_.emplace_back(conv, convs[k], store);
    } else {
      convs_.emplace_back(conv, convs[k], store);
      if (!spec.norm) continue;
      norms_.emplace_back(bn, convs[k].out, spec.bn_eps, spec.bn_momentum, store);
    }
  }
  if (spec.shortcut == ShortcutKind::conv || spec.shortcut == ShortcutKind::conv_bn) {
    const std::string name = spec.name + ".shortcut";
    shortcut_conv_.emplace(
        name + ".conv",
        ConvSpec{spec.in, spec.out, 1, spec.stride, 0, spec.conv_bias != ConvBias::none}, store);
    if (spec.shortcut == ShortcutKind::conv_bn) {
      shortcut_norm_.emplace(name + ".bn", spec.out, spec.bn_eps, spec.bn_momentum, store);
    }
  }
}

void Residual::Saved::release() {
  in = {};
  value = unpooled = activated = shortcut_raw = Tensor();
  if (branch) branch->release();
  if (all) all->release();
  states.release();
  raw.clear();
}

Signal Residual::forward(const Signal& in, const Pass& pass, Saved& saved, Tie* tie) const {
  require(in.value.shape().size() == 4 && (in.value.shape()[3] == spec_.in ||
                                           (reversible_ && 2 * in.value.shape()[3] == spec_.in)),
          "{}: input must be [N, H, W, {}], not {}", spec_.name, spec_.in, in.value.shape());
  saved.gates = gates;
  if (!pass.sampled_depth) {
    saved.gates.forward.branch *= spec_.survival;
    saved.gates.rows = Tensor();
  }
  saved.in = in;
  require(!tie || tie->kind == Tie::Kind::none ||
              (!pre() && !plain() && !ck() && !saved.gates.rows.defined()),
          "{}: only a post-activation block that runs on all images can be tied to another",
          spec_.name);
  if (reversible_) {
    require(!saved.gates.rows, "{}: a reversible block runs on all images", spec_.name);
    Signal out = reversible_->forward(in, saved.gates, pass, saved.states);
    if (!saved.states.enters) saved.in = {};  // it is in saved.states, where it is kept at all
    if (!pass.keep) saved.release();
    return out;
  }
  saved.raw.assign(convs_.size(), Tensor());
  saved.moments.resize(convs_.size());
  saved.norms.resize(norms_.size());
  Signal out = ck()             ? forward_ck(in, pass, saved)
               : by_rows(saved) ? forward_rows(in, pass, saved)
               : plain()        ? forward_plain(in, pass, saved)
               : pre()          ? forward_pre(in, pass, saved)
                                : forward_post(in, pass, saved, tie);
  if (!pass.keep) saved.release();
  return out;
}

Tensor Residual::inverse(const Tensor& output, const Pass& pass, Saved& saved) const {
  if (!reversible_) {
    fail(ErrorKind::usage, "block '{}' cannot be inverted: it is not reversible", spec_.name);
  }
  return reversible_->inverse(output, saved.gates, pass, saved.states);
}

ops::Gradient Residual::backward(const ops::Gradient& d_out, const Pass& pass, Saved& saved,
                                 Tie* tie) const {
  if (reversible_) return reversible_->backward(d_out, saved.in, saved.gates, pass, saved.states);
  require(saved.value.defined(), "{}: backward without a forward pass that kept its activations",
          spec_.name);
  if (ck()) return backward_ck(d_out, pass, saved);
  if (by_rows(saved)) return backward_rows(d_out, pass, saved);
  if (plain()) return backward_plain(d_out, pass, saved);
  return pre() ? backward_pre(d_out, pass, saved) : backward_post(d_out, pass, saved, tie);
}

Tensor Residual::shortcut_forward(const Tensor& value, const Pass& pass, Saved& saved) const {
  if (spec_.shortcut == ShortcutKind::identity) return value;
  if (shortcut_conv_) {
    ops::ConvForward args;
    args.input = ops::operand(value);
    if (shortcut_norm_ && pass.batch_statistics) args.moments = &saved.shortcut_moments;
    saved.shortcut_raw = shortcut_conv_->forward(args, pass);
    return saved.shortcut_raw;
  }
  const std::int64_t s = spec_.stride;
  const Shape shape{value.dim(0), (value.dim(1) + s - 1) / s, (value.dim(2) + s - 1) / s,
                    spec_.out};
  const Tensor output = pass.pool.take(shape, value.dtype());
  ops::pad_shortcut_forward(pad_shortcut(), value, output, pass.stream);
  return output;
}

Tensor Residual::shortcut_backward(const Tensor& d, double scale, const Tensor& value,
                                   const Pass& pass, Saved& saved) const {
  if (shortcut_conv_) {
    ops::ConvBackward args;
    args.input = ops::operand(value);
    if (shortcut_norm_) {
      args.gradient =
          shortcut_norm_->backward(d, saved.shortcut_raw, scale, pass, saved.shortcut_norm);
    } else {
      args.gradient = ops::gradient(d);
      if (scale != 1) {
        const Tensor scaled = pass.pool.take(d.shape(), d.dtype());
        ops::axpby(scale, d, 0, scaled, pass.stream);
        args.gradient = ops::gradient(scaled);
      }
    }
    return shortcut_conv_->backward(args, true, pass);
  }
  Tensor out = d;
  if (spec_.shortcut != ShortcutKind::identity) {
    out = pass.pool.take(value.shape(), value.dtype());
    ops::pad_shortcut_backward(pad_shortcut(), d, out, pass.stream);
  }
  if (scale == 1) return out;
  const Tensor scaled = pass.pool.take(out.shape(), out.dtype());
  ops::axpby(scale, out, 0, scaled, pass.stream);
  return scaled;
}

ops::Operand Residual::inner(std::size_t conv, const Saved& saved) const {
  // Post: the norm after the previous convolution; pre: the norm before this one. `none` leaves
  // norms_ one short.
  const std::size_t norm = pre() ? conv - (convs_.size() - norms_.size()) : conv - 1;
  ops::Operand input = ops::operand(saved.raw[conv - 1]);
  input.f1 = saved.norms[norm].affine;
  input.act = ops::Activation::relu;
  return input;
}

ops::Gradient Residual::branch_backward(ops::Gradient g, double alpha, const Pass& pass,
                                        Saved& saved) const {
  for (std::size_t k = convs_.size() - 1; k > 0; --k) {
    const std::size_t norm = pre() ? k - (convs_.size() - norms_.size()) : k - 1;
    ops::ConvBackward args;
    args.gradient = g;
    args.alpha = k + 1 == convs_.size() ? alpha : 1;
    args.input = inner(k, saved);
    args.reductions[0] = norms_[norm].reduction(saved.raw[k - 1], saved.norms[norm]);
    const Tensor d = convs_[k].backward(args, true, pass);
    g = norms_[norm].backward(d, saved.raw[k - 1], 1, pass, saved.norms[norm]);
  }
  return g;
}

ops::Gradient Residual::pass_back(const Tensor& d_value, const Pass& pass, Saved& saved) const {
  Tensor d = d_value;
  if (!d) {
    d = pass.pool.take(saved.in.value.shape(), saved.in.value.x1.dtype());
    d.zero(pass.stream);
  }
  const Tensor out = pass.pool.take(saved.in.value.shape(), saved.in.value.x1.dtype());
  ops::operand_backward(ops::gradient(d), saved.in.value, out, saved.in.reductions, pass.stream);
  return ops::gradient(out);
}

Tensor Residual::zero_output(const Tensor& value, const Pass& pass) const {
  const std::int64_t s = spec_.stride;
  const Tensor zero = pass.pool.take(
      {value.dim(0), (value.dim(1) + s - 1) / s, (value.dim(2) + s - 1) / s, spec_.out},
      value.dtype());
  zero.zero(pass.stream);
  return zero;
}

Tensor Residual::constant(double value, Saved& saved) const {
  Tensor host({spec_.out}, wide(saved.value.dtype()), Tag::statistics);
  with_float(host.dtype(), "constant", [&]<class T>() {
    for (T& x : host.span<T>()) x = static_cast<T>(value);
  });
  saved.shortcut_scale = host.on(saved.value.device());
  return saved.shortcut_scale;
}

void Residual::commit(const Saved& saved, std::vector<ops::BatchNormUpdate>& to,
                      std::optional<double> momentum) const {
  if (reversible_) return reversible_->commit(saved.states, saved.gates, to, momentum);
  if (by_rows(saved)) {
    commit(*saved.branch, to, momentum);
    return commit(*saved.all, to, momentum);
  }
  if (saved.gates.forward.branch != 0) {
    for (std::size_t k = 0; k < norms_.size(); ++k) norms_[k].commit(saved.norms[k], to, momentum);
  }
  if (shortcut_norm_ && saved.gates.forward.shortcut != 0) {
    shortcut_norm_->commit(saved.shortcut_norm, to, momentum);
  }
}

std::string Residual::first_nonfinite(const Saved& saved) const {
  if (reversible_) return reversible_->first_nonfinite(saved.states);
  if (by_rows(saved)) {
    const std::string found = first_nonfinite(*saved.branch);
    return found.empty() ? first_nonfinite(*saved.all) : found;
  }
  if (ck()) {
    const bool bad = !saved.raw.empty() && saved.raw[0] && !ops::all_finite(saved.raw[0]);
    return bad ? spec_.name : std::string();
  }
  for (std::size_t k = 0; k < saved.raw.size(); ++k) {
    if (saved.raw[k] && !ops::all_finite(saved.raw[k])) return convs_[k].name();
  }
  if (saved.shortcut_raw && !ops::all_finite(saved.shortcut_raw)) return shortcut_conv_->name();
  return {};
}

}  // namespace rn::nn
