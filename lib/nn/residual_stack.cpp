// Backward through a block for a stack of gradients: shortcut and branch apart, each gradient that
// leaves made of one through the branch and one through the shortcut. Statistics are frozen, so a
// norm is a factor for each channel.
#include "nn/residual.h"
#include "ops/pool.h"

namespace rn::nn {
namespace {

Shape stacked(Shape one, std::int64_t gradients) {
  one[0] *= gradients;
  return one;
}

std::vector<ops::StackRow> straight(std::int64_t gradients) {
  std::vector<ops::StackRow> rows;
  for (std::int64_t k = 0; k < gradients; ++k) rows.push_back({k, -1});
  return rows;
}

}  // namespace

std::int64_t Residual::stack_elements(std::int64_t height, std::int64_t width) const {
  const std::int64_t pixels = height * width,
                     pixels_out = spec_.output_size(height) * spec_.output_size(width);
  std::int64_t sum = 0;
  for (std::size_t k = 1; k < convs_.size(); ++k) {
    const bool behind_stride = static_cast<int>(k) >= spec_.stride_at;
    sum += (behind_stride ? pixels_out : pixels) * convs_[k].spec().in;
  }
  if (spec_.shortcut != ShortcutKind::identity ||
      gates.forward.shortcut * gates.backward.shortcut != 1) {
    sum += pixels * spec_.in;
  }
  return sum;
}

Tensor Residual::shortcut_stack(const Tensor& g, const Tensor& value, const Pass& pass,
                                const Saved& saved, StackArena& arena) const {
  const double scale = saved.gates.forward.shortcut * saved.gates.backward.shortcut;
  const std::int64_t gradients = g.dim(0) / value.dim(0);
  if (spec_.shortcut == ShortcutKind::identity && scale == 1) return g;
  const Tensor out = arena.take_inner(stacked(value.shape(), gradients));
  if (shortcut_conv_) {
    const std::vector<ops::StackRow> rows = straight(gradients);
    ops::ConvStack args;
    args.g = g;
    // The post-activation norm's own factor has the forward gate in it, the pre-activation's not.
    args.alpha = shortcut_norm_ && !pre() ? saved.gates.backward.shortcut : scale;
    if (shortcut_norm_) args.p = saved.shortcut_norm.affine.scale;
    args.input = ops::operand(value);
    args.rows = rows;
    args.d_input = out;
    shortcut_conv_->backward_stack(args, pass);
    return out;
  }
  if (spec_.shortcut == ShortcutKind::identity) {
    ops::axpby(scale, g, 0, out, pass.stream);
    return out;
  }
  ops::pad_shortcut_backward(pad_shortcut(), g, out, pass.stream);
  if (scale != 1) ops::axpby(0, out, scale, out, pass.stream);
  return out;
}

Tensor Residual::backward_stack(const Tensor& g, std::span<const ops::StackRow> rows, bool mask,
                                const Pass& pass, const Saved& saved, StackArena& arena,
                                const StackWeights* weights) const {
  require(!reversible_, "{}: a reversible block has two branches: there is no stack of one",
          spec_.name);
  const Gates& gate = saved.gates;
  require(saved.value.defined() && !pass.batch_statistics && !plain() && !by_rows(saved) &&
              gate.forward.branch * gate.backward.branch != 0 &&
              gate.forward.shortcut * gate.backward.shortcut != 0,
          "{}: stacks of gradients go back through whole blocks with frozen statistics",
          spec_.name);
  const bool has_first_norm = pre() && spec_.preactivation != Preactivation::none;
  const bool shared = spec_.preactivation == Preactivation::shared && pre();
  const std::size_t lacking = pre() ? convs_.size() - norms_.size() : 0;
  const std::int64_t images = saved.value.dim(0), gradients = g.dim(0) / images;
  const Tensor through_shortcut =
      shortcut_stack(g, shared ? saved.activated : saved.value, pass, saved, arena);
  // The factor of the norm behind convolution k.
  const auto behind = [&](std::size_t k) {
    if (!pre()) return saved.norms[k].affine.scale;
    return k + 1 < convs_.size() ? saved.norms[k + 1 - lacking].affine.scale : Tensor();
  };
  const auto input_of = [&](std::size_t k) {
    if (k > 0) return inner(k, saved);
    if (!pre()) return saved.in.value;
    ops::Operand first = ops::operand(saved.value);
    if (has_first_norm) {
      first.f1 = saved.norms[0].affine;
      first.act = ops::Activation::relu;
      if (shared) first.stored = saved.activated;
    }
    return first;
  };
  const std::vector<ops::StackRow> all = straight(gradients);
  Tensor d = g;
  for (std::size_t k = convs_.size(); k-- > 0;) {
    const bool last = k + 1 == convs_.size();
    ops::ConvStack args;
    args.g = d;
    args.p = behind(k);
    // As for the shortcut: the forward gate is in the norm's factor, where a norm is last.
    args.alpha = !last   ? 1
                 : pre() ? gate.forward.branch * gate.backward.branch
                         : gate.backward.branch;
    args.input = input_of(k);
    if (weights) convs_[k].weights_stack(args, *weights, pass);
    if (k > 0) {
      args.rows = all;
      args.d_input = arena.take_inner(stacked(saved.raw[k - 1].shape(), gradients));
    } else {
      args.rows = rows;
      args.d_input =
          arena.take_out(stacked(saved.value.shape(), static_cast<std::int64_t>(rows.size())));
      if (has_first_norm) args.scale = saved.norms[0].affine.scale;
      (has_first_norm && !shared ? args.outside : args.inside) = through_shortcut;
      if (!pre() && !mask) args.input = ops::operand(saved.value);
    }
    convs_[k].backward_stack(args, pass);
    d = args.d_input;
  }
  if (pre() && mask) ops::stack_mask(d, saved.in.value, pass.stream);
  return d;
}

}  // namespace rn::nn
