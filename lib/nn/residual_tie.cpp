// A branch that reads the value of another network's block beside its own input.
#include "nn/residual.h"
#include "ops/pointwise.h"

namespace rn::nn {

Tensor Residual::before_activation(const ops::Operand& value, const Pass& pass) const {
  if (value.plain()) return value.x1;
  ops::Operand raw = value;
  raw.act = ops::Activation::none;
  raw.stored = Tensor();
  const Tensor out = pass.pool.take(value.shape(), value.x1.dtype());
  ops::operand_forward(raw, out, nullptr, pass.stream);
  return out;
}

ops::Operand Residual::tied(const Tensor& value, Tie& tie, const Pass& pass) const {
  require(tie.value.shape() == value.shape() && tie.value.dtype() == value.dtype(),
          "{}: it is tied to {}, but its input is {}", spec_.name, tie.value, value);
  if (tie.kind == Tie::Kind::multiplies) {
    const Tensor product = pass.pool.take(value.shape(), value.dtype());
    ops::gated_product_forward(tie.gate, value, tie.value, product, pass.stream);
    return ops::operand(product);
  }
  ops::Operand sum = ops::operand(value);
  sum.x2 = tie.value;
  if (tie.gate != 1) {
    Tensor host({spec_.in}, wide(value.dtype()), Tag::statistics);
    with_float(host.dtype(), "tie", [&]<class T>() {
      for (T& x : host.span<T>()) x = static_cast<T>(tie.gate);
    });
    tie.scale = host.on(value.device());
    sum.f2.scale = tie.scale;
  }
  return sum;
}

ops::Gradient Residual::tied_backward(const Tensor& d, const Tensor& through_shortcut, Tie& tie,
                                      const Pass& pass, Saved& saved) const {
  if (tie.kind == Tie::Kind::multiplies) {
    tie.d_value = pass.pool.take(d.shape(), d.dtype());
    ops::gated_product_backward(tie.gate, d, tie.before_relu ? tie.raw : saved.value, tie.value, d,
                                tie.d_value, pass.stream);
  } else if (tie.gate == 1) {
    tie.d_value = d;
  } else {
    tie.d_value = pass.pool.take(d.shape(), d.dtype());
    ops::axpby(tie.gate, d, 0, tie.d_value, pass.stream);
  }
  ops::Gradient sum = ops::gradient(d);
  sum.add = through_shortcut;
  ops::Operand in = saved.in.value;
  const Tensor out = pass.pool.take(d.shape(), d.dtype());
  if (tie.before_relu) {  // only the shortcut's share went through the ReLU
    if (through_shortcut) {
      ops::operand_backward(ops::gradient(through_shortcut), in, out, {}, pass.stream);
      sum.add = out;
    }
    in.act = ops::Activation::none;
  }
  ops::operand_backward(sum, in, out, saved.in.reductions, pass.stream);
  return ops::gradient(out);
}

Tensor Residual::lent_backward(const Tensor& d_value, const Tie& tie, const Pass& pass) const {
  if (!tie.d_value) return d_value;
  if (!d_value) return tie.d_value;
  ops::Gradient sum = ops::gradient(d_value);
  sum.add = tie.d_value;
  const Tensor out = pass.pool.take(d_value.shape(), d_value.dtype());
  ops::gradient_forward(sum, out, pass.stream);
  return out;
}

}  // namespace rn::nn
