// A convolution as a layer: weights, optional bias, and the two calls of the fused op. One with
// taps in time reads frames around its own: a gathering (ops/temporal.h), then the same op.
#pragma once

#include <algorithm>

#include "nn/norm.h"
#include "nn/parameter.h"
#include "nn/pass.h"
#include "nn/stack.h"
#include "ops/stack.h"
#include "ops/temporal.h"

namespace rn::nn {

struct ConvSpec {
  std::int64_t in = 0, out = 0;
  int kernel = 3, stride = 1, pad = 1;
  bool bias = false;
  bool same = false;  // pad as TensorFlow's "same" does; `pad` must be kernel / 2
  int taps = 1;       // frames that it reads: odd; the weights' input channels are taps * in
};

class Conv {
 public:
  Conv(const std::string& name, const ConvSpec& spec, Store& store) : name_(name), spec_(spec) {
    weight_ =
        store.parameter(name + ".weight", {spec.out, spec.kernel, spec.kernel, spec.taps * spec.in},
                        ParameterKind::conv_weight);
    if (spec.bias) {
      bias_ = store.parameter(name + ".bias", {spec.out}, ParameterKind::conv_bias);
    }
  }

  const std::string& name() const { return name_; }
  const ConvSpec& spec() const { return spec_; }
  Shape output_shape(const Shape& input) const {
    return ops::conv_output_shape(attr(input), input, weight_->value.shape());
  }

  // Fills in weights and bias, takes output memory from the pool unless there is some, and runs.
  // Set input, residual, alpha, beta, moments in `args` before.
  Tensor forward(ops::ConvForward args, const Pass& pass) const {
    if (spec_.taps > 1) args.input = gathered(args.input, pass);
    args.weights = weight_->value;
    if (bias_) args.bias = bias_->value;
    if (!args.output) {
      args.output = pass.pool.take(output_shape(args.input.shape()), args.input.x1.dtype());
    }
    ops::conv_forward(attr(args.input.shape()), args, pass.stream);
    return args.output;
  }

  // The same, followed by a batch norm with running statistics, and an activation: evaluation.
  Tensor forward(ops::ConvForward args, const ops::Affine& after, ops::Activation act,
                 const Pass& pass) const {
    args.after = after;
    args.act = act;
    return forward(std::move(args), pass);
  }

  // The same, followed by a batch norm: with batch statistics, of its moments, in one go.
  Tensor forward(ops::ConvForward args, ops::Moments& moments, const BatchNorm& norm, double gate,
                 const Pass& pass, BatchNorm::Saved& saved) const {
    if (!pass.batch_statistics) {
      const Tensor out = forward(std::move(args), pass);
      norm.forward({}, gate, pass, saved);
      return out;
    }
    const ops::BatchNormForward behind = norm.behind(moments, gate, saved);
    args.moments = &moments;
    args.norm = &behind;
    const Tensor out = forward(std::move(args), pass);
    norm.ran(moments, saved);
    return out;
  }

  // The derivative of the output along d, that of the input: no bias.
  Tensor tangent(const Tensor& d, const Pass& pass) const {
    no_taps();
    ops::ConvForward args;
    args.input = ops::operand(d);
    args.weights = weight_->value;
    args.output = pass.pool.take(output_shape(d.shape()), d.dtype());
    ops::conv_forward(attr(d.shape()), args, pass.stream);
    return args.output;
  }

  // Fills in weights and gradients, takes d_input from the pool if wanted and not there, and runs.
  Tensor backward(ops::ConvBackward args, bool want_input, const Pass& pass) const {
    if (spec_.taps > 1) return backward_in_time(args, want_input, pass);
    args.weights = weight_->value;
    args.d_weights = weight_->gradient;
    if (bias_) args.d_bias = bias_->gradient;
    if (want_input && !args.d_input) {
      args.d_input = pass.pool.take(args.input.shape(), args.input.x1.dtype());
    }
    ops::conv_backward(attr(args.input.shape()), args, pass.stream);
    return args.d_input;
  }

  // For a stack of gradients: fills in images and weights.
  void backward_stack(ops::ConvStack args, const Pass& pass) const {
    no_taps();
    args.images = args.input.shape()[0];
    args.weights = weight_->value;
    ops::conv_stack_backward(attr(args.input.shape()), args, pass.stream);
  }
  // Likewise the products of the weights' gradients, of g, p, input and alpha.
  void weights_stack(const ops::ConvStack& args, const StackWeights& to, const Pass& pass) const {
    ops::conv_stack_weights(attr(args.input.shape()),
                            {args.input.shape()[0], args.g, args.p, args.input,
                             weight_->value.shape(), args.alpha, to.total, to.squares, to.dots},
                            pass.stream);
  }

 private:
  ops::Taps taps(const Pass& pass) const { return {pass.frames, spec_.taps}; }
  void no_taps() const {
    require(spec_.taps == 1, "{}: a temporal convolution has no product of this kind", name_);
  }
  // The value with that of the frames around it, in memory of the pool.
  ops::Operand gathered(const ops::Operand& input, const Pass& pass) const {
    Shape shape = input.shape();
    shape[3] *= spec_.taps;
    const Tensor all = pass.pool.take(shape, input.x1.dtype());
    ops::temporal_gather(taps(pass), input, all, pass.stream);
    return ops::operand(all);
  }
  // What is gathered is not kept, but gathered again.
  Tensor backward_in_time(const ops::ConvBackward& args, bool want_input, const Pass& pass) const {
    ops::ConvBackward all;
    all.gradient = args.gradient;
    all.input = gathered(args.input.stored ? ops::operand(args.input.stored) : args.input, pass);
    all.weights = weight_->value;
    all.alpha = args.alpha;
    all.d_weights = weight_->gradient;
    if (bias_) all.d_bias = bias_->gradient;
    if (want_input) all.d_input = pass.pool.take(all.input.shape(), all.input.x1.dtype());
    ops::conv_backward(attr(all.input.shape()), all, pass.stream);
    if (!want_input) return {};
    const Tensor d_input =
        args.d_input ? args.d_input : pass.pool.take(args.input.shape(), args.input.x1.dtype());
    ops::temporal_gather_backward(taps(pass),
                                  {.d_output = all.d_input,
                                   .input = args.input,
                                   .shortcut = args.shortcut,
                                   .d_input = d_input,
                                   .reductions = args.reductions},
                                  pass.stream);
    return d_input;
  }
  ops::Conv2d attr(const Shape& input) const {
    ops::Conv2d conv{spec_.stride, spec_.stride, spec_.pad, spec_.pad};
    if (spec_.same && input.size() == 4) {
      same_padding(input[1], conv.pad_h, conv.extra_h);
      same_padding(input[2], conv.pad_w, conv.extra_w);
    }
    return conv;
  }
  // As much as makes ceil(size / stride) pixels, the odd one at the end.
  void same_padding(std::int64_t size, int& pad, int& extra) const {
    const std::int64_t out = (size + spec_.stride - 1) / spec_.stride;
    const std::int64_t total =
        std::max<std::int64_t>((out - 1) * spec_.stride + spec_.kernel - size, 0);
    pad = static_cast<int>(total / 2);
    extra = static_cast<int>(total % 2);
  }

  std::string name_;
  ConvSpec spec_;
  ParameterPtr weight_, bias_;
};

}  // namespace rn::nn
