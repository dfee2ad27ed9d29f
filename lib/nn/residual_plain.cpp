// The plain layer: y = ReLU(BN(conv(pool(x)))), with neither shortcut nor, perhaps, batch norm.
// With its branch switched off it is y = pool(x).
#include "nn/residual.h"
#include "ops/pool.h"

namespace rn::nn {
namespace {

ops::Pool2d pool_of(const BlockSpec& spec) { return {ops::PoolKind::max, spec.pool, spec.pool, 0}; }

}  // namespace

Signal Residual::forward_plain(const Signal& in, const Pass& pass, Saved& saved) const {
  const double gate = saved.gates.forward.branch;
  ops::Operand input = in.value;
  if (spec_.pool > 1) {
    saved.unpooled = materialize(in, pass);
    saved.in.value.stored = saved.unpooled;
    const Shape& s = saved.unpooled.shape();
    saved.value =
        pass.pool.take({s[0], s[1] / spec_.pool, s[2] / spec_.pool, s[3]}, saved.unpooled.dtype());
    ops::pool_forward(pool_of(spec_), saved.unpooled, saved.value, pass.stream);
    input = ops::operand(saved.value);
  } else {
    saved.value = input.x1;  // backward reads the operand: nothing more is kept
  }
  Signal out;
  if (gate == 0) {
    if (spec_.pool > 1) {
      out.value = input;
    } else {
      out.value = ops::operand(materialize(in, pass));
      saved.in.value.stored = out.value.x1;
    }
    return out;
  }
  ops::ConvForward args;
  args.input = input;
  const bool folds = pass.folds(input.x1.dtype());
  if (norms_.empty()) args.alpha = gate;
  if (folds) {
    const ops::Affine affine =
        norms_.empty() ? ops::Affine() : norms_[0].forward({}, gate, pass, saved.norms[0]);
    saved.raw[0] = convs_[0].forward(args, affine, ops::Activation::relu, pass);
    out.value = ops::operand(saved.raw[0]);
    return out;
  }
  saved.raw[0] = norms_.empty() ? convs_[0].forward(args, pass)
                                : convs_[0].forward(args, saved.moments[0], norms_[0], gate, pass,
                                                    saved.norms[0]);
  out.value = ops::operand(saved.raw[0]);
  out.value.act = ops::Activation::relu;
  if (!norms_.empty()) {
    out.value.f1 = saved.norms[0].affine;
    out.reductions[0] = norms_[0].reduction(saved.raw[0], saved.norms[0]);
  }
  return out;
}

ops::Gradient Residual::backward_plain(const ops::Gradient& d_out, const Pass& pass,
                                       Saved& saved) const {
  const double forward = saved.gates.forward.branch;
  const double scale = forward * saved.gates.backward.branch;
  const Tensor d = materialize(d_out, pass);
  Tensor d_value;  // of the convolution's input, as a value
  if (forward == 0) {
    d_value = d;
  } else if (scale != 0) {
    ops::ConvBackward args;
    args.gradient = norms_.empty()
                        ? ops::gradient(d)
                        : norms_[0].backward(d, saved.raw[0], scale, pass, saved.norms[0]);
    if (norms_.empty()) args.alpha = scale;
    args.input = spec_.pool > 1 ? ops::operand(saved.value) : saved.in.value;
    if (spec_.pool == 1) args.reductions = saved.in.reductions;
    d_value = convs_[0].backward(args, true, pass);
    if (spec_.pool == 1) return ops::gradient(d_value);
  }
  if (spec_.pool > 1 && d_value) {
    const Tensor d_unpooled = pass.pool.take(saved.unpooled.shape(), d.dtype());
    ops::pool_backward(pool_of(spec_), saved.unpooled, d_value, d_unpooled, pass.stream);
    d_value = d_unpooled;
  }
  return pass_back(d_value, pass, saved);
}

}  // namespace rn::nn
