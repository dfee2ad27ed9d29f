#include "nn/reversible.h"

#include <cmath>

#include "nn/residual.h"
#include "ops/reduce.h"
#include "ops/stream.h"

namespace rn::nn {
namespace {

Tensor first_half(const Tensor& state) { return state.slice(0, state.dim(0) / 2); }
Tensor second_half(const Tensor& state) { return state.slice(state.dim(0) / 2, state.dim(0)); }

Shape twice(Shape shape) {
  shape[0] *= 2;
  return shape;
}

// As it stands, or into memory of the pool times `scale`.
Tensor scaled(const Tensor& x, double scale, const Pass& pass) {
  if (scale == 1) return x;
  const Tensor to = pass.pool.take(x.shape(), x.dtype());
  ops::axpby(scale, x, 0, to, pass.stream);
  return to;
}

}  // namespace

Reversible::Reversible(const BlockSpec& spec, Dtype inside, Store& store) : spec_(spec) {
  BlockSpec f = spec;
  f.in /= 2;
  f.width /= 2;
  f.out /= 2;
  BlockSpec g = f;
  g.in = f.out;
  g.stride = 1;
  g.preactivation = Preactivation::own;
  f_.emplace(spec.name + ".f", f, inside, store);
  g_.emplace(spec.name + ".g", g, inside, store);
  if (spec.shortcut != ShortcutKind::conv) return;
  for (int k = 0; k < 2; ++k) {
    shortcuts_[k].emplace(fmt::format("{}.shortcut{}.conv", spec.name, k + 1),
                          ConvSpec{f.in, f.out, 1, spec.stride, 0}, store);
  }
}

void Reversible::Saved::release() {
  x = y = Tensor();
  f.release();
  g.release();
}

ops::PadShortcut Reversible::pad() const {
  const bool both = spec_.shortcut == ShortcutKind::pad_both;
  return {spec_.stride, spec_.shortcut_pool == ShortcutPool::average,
          both ? static_cast<int>((spec_.out - spec_.in) / 4) : 0};
}

Tensor Reversible::shortcut(int k, const Tensor& x, const Pass& pass) const {
  if (identity()) return x;
  Tensor s;
  if (shortcuts_[k]) {
    ops::ConvForward args;
    args.input = ops::operand(x);
    s = shortcuts_[k]->forward(args, pass);
  } else {
    const std::int64_t by = spec_.stride;
    s = pass.pool.take(
        {x.dim(0), (x.dim(1) + by - 1) / by, (x.dim(2) + by - 1) / by, spec_.out / 2}, x.dtype());
    ops::pad_shortcut_forward(pad(), x, s, pass.stream);
  }
  if (pass.grid > 0) {  // an average or a projection leaves the grid
    ops::stream_add({.branch = s, .grid = pass.grid, .output = s}, pass.stream);
  }
  return s;
}

Tensor Reversible::shortcut_backward(int k, const Tensor& d, const Tensor& x, const Tensor& to,
                                     const Pass& pass) const {
  if (shortcuts_[k]) {
    ops::ConvBackward args;
    args.gradient = ops::gradient(d);
    args.input = ops::operand(x);
    args.d_input = to;
    return shortcuts_[k]->backward(args, true, pass);
  }
  const Tensor out = to ? to : pass.pool.take(x.shape(), x.dtype());
  ops::pad_shortcut_backward(pad(), d, out, pass.stream);
  return out;
}

void Reversible::check_range(double largest, Dtype dtype, const Pass& pass) const {
  const double limit = ops::grid_limit(dtype, pass.grid);
  if (pass.grid == 0 || largest <= limit || !std::isfinite(largest)) return;
  const int q = -static_cast<int>(std::lround(std::log2(pass.grid)));
  fail(
      ErrorKind::numeric,
      "block '{}': the fixed-point stream overflows: a value of {:.4g}, where q = {} holds +-{:g}; "
      "take a smaller q (--stream fixed:Q), or float",
      spec_.name, largest, q, limit);
}

// The state that the signal is or becomes, and the moments of its second half where F normalises
// it.
Tensor Reversible::state_of(const Signal& in, const Pass& pass, Saved& saved,
                            ops::Moments& moments) const {
  const bool wanted = spec_.preactivation == Preactivation::own && pass.batch_statistics;
  Tensor x = in.value.x1;
  moments = in.moments;
  saved.enters = in.value.shape()[3] == spec_.in;
  if (saved.enters) {
    Shape shape = twice(in.value.shape());
    shape[3] /= 2;
    x = pass.pool.take(shape, wide(in.value.x1.dtype()));
    const double largest = ops::stream_split(in.value, x, pass.grid, pass.stream);
    check_range(largest, x.dtype(), pass);
    moments = {};
  } else {
    require(in.value.plain() && x.dim(0) % 2 == 0 && 2 * x.dim(3) == spec_.in,
            "{}: input must be a state of {} channels, not {}", spec_.name, spec_.in, x);
  }
  if (wanted && moments.count == 0) {
    const Tensor half = second_half(x);
    ops::operand_forward(ops::operand(half), half, &saved.x_moments, pass.stream);
    moments = saved.x_moments;
  }
  return x;
}

Signal Reversible::forward(const Signal& in, const Gates& gates, const Pass& pass,
                           Saved& saved) const {
  const Gate& gate = gates.forward;
  saved.inverts = pass.reversible && pass.keep && spec_.invertible() && gate.shortcut == 1 &&
                  gates.backward.shortcut == 1;
  require(!pass.reversible || !pass.keep || pass.batch_statistics,
          "{}: a reversible pass needs the batch's statistics", spec_.name);
  ops::Moments moments;
  const Tensor x = state_of(in, pass, saved, moments);
  const Tensor x1 = first_half(x), x2 = second_half(x);
  Tensor y = x;
  if (!saved.inverts) y = pass.pool.take(twice(f_->output_shape(x2.shape())), x.dtype());
  const Tensor y1 = first_half(y), y2 = second_half(y);
  ops::Moments* of_y1 = pass.batch_statistics ? &saved.y1_moments : nullptr;
  ops::Moments* of_y2 = pass.batch_statistics ? &saved.y2_moments : nullptr;

  const auto half = [&](int k, const Branch& branch, Branch::Saved& kept, const Tensor& from,
                        const ops::Moments& of_from, const Tensor& beside, const Tensor& to,
                        ops::Moments* of_to) {
    const Tensor s = gate.shortcut == 0 ? Tensor() : shortcut(k, beside, pass);
    const Branch::Add add{s, gate.shortcut, gate.branch, to, of_to};
    const double largest =
        gate.branch == 0
            ? ops::stream_add({.x = s, .beta = gate.shortcut, .output = to, .moments = of_to},
                              pass.stream)
            : branch.forward(from, of_from, add, pass, kept);
    check_range(largest, to.dtype(), pass);
    if (!pass.keep || saved.inverts) kept.release();
  };
  half(0, *f_, saved.f, x2, moments, x1, y1, of_y1);
  half(1, *g_, saved.g, y1, saved.y1_moments, x2, y2, of_y2);

  if (pass.keep && !saved.inverts) {
    saved.x = x;
    // Behind it others run in place; they hand the output down again.
    if (!pass.reversible) saved.y = y;
  }
  Signal out;
  out.value = ops::operand(y);
  if (of_y2) out.moments = saved.y2_moments;
  return out;
}

ops::Gradient Reversible::backward(const ops::Gradient& d_out, const Signal& in, const Gates& gates,
                                   const Pass& pass, Saved& saved) const {
  require(saved.y.defined() && (saved.inverts || saved.x.defined()),
          "{}: backward without a forward pass that kept its activations", spec_.name);
  const double branch = gates.forward.branch * gates.backward.branch;
  const double straight = gates.forward.shortcut * gates.backward.shortcut;
  const Tensor d = materialize(d_out, pass);
  const Tensor dy1 = first_half(d), dy2 = second_half(d);
  const Tensor y1 = first_half(saved.y), y2 = second_half(saved.y);
  if (saved.inverts) saved.x = saved.y;
  const Tensor x1 = first_half(saved.x), x2 = second_half(saved.x);
  const bool in_place = saved.inverts;
  const Tensor dx = in_place ? d : pass.pool.take(saved.x.shape(), saved.x.dtype());
  const double undo = -gates.forward.branch;

  // d1: the gradient of y1, all told; where S is the identity it is that of x1.
  if (saved.inverts && undo != 0) g_->again(y1, {y2, 1, undo, x2, nullptr}, pass, saved.g);
  const bool hands_on = identity() && straight == 1;
  Tensor d1 = dy1;
  if (branch != 0) {
    ops::Gradient through = g_->backward(dy2, branch, y1, pass, saved.g);
    through.add = dy1;
    d1 = hands_on ? first_half(dx) : pass.pool.take(dy1.shape(), dy1.dtype());
    ops::gradient_forward(through, d1, pass.stream);
  } else if (hands_on && !in_place) {
    first_half(dx).copy_from(dy1);
  }
  if (pass.reversible) saved.g.release();

  if (saved.inverts && undo != 0) f_->again(x2, {y1, 1, undo, x1, nullptr}, pass, saved.f);
  // Through the shortcuts.
  Tensor dx2 = dy2;
  if (straight == 0) {
    dx.zero(pass.stream);
    dx2 = second_half(dx);
  } else if (!identity()) {
    shortcut_backward(0, scaled(d1, straight, pass), x1, first_half(dx), pass);
    dx2 = shortcut_backward(1, scaled(dy2, straight, pass), x2, Tensor(), pass);
  } else if (straight != 1) {
    ops::axpby(straight, d1, 0, first_half(dx), pass.stream);
    dx2 = scaled(dy2, straight, pass);
  }
  if (branch != 0) {
    ops::Gradient through = f_->backward(d1, branch, x2, pass, saved.f);
    through.add = dx2;
    ops::gradient_forward(through, second_half(dx), pass.stream);
  } else if (dx2.raw() != second_half(dx).raw()) {
    second_half(dx).copy_from(dx2);
  }
  if (pass.reversible) {
    saved.f.release();
    saved.y = Tensor();
  }
  if (!saved.enters) return ops::gradient(dx);

  const Tensor joined = pass.pool.take(in.value.shape(), in.value.x1.dtype());
  ops::stream_join(dx, joined, pass.stream);
  if (!in.value.plain()) {
    ops::operand_backward(ops::gradient(joined), in.value, joined, in.reductions, pass.stream);
  }
  return ops::gradient(joined);
}

Tensor Reversible::inverse(const Tensor& y, const Gates& gates, const Pass& pass,
                           Saved& saved) const {
  if (!identity() || gates.forward.shortcut != 1) {
    fail(ErrorKind::usage, "block '{}' cannot be inverted: its shortcut is not the identity",
         spec_.name);
  }
  const Tensor x = pass.pool.take(y.shape(), y.dtype());
  const Tensor x1 = first_half(x), x2 = second_half(x);
  const double undo = -gates.forward.branch;
  if (undo == 0) {
    x.copy_from(y);
    return x;
  }
  // The saved object's activations may be somebody's: only its norms are read.
  Branch::Saved f, g;
  f.norms = saved.f.norms;
  g.norms = saved.g.norms;
  g_->again(first_half(y), {second_half(y), 1, undo, x2, nullptr}, pass, g);
  f_->again(x2, {first_half(y), 1, undo, x1, nullptr}, pass, f);
  return x;
}

void Reversible::commit(const Saved& saved, const Gates& gates,
                        std::vector<ops::BatchNormUpdate>& to,
                        std::optional<double> momentum) const {
  if (gates.forward.branch == 0) return;
  f_->commit(saved.f, to, momentum);
  g_->commit(saved.g, to, momentum);
}

std::string Reversible::first_nonfinite(const Saved& saved) const {
  const std::string found = f_->first_nonfinite(saved.f);
  if (!found.empty()) return found;
  const auto bad = [](const ops::Moments& m) {
    return m.count > 0 && !(ops::all_finite(m.mean) && ops::all_finite(m.m2));
  };
  if (bad(saved.y1_moments)) return spec_.name + ".f";
  const std::string second = g_->first_nonfinite(saved.g);
  if (!second.empty()) return second;
  return bad(saved.y2_moments) ? spec_.name + ".g" : std::string();
}

}  // namespace rn::nn
