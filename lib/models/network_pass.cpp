// Forward and backward through stem, blocks and head.
#include <fmt/ranges.h>  // shapes

#include <algorithm>
#include <utility>

#include "models/network.h"
#include "ops/ck.h"
#include "ops/linear.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/stream.h"

namespace rn::models {

namespace {
void tell(const nn::Pass& pass, const std::string& name, bool backward) {
  if (pass.trace) pass.trace->passed(name, backward);
}

// Behind a reversible block come only such blocks.
bool ends_in_state(const NetworkSpec& spec) {
  return !spec.blocks.empty() && spec.blocks.back().reversible;
}

ops::Pool2d stem_pool(const StemSpec& stem) {
  return {ops::PoolKind::max, 3, 2, 1, stem.pool_zeros};
}
}  // namespace

void Saved::release() {
  checkpoints.clear();
  images = last = {};
  stem_raw = stem_value = features = frame_values = pooled = Tensor();
  head_operand = {};
  for (nn::Residual::Saved& block : blocks) block.release();
}

nn::Signal Network::stem_forward(const Tensor& given, const nn::Pass& pass, Saved& saved) const {
  require(given.rank() == 4 && given.dim(3) == spec_.channels &&
              (pass.any_size || (given.dim(1) == spec_.height && given.dim(2) == spec_.width)),
          "network '{}': images must be [N, {}, {}, {}], not {}", spec_.arch, spec_.height,
          spec_.width, spec_.channels, given);
  require(pass.frames >= 1 && given.dim(0) % pass.frames == 0,
          "network '{}': {} images are no clips of {} frames", spec_.arch, given.dim(0),
          pass.frames);
  saved.release();
  Tensor images = given;
  if (given.device() != store_.device()) {
    images = pass.pool.take(given.shape(), given.dtype());
    images.copy_from(given);
  }
  saved.blocks.resize(blocks_.size());
  saved.images.value = ops::operand(images);
  if (spec_.stem.lift) {
    const std::int64_t n = images.dim(0);
    saved.stem_raw = pass.pool.take({n, 1, 1, spec_.stem.out}, images.dtype());
    ops::ck_lift(images.reshape({n, spec_.channels}),
                 static_cast<int>(spec_.stem.out / spec_.head.features),
                 saved.stem_raw.reshape({n, spec_.stem.out}), pass.stream);
    nn::Signal state;
    state.value = ops::operand(saved.stem_raw);
    return state;
  }
  ops::ConvForward args;
  args.input = saved.images.value;
  if (pass.batch_statistics && !stem_norm_) args.moments = &saved.stem_moments;
  nn::Signal out;
  const bool folds = (stem_norm_ || spec_.stem.relu) && pass.folds(images.dtype());
  if (folds) {
    const ops::Affine affine =
        stem_norm_ ? stem_norm_->forward({}, 1, pass, saved.stem_norm) : ops::Affine();
    saved.stem_raw = stem_conv_->forward(args, affine, ops::Activation::relu, pass);
  } else if (stem_norm_) {
    saved.stem_raw =
        stem_conv_->forward(args, saved.stem_moments, *stem_norm_, 1, pass, saved.stem_norm);
  } else {
    saved.stem_raw = stem_conv_->forward(args, pass);
  }
  out.value = ops::operand(saved.stem_raw);
  if (spec_.stem.relu && !folds) out.value.act = ops::Activation::relu;
  if (stem_norm_ && !folds) {
    out.value.f1 = saved.stem_norm.affine;
    out.value.act = ops::Activation::relu;
    out.reductions[0] = stem_norm_->reduction(saved.stem_raw, saved.stem_norm);
  } else if (pass.batch_statistics && out.value.plain()) {
    out.moments = saved.stem_moments;
  }
  if (spec_.stem.max_pool) {
    saved.stem_value = nn::materialize(out, pass);
    const Shape& s = saved.stem_value.shape();
    const Tensor pooled =
        pass.pool.take({s[0], (s[1] - 1) / 2 + 1, (s[2] - 1) / 2 + 1, s[3]}, images.dtype());
    ops::pool_forward(stem_pool(spec_.stem), saved.stem_value, pooled, pass.stream);
    saved.images.reductions = out.reductions;  // of the stem, for backward
    out = {};
    out.value = ops::operand(pooled);
  }
  return out;
}

Tensor Network::head_forward(const nn::Signal& last, const nn::Pass& pass, Saved& saved) const {
  saved.last = last;
  ops::Operand value = last.value;
  if (ends_in_state(spec_)) {
    const Shape& s = value.shape();
    const Tensor joined = pass.pool.take({s[0] / 2, s[1], s[2], 2 * s[3]}, value.x1.dtype());
    ops::stream_join(value.x1, joined, pass.stream);
    value = ops::operand(joined);
  }
  if (head_norm_) {
    Tensor x = value.x1;
    ops::Moments moments = ends_in_state(spec_) ? ops::Moments() : last.moments;
    if (!value.plain() || (pass.batch_statistics && moments.count == 0)) {
      const bool plain = value.plain();
      x = plain ? value.x1 : pass.pool.take(value.shape(), value.x1.dtype());
      saved.head_moments.count = 0;  // and memory as it is
      ops::operand_forward(value, x, pass.batch_statistics ? &saved.head_moments : nullptr,
                           pass.stream);
      moments = saved.head_moments;
      saved.last.value.stored = x;
    }
    value = ops::operand(x);
    value.f1 = head_norm_->forward(moments, 1, pass, saved.head_norm);
    value.act = ops::Activation::relu;
  }
  saved.head_operand = value;
  const Dtype full = wide(value.x1.dtype());  // what is behind the pool stays f32 beside bf16
  if (spec_.head.temporal_pool != TemporalPool::none) {
    features_forward(value, pass, saved);
  } else if (spec_.head.features > 0) {
    const Tensor state = nn::materialize(last, pass);
    saved.features = pass.pool.take({value.shape()[0], spec_.head.features}, full);
    ops::ck_project(state.reshape({state.dim(0), state.dim(3)}), saved.features, pass.stream);
  } else {
    saved.features = pass.pool.take({value.shape()[0], value.shape()[3]}, full);
    ops::global_average_pool_forward(value, saved.features, pass.stream);
  }
  if (pass.dropout) ops::dropout(*pass.dropout, saved.features, pass.stream);
  const Tensor logits = pass.pool.take({saved.features.dim(0), spec_.classes}, full);
  ops::linear_forward(saved.features, linear_weight_->value, linear_bias_->value, logits,
                      pass.stream);
  return logits;
}

Tensor Network::forward(const Tensor& images, const nn::Pass& pass, Saved& saved) const {
  nn::Signal signal = stem_forward(images, pass, saved);
  tell(pass, "stem", false);
  if (const std::int64_t k = segment(pass); k > 0) {
    nn::Pass passing = pass;
    passing.keep = false;
    for (std::int64_t from = 0; from < block_count(); from += k) {
      const std::int64_t to = std::min(from + k, block_count());
      saved.checkpoints.push_back(signal);
      signal = run(signal, from, to, to == block_count() ? pass : passing, saved);
    }
  } else {
    signal = run(signal, 0, block_count(), pass, saved);
  }
  Tensor logits = head_forward(signal, pass, saved);
  tell(pass, "head", false);
  if (!pass.keep) saved.release();
  return logits;
}

nn::Signal Network::run(nn::Signal signal, std::int64_t from, std::int64_t to, const nn::Pass& pass,
                        Saved& saved) const {
  for (std::int64_t place = from; place < to; ++place) {
    const auto index = static_cast<std::size_t>(order_[static_cast<std::size_t>(place)]);
    signal = blocks_[index].forward(signal, pass, saved.blocks[index], tie_of(saved, index));
    tell(pass, blocks_[index].spec().name, false);
  }
  return signal;
}

std::int64_t Network::segment(const nn::Pass& pass) const {
  return pass.keep && pass.batch_statistics && !pass.reversible ? checkpoints.segment : 0;
}

ops::Gradient Network::head_backward(const Tensor& d_logits, const nn::Pass& pass, Saved& saved,
                                     bool mask) const {
  require(saved.features.defined(),
          "network '{}': backward without a forward pass that kept its "
          "activations",
          spec_.arch);
  const Tensor d_features = pass.pool.take(saved.features.shape(), saved.features.dtype());
  ops::linear_backward(d_logits, saved.features, linear_weight_->value, d_features,
                       linear_weight_->gradient, linear_bias_->gradient, pass.stream);
  if (pass.dropout) ops::dropout(*pass.dropout, d_features, pass.stream);

  if (spec_.head.features > 0) {
    const Tensor d = pass.pool.take(saved.head_operand.shape(), saved.head_operand.x1.dtype());
    ops::ck_project_backward(d_features, d.reshape({d.dim(0), d.dim(3)}), pass.stream);
    return ops::gradient(d);
  }
  // Gradient of the head's operand, then of the last block's.
  const bool over_time = spec_.head.temporal_pool != TemporalPool::none;
  require(mask || !over_time, "network '{}': no gradient of values behind a pooling over time",
          spec_.arch);
  if (!mask && !head_norm_ && !ends_in_state(spec_)) {
    ops::Operand value = ops::operand(saved.head_operand.x1);
    const Tensor d = pass.pool.take(value.shape(), value.x1.dtype());
    ops::global_average_pool_backward(d_features, value, d, {}, pass.stream);
    return ops::gradient(d);
  }
  ops::Reductions reductions = saved.last.reductions;
  if (head_norm_) {
    reductions = {head_norm_->reduction(saved.head_operand.x1, saved.head_norm), {}};
  }
  Tensor d;
  if (over_time) {
    d = features_backward(d_features, reductions, pass, saved);
  } else {
    d = pass.pool.take(saved.head_operand.shape(), saved.head_operand.x1.dtype());
    ops::global_average_pool_backward(d_features, saved.head_operand, d, reductions, pass.stream);
  }
  ops::Gradient gradient = ops::gradient(d);
  if (head_norm_) {
    gradient = head_norm_->backward(d, saved.head_operand.x1, 1, pass, saved.head_norm);
    if (mask && !saved.last.value.plain()) {
      const Tensor out = pass.pool.take(d.shape(), d.dtype());
      ops::operand_backward(gradient, saved.last.value, out, saved.last.reductions, pass.stream);
      gradient = ops::gradient(out);
    }
  }
  if (!ends_in_state(spec_)) return gradient;
  const Shape& s = d.shape();
  const Tensor halves = pass.pool.take({2 * s[0], s[1], s[2], s[3] / 2}, d.dtype());
  ops::stream_split(ops::operand(nn::materialize(gradient, pass)), halves, 0, pass.stream);
  return ops::gradient(halves);
}

Tensor Network::backward(const Tensor& d_logits, const nn::Pass& pass, Saved& saved,
                         bool want_images) const {
  ops::Gradient gradient = head_backward(d_logits, pass, saved);
  tell(pass, "head", true);
  gradient = blocks_backward(std::move(gradient), pass, saved);
  const Tensor d_images = stem_backward(gradient, pass, saved, want_images);
  tell(pass, "stem", true);
  return d_images;
}

ops::Gradient Network::blocks_backward(ops::Gradient gradient, const nn::Pass& pass,
                                       Saved& saved) const {
  const std::int64_t k = segment(pass);
  // What a reversible block's output was, computed on the way.
  Tensor state;
  if (pass.reversible && ends_in_state(spec_)) state = std::exchange(saved.last.value.x1, {});
  for (std::int64_t place = block_count() - 1; place >= 0; --place) {
    if (k > 0 && (place + 1) % k == 0 && place + 1 < block_count()) {
      const std::int64_t from = place + 1 - k;
      run(std::exchange(saved.checkpoints.at(static_cast<std::size_t>(from / k)), {}), from,
          place + 1, pass, saved);
    }
    const auto index = static_cast<std::size_t>(order_[static_cast<std::size_t>(place)]);
    nn::Residual::Saved& kept = saved.blocks[index];
    if (state) kept.states.y = std::exchange(state, Tensor());
    gradient = blocks_[index].backward(gradient, pass, kept, tie_of(saved, index));
    if (pass.reversible && blocks_[index].spec().reversible) state = kept.states.x;
    if (k > 0 || pass.reversible) kept.release();
    tell(pass, blocks_[index].spec().name, true);
  }
  return gradient;
}

Tensor Network::stem_backward(const ops::Gradient& d_first, const nn::Pass& pass, Saved& saved,
                              bool want_images) const {
  ops::Gradient gradient = d_first;
  if (spec_.stem.lift) {
    if (!want_images) return {};
    const Tensor d = nn::materialize(gradient, pass);
    const std::int64_t n = d.dim(0);
    const Tensor d_images = pass.pool.take({n, 1, 1, spec_.channels}, d.dtype());
    ops::ck_lift_backward(d.reshape({n, d.dim(3)}),
                          static_cast<int>(spec_.stem.out / spec_.head.features),
                          d_images.reshape({n, spec_.channels}), pass.stream);
    return d_images;
  }
  if (spec_.stem.max_pool) {
    const Tensor d_pooled = nn::materialize(gradient, pass);
    const Tensor d_value = pass.pool.take(saved.stem_value.shape(), d_pooled.dtype());
    ops::pool_backward(stem_pool(spec_.stem), saved.stem_value, d_pooled, d_value, pass.stream);
    ops::Operand value = ops::operand(saved.stem_raw);
    if (stem_norm_) {
      value.f1 = saved.stem_norm.affine;
    }
    if (stem_norm_ || spec_.stem.relu) {
      value.act = ops::Activation::relu;
      value.stored = saved.stem_value;
    }
    ops::operand_backward(ops::gradient(d_value), value, d_value, saved.images.reductions,
                          pass.stream);
    gradient = ops::gradient(d_value);
  }
  if (stem_norm_) {
    gradient = stem_norm_->backward(nn::materialize(gradient, pass), saved.stem_raw, 1, pass,
                                    saved.stem_norm);
  }
  ops::ConvBackward args;
  args.gradient = gradient;
  args.input = saved.images.value;
  return stem_conv_->backward(args, want_images, pass);
}

void Network::stem_stack(const Tensor& d_first, const Tensor& d_images, const nn::Pass& pass,
                         Saved& saved) const {
  const std::int64_t images = saved.images.value.shape()[0], count = d_images.dim(0) / images;
  if (!spec_.stem.max_pool && !spec_.stem.lift) {
    std::vector<ops::StackRow> rows;
    for (std::int64_t k = 0; k < count; ++k) rows.push_back({k, -1});
    ops::ConvStack args;
    args.g = d_first;
    if (stem_norm_) args.p = saved.stem_norm.affine.scale;
    args.input = saved.images.value;
    args.rows = rows;
    args.d_input = d_images;
    return stem_conv_->backward_stack(args, pass);
  }
  for (std::int64_t k = 0; k < count; ++k) {
    const Tensor d = d_first.slice(k * images, (k + 1) * images);
    d_images.slice(k * images, (k + 1) * images)
        .copy_from(stem_backward(ops::gradient(d), pass, saved, true));
  }
}

Tensor Network::enter(const Tensor& images, const nn::Pass& pass, Saved& saved) const {
  return nn::materialize(stem_forward(images, pass, saved), pass);
}

Tensor Network::forward(const Tensor& value, std::int64_t from, std::int64_t to,
                        const nn::Pass& pass, Saved& saved) const {
  require(0 <= from && from <= to && to <= block_count(),
          "network '{}': cannot run from boundary {} to {} of 0 to {}", spec_.arch, from, to,
          block_count());
  saved.blocks.resize(blocks_.size());
  nn::Signal signal;
  signal.value = ops::operand(value);
  return nn::materialize(run(signal, from, to, pass, saved), pass);
}

Tensor Network::leave(const Tensor& value, const nn::Pass& pass, Saved& saved) const {
  nn::Signal signal;
  signal.value = ops::operand(value);
  return head_forward(signal, pass, saved);
}

Tensor Network::block_vjp(std::int64_t place, const Tensor& x, const Tensor& v,
                          const nn::Gate& gate, const nn::Pass& pass, Saved& saved) const {
  saved.blocks.resize(blocks_.size());
  nn::Residual block = at(place);  // a copy shares the parameters; its gates are our own
  block.gates.backward = gate;
  nn::Residual::Saved& kept =
      saved.blocks[static_cast<std::size_t>(order_.at(static_cast<std::size_t>(place)))];
  nn::Signal in;
  in.value = ops::operand(x);
  nn::Pass keeping{pass.pool, pass.stream, pass.batch_statistics, true};
  const nn::Signal out = block.forward(in, keeping, kept);
  require(v.shape() == out.value.shape(),
          "network '{}': the vector of block '{}' must be {}, not {}", spec_.arch,
          block.spec().name, out.value.shape(), v);
  ops::Gradient d = ops::gradient(v);
  if (!out.value.plain()) {  // through the ReLU after the addition, which both ways share
    const Tensor masked = pass.pool.take(v.shape(), v.dtype());
    ops::operand_backward(d, out.value, masked, out.reductions, pass.stream);
    d = ops::gradient(masked);
  }
  return nn::materialize(block.backward(d, keeping, kept), keeping);
}

Tensor Network::block_jvp(std::int64_t place, const Tensor& x, const Tensor& u,
                          const nn::Gate& gate, const nn::Pass& pass, Saved& saved) const {
  require(!pass.batch_statistics && u.shape() == x.shape(),
          "network '{}': a Jacobian-vector product takes frozen statistics and a vector {}, not {}",
          spec_.arch, x.shape(), u);
  saved.blocks.resize(blocks_.size());
  nn::Residual block = at(place);
  nn::Residual::Saved& kept =
      saved.blocks[static_cast<std::size_t>(order_.at(static_cast<std::size_t>(place)))];
  nn::Signal in;
  in.value = ops::operand(x);
  nn::Pass keeping{pass.pool, pass.stream, false, true};
  const nn::Signal out = block.forward(in, keeping, kept);
  kept.gates.backward = gate;
  const Tensor d = block.tangent(u, keeping, kept);
  if (out.value.act == ops::Activation::none) return d;
  ops::operand_backward(ops::gradient(d), out.value, d, {}, pass.stream);
  return d;
}

std::string Network::first_nonfinite(const Saved& saved) const {
  if (saved.stem_raw && !ops::all_finite(saved.stem_raw)) return "stem.conv";
  for (const std::int64_t index : order_) {
    const auto i = static_cast<std::size_t>(index);
    if (i >= saved.blocks.size()) continue;
    const std::string name = blocks_[i].first_nonfinite(saved.blocks[i]);
    if (!name.empty()) return name;
  }
  if (saved.features && !ops::all_finite(saved.features)) return "head";
  return {};
}

}  // namespace rn::models
