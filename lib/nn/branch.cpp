#include "nn/branch.h"

#include "ops/reduce.h"
#include "ops/stream.h"

namespace rn::nn {
namespace {

bool finite(const ops::Moments& moments) {
  return moments.count == 0 || (ops::all_finite(moments.mean) && ops::all_finite(moments.m2));
}

// The value in another type, in memory of the pool.
Tensor converted(const ops::Operand& value, Dtype dtype, const Pass& pass) {
  const Tensor to = pass.pool.take(value.shape(), dtype);
  ops::convert(value, to, pass.stream);
  return to;
}

}  // namespace

Branch::Branch(const std::string& name, const BlockSpec& spec, Dtype inside, Store& store)
    : inside_(inside) {
  const bool same = spec.padding == Padding::same;
  std::vector<ConvSpec> convs;
  if (spec.kind == BlockKind::basic) {
    convs = {{spec.in, spec.out, 3, 1, 1, false, same}, {spec.out, spec.out, 3, 1, 1, false, same}};
  } else {
    convs = {{spec.in, spec.width, 1, 1, 0},
             {spec.width, spec.width, 3, 1, 1, false, same},
             {spec.width, spec.out, 1, 1, 0}};
  }
  convs[static_cast<std::size_t>(spec.stride_at - 1)].stride = spec.stride;
  for (std::size_t k = 0; k < convs.size(); ++k) {
    if (k > 0 || spec.preactivation != Preactivation::none) {
      norms_.emplace_back(fmt::format("{}.bn{}", name, k + 1), convs[k].in, spec.bn_eps,
                          spec.bn_momentum, store);
    }
    convs_.emplace_back(fmt::format("{}.conv{}", name, k + 1), convs[k], store);
  }
}

void Branch::Saved::release() {
  raw.clear();
  narrow = Tensor();
}

Shape Branch::output_shape(const Shape& input) const {
  Shape shape = input;
  for (const Conv& conv : convs_) shape = conv.output_shape(shape);
  return shape;
}

ops::Operand Branch::first(const Tensor& x, const Saved& saved) const {
  ops::Operand value = ops::operand(x);
  if (has_first_norm()) {
    value.f1 = saved.norms[0].affine;
    value.act = ops::Activation::relu;
  }
  return value;
}

ops::Operand Branch::inner(std::size_t conv, const Saved& saved) const {
  ops::Operand value = ops::operand(saved.raw[conv - 1]);
  value.f1 = saved.norms[norm_of(conv)].affine;
  value.act = ops::Activation::relu;
  return value;
}

double Branch::forward(const Tensor& x, const ops::Moments& of_x, const Add& to, const Pass& pass,
                       Saved& saved) const {
  return run(x, &of_x, to, pass, saved);
}

double Branch::again(const Tensor& x, const Add& to, const Pass& pass, Saved& saved) const {
  return run(x, nullptr, to, pass, saved);
}

double Branch::run(const Tensor& x, const ops::Moments* of_x, const Add& to, const Pass& pass,
                   Saved& saved) const {
  const bool again = of_x == nullptr;
  const bool folds = !again && pass.folds(inside_);
  saved.raw.assign(convs_.size() - 1, Tensor());
  saved.moments.resize(convs_.size() - 1);
  saved.norms.resize(norms_.size());
  if (has_first_norm() && !again) norms_[0].forward(*of_x, 1, pass, saved.norms[0]);
  ops::Operand value = first(x, saved);
  if (narrow()) {
    saved.narrow = converted(value, inside_, pass);
    value = ops::operand(saved.narrow);
  }
  for (std::size_t k = 0; k + 1 < convs_.size(); ++k) {
    ops::ConvForward args;
    args.input = k == 0 ? value : folds ? ops::operand(saved.raw[k - 1]) : inner(k, saved);
    const BatchNorm& norm = norms_[norm_of(k + 1)];
    BatchNorm::Saved& next = saved.norms[norm_of(k + 1)];
    if (folds) {
      norm.forward({}, 1, pass, next);
      saved.raw[k] = convs_[k].forward(args, next.affine, ops::Activation::relu, pass);
    } else if (again) {
      saved.raw[k] = convs_[k].forward(args, pass);
    } else {
      saved.raw[k] = convs_[k].forward(args, saved.moments[k], norm, 1, pass, next);
    }
  }
  if (!again)
    saved.narrow = Tensor();  // backward makes it again: to keep it would cost as much as
                              // bf16 saves
  ops::ConvForward args;
  args.input = folds ? ops::operand(saved.raw.back()) : inner(convs_.size() - 1, saved);
  return last(args, to, pass);
}

double Branch::last(ops::ConvForward args, const Add& to, const Pass& pass) const {
  if (!narrow() && pass.grid == 0) {  // added on the way out
    args.residual = to.residual;
    args.beta = to.beta;
    args.alpha = to.alpha;
    args.output = to.output;
    args.moments = to.moments;
    convs_.back().forward(args, pass);
    return 0;
  }
  return ops::stream_add({.x = to.residual,
                          .branch = convs_.back().forward(args, pass),
                          .alpha = to.alpha,
                          .beta = to.beta,
                          .grid = pass.grid,
                          .output = to.output,
                          .moments = to.moments},
                         pass.stream);
}

ops::Gradient Branch::backward(const Tensor& d, double alpha, const Tensor& x, const Pass& pass,
                               Saved& saved) const {
  ops::Gradient g = ops::gradient(narrow() ? converted(ops::operand(d), inside_, pass) : d);
  for (std::size_t k = convs_.size() - 1; k > 0; --k) {
    ops::ConvBackward args;
    args.gradient = g;
    args.alpha = k + 1 == convs_.size() ? alpha : 1;
    args.input = inner(k, saved);
    const std::size_t norm = norm_of(k);
    args.reductions[0] = norms_[norm].reduction(saved.raw[k - 1], saved.norms[norm]);
    const Tensor below = convs_[k].backward(args, true, pass);
    g = norms_[norm].backward(below, saved.raw[k - 1], 1, pass, saved.norms[norm]);
  }
  ops::Reductions reductions;
  if (has_first_norm()) reductions[0] = norms_[0].reduction(x, saved.norms[0]);
  ops::ConvBackward args;
  args.gradient = g;
  Tensor below;
  if (narrow()) {
    if (!saved.narrow) saved.narrow = converted(first(x, saved), inside_, pass);
    args.input = ops::operand(saved.narrow);
    const Tensor inside = convs_[0].backward(args, true, pass);
    saved.narrow = Tensor();
    below = converted(ops::operand(inside), x.dtype(), pass);
    if (has_first_norm()) {
      ops::operand_backward(ops::gradient(below), first(x, saved), below, reductions, pass.stream);
    }
  } else {
    args.input = first(x, saved);
    args.reductions = reductions;
    below = convs_[0].backward(args, true, pass);
  }
  if (!has_first_norm()) return ops::gradient(below);
  return norms_[0].backward(below, x, 1, pass, saved.norms[0]);
}

void Branch::commit(const Saved& saved, std::vector<ops::BatchNormUpdate>& to,
                    std::optional<double> momentum) const {
  for (std::size_t k = 0; k < norms_.size(); ++k) {
    norms_[k].commit(saved.norms[k], to, momentum);
  }
}

std::string Branch::first_nonfinite(const Saved& saved) const {
  for (std::size_t k = 0; k < saved.moments.size(); ++k) {
    if (!finite(saved.moments[k])) return convs_[k].name();
    if (k < saved.raw.size() && saved.raw[k] && !ops::all_finite(saved.raw[k])) {
      return convs_[k].name();
    }
  }
  return {};
}

}  // namespace rn::nn
