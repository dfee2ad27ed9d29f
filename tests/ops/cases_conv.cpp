// Convolution: kernels, strides and paddings, channel counts on either side of the vector width,
// each optional argument with and without.
#include "ops/bind.h"
#include "ops/conv.h"

namespace rn::test {
namespace {

struct ConvOptions {
  std::int64_t n, h, w, i, o;
  int kernel_h = 3, kernel_w = 3, stride_h = 1, stride_w = 1, pad_h = 1, pad_w = 1;
  OperandOptions input = {};
  GradientOptions gradient = {};
  bool bias = false, residual = false, moments = false;
  double alpha = 1, beta = 1, grid = 0;
  bool after = false, relu = false;  // a frozen batch norm and an activation behind it
  bool shortcut = false, d_input = true, d_weights = true, d_bias = false;
  Reduce reduce0 = Reduce::none, reduce1 = Reduce::none;
  double offset = 0;  // of the bias: mean of the output in standard deviations
  bool bench = false;
  int extra = 0;  // padding at the end beyond that at the beginning
};

std::string name_of(const ConvOptions& o) {
  std::string name = fmt::format("{}x{}x{}x{}-{}-k{}x{}-s{}x{}-p{}x{}", o.n, o.h, o.w, o.i, o.o,
                                 o.kernel_h, o.kernel_w, o.stride_h, o.stride_w, o.pad_h, o.pad_w);
  name += to_string(o.input) + to_string(o.gradient);
  if (o.extra != 0) name += fmt::format("-extra{}", o.extra);
  if (o.bias) name += "-bias";
  if (o.residual) name += "-residual";
  if (o.moments) name += "-moments";
  if (o.alpha != 1) name += fmt::format("-alpha{}", o.alpha);
  if (o.beta != 1) name += fmt::format("-beta{}", o.beta);
  if (o.after) name += "-after";
  if (o.relu) name += "-relu";
  if (o.grid != 0) name += fmt::format("-grid{}", o.grid);
  if (o.shortcut) name += "-shortcut";
  if (!o.d_input) name += "-no_d_input";
  if (!o.d_weights) name += "-no_d_weights";
  if (o.d_bias) name += "-d_bias";
  if (o.reduce0 != Reduce::none) name += fmt::format("-reduce{}", static_cast<int>(o.reduce0));
  if (o.reduce1 != Reduce::none) name += fmt::format("-and{}", static_cast<int>(o.reduce1));
  if (o.offset != 0) name += fmt::format("-mean{}", o.offset);
  return name;
}

Step forward_step(const ConvOptions& o, const ops::Conv2d& conv, const Window2d& window,
                  const Shape& x, const Shape& weights, const Shape& y) {
  Step step;
  step.op = "conv_forward";
  add_operand(step.specs, o.input, x, Role::out);
  const double fan_in = static_cast<double>(o.kernel_h * o.kernel_w * o.i);
  step.specs.push_back(
      {"weights", weights, Role::in, normal(0, 1 / std::sqrt(fan_in)), Dtype::f32});
  const auto optional = [&](bool given, const char* name, const Shape& shape, const Fill& fill) {
    const Dtype dtype = shape == y ? Dtype::bf16 : Dtype::f32;
    if (given) step.specs.push_back({name, shape, Role::in, fill, dtype, 0, false});
  };
  optional(o.bias, "bias", {o.o}, normal(o.offset));
  optional(o.residual, "residual", y, normal());
  optional(o.after, "after_scale", {o.o}, normal());
  optional(o.after, "after_shift", {o.o}, normal());
  step.specs.push_back({"output", y, Role::out});
  if (o.moments) add_moments(step.specs, o.o);
  step.run = [=](Tensors& t, Stream& stream) {
    with_moments(t, [&](ops::Moments* moments) {
      ops::conv_forward(conv,
                        {operand_of(t, o.input.relu),
                         t("weights"),
                         t("bias"),
                         t("residual"),
                         o.alpha,
                         o.beta,
                         o.grid,
                         {t("after_scale"), t("after_shift")},
                         o.relu ? ops::Activation::relu : ops::Activation::none,
                         t("output"),
                         moments},
                        stream);
    });
  };
  step.reference = [=](Values& v) {
    const Array value = activate(before_activation(v), o.input.relu);
    if (o.input.stored) v["stored"] = value;
    Array out = test::conv(value, v.at("weights"), window);
    const Array *bias = find(v, "bias"), *residual = find(v, "residual");
    for (std::int64_t i = 0; i < out.size(); ++i) {
      if (bias) out[i] += (*bias)[i % o.o];
      if (o.after) out[i] = v.at("after_scale")[i % o.o] * out[i] + v.at("after_shift")[i % o.o];
      out[i] *= o.alpha;
      if (residual) out[i] += o.beta * (*residual)[i];
      if (o.grid > 0) out[i] = std::nearbyint(out[i] / o.grid) * o.grid;
      if (o.relu && out[i] < 0) out[i] = 0;
    }
    v["output"] = out;
    reference_moments(v, out);
  };
  step.from_stored = [](Values& want, const Values& got) {
    reference_moments(want, got.at("output"));
  };
  step.flops = 2.0 * fan_in * static_cast<double>(element_count(y));
  return step;
}

Step backward_step(const ConvOptions& o, const ops::Conv2d& conv, const Window2d& window,
                   const Shape& x, const Shape& weights, const Shape& y) {
  Step step;
  step.op = "conv_backward";
  add_operand(step.specs, o.input, x, Role::in);
  add_gradient(step.specs, o.gradient, y);
  const double fan_in = static_cast<double>(o.kernel_h * o.kernel_w * o.i);
  step.specs.push_back(
      {"weights", weights, Role::in, normal(0, 1 / std::sqrt(fan_in)), Dtype::f32});
  const auto optional = [&](bool given, const char* name, const Shape& shape, Role role) {
    const Dtype dtype = shape == x ? Dtype::bf16 : Dtype::f32;
    if (given) step.specs.push_back({name, shape, role, normal(), dtype, 1, false});
  };
  optional(o.shortcut, "shortcut", x, Role::in);
  optional(o.d_input, "d_input", x, Role::out);
  if (o.shortcut || o.reduce0 != Reduce::none) step.specs.back().required = true;
  optional(o.d_weights, "d_weights", weights, Role::add);
  optional(o.d_bias, "d_bias", {o.o}, Role::add);
  add_reductions(step.specs, o.reduce0, o.reduce1, x);
  step.run = [=](Tensors& t, Stream& stream) {
    ops::conv_backward(conv,
                       {gradient_of(t), operand_of(t, o.input.relu), t("weights"), o.alpha,
                        t("shortcut"), t("d_input"), reductions_of(t), t("d_weights"), t("d_bias")},
                       stream);
  };
  step.reference = [=](Values& v) {
    const Array before = before_activation(v);
    const Array *stored = find(v, "stored"), *shortcut = find(v, "shortcut");
    const Array value = stored ? *stored : activate(before, o.input.relu);
    const Array g = gradient_value(v);
    if (o.gradient.stored) v["g_stored"] = g;
    if (o.d_input) {
      Array d = conv_d_input(g, v.at("weights"), value.shape, window);
      for (std::int64_t i = 0; i < d.size(); ++i) {
        d[i] = o.alpha * d[i] + (shortcut ? (*shortcut)[i] : 0);
      }
      v["d_input"] = mask(d, value, o.input.relu);
      reference_reductions(v, v["d_input"]);
    }
    if (o.d_weights) {
      const Array d = conv_d_weights(g, value, v.at("weights").shape, window);
      for (std::int64_t i = 0; i < d.size(); ++i) v["d_weights"][i] += o.alpha * d[i];
    }
    for (std::int64_t i = 0; o.d_bias && i < g.size(); ++i) v["d_bias"][i % o.o] += o.alpha * g[i];
  };
  step.from_stored = [](Values& want, const Values& got) {
    if (find(want, "d_input")) reference_reductions(want, got.at("d_input"));
  };
  step.flops = 2.0 * fan_in * static_cast<double>(element_count(y)) * (o.d_input + o.d_weights);
  return step;
}

void add(Cases& cases, const ConvOptions& o) {
  const ops::Conv2d conv{o.stride_h, o.stride_w, o.pad_h, o.pad_w, o.extra, o.extra};
  const Window2d window{o.kernel_h, o.kernel_w, o.stride_h, o.stride_w,
                        o.pad_h,    o.pad_w,    o.extra,    o.extra};
  const Shape x{o.n, o.h, o.w, o.i}, weights{o.o, o.kernel_h, o.kernel_w, o.i};
  const Shape y = ops::conv_output_shape(conv, x, weights);
  Case of;
  of.op = "conv";
  of.bf16 = o.grid == 0;
  of.name = name_of(o);
  of.bench = o.bench;
  of.steps = {forward_step(o, conv, window, x, weights, y),
              backward_step(o, conv, window, x, weights, y)};
  of.prepare = [=](Values& v) {
    if (find(v, "stored")) v["stored"] = activate(before_activation(v), o.input.relu);
  };
  of.loss = [=](const Values& v) {
    const Array g = gradient_value(v), *shortcut = find(v, "shortcut");
    double sum = 0;
    for (std::int64_t i = 0; i < g.size(); ++i) sum += g[i] * v.at("output")[i];
    if (shortcut) {
      const Array value = activate(before_activation(v), o.input.relu);
      for (std::int64_t i = 0; i < value.size(); ++i) sum += (*shortcut)[i] * value[i];
    }
    return sum;
  };
  if (o.grid == 0 && o.offset == 0 && !o.bench && !o.after && !o.relu) {
    if (o.d_input) of.derivatives = operand_derivatives(o.input);
    const auto of_name = [](const char* name) {
      return [name](const Values& v) { return v.at(name); };
    };
    if (o.d_weights) of.derivatives.push_back({"weights", of_name("d_weights")});
    if (o.d_bias && o.bias) of.derivatives.push_back({"bias", of_name("d_bias")});
  }
  cases.push_back(std::move(of));
}

void refuses(Cases& cases) {
  Case of;
  of.op = "conv";
  of.bf16 = true;
  of.name = "refuses";
  of.extra = [] {
    const auto tensor = [](const Shape& shape) {
      return Tensor::zeros(shape, Dtype::f32, Tag::workspace);
    };
    const Tensor x = tensor({2, 4, 4, 3}), weights = tensor({5, 3, 3, 3}), y = tensor({2, 4, 4, 5});
    ops::ConvForward args;
    args.input = ops::operand(x);
    args.weights = weights;
    args.output = y;
    const auto refused = [&](const char* what, const ops::Conv2d& conv, const ops::ConvForward& a) {
      expect_refused("conv_forward", what, [&] { ops::conv_forward(conv, a); });
    };
    ops::conv_forward({1, 1, 1, 1}, args);
    refused("an output of another size", {1, 1, 0, 0}, args);
    const auto refused_shape = [&](const char* what, const ops::Conv2d& conv, const Tensor& w) {
      expect_refused("conv", what, [&] { ops::conv_output_shape(conv, x.shape(), w.shape()); });
    };
    refused_shape("stride 0", {0, 1, 1, 1}, weights);
    refused_shape("negative padding", {1, 1, -1, 1}, weights);
    refused_shape("negative padding at the end", {1, 1, 1, 1, 0, -1}, weights);
    refused_shape("a kernel that does not fit", {1, 1, 1, 1}, tensor({5, 7, 3, 3}));
    // An activation keeps what is not a number: nothing hides behind it.
    const Tensor bad = Tensor::zeros({5, 3, 3, 3}, Dtype::f32, Tag::workspace);
    bad.data<float>()[0] = std::nanf("");
    ops::ConvForward activated = args;
    activated.weights = bad;
    activated.act = ops::Activation::relu;
    ops::conv_forward({1, 1, 1, 1}, activated);
    if (!std::isnan(y.data<float>()[5 * 5])) throw std::runtime_error("ReLU hides a NaN");
    ops::ConvForward broken = args;
    broken.grid = -1;
    refused("a negative grid", {1, 1, 1, 1}, broken);
    broken = args;
    broken.input.f2.scale = tensor({3});
    refused("f2 without x2", {1, 1, 1, 1}, broken);
    broken = args;
    broken.weights = Tensor::zeros({5, 3, 3, 3}, Dtype::f64, Tag::workspace);
    refused("weights of another type", {1, 1, 1, 1}, broken);
  };
  cases.push_back(std::move(of));
}

ConvOptions shape(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t i, std::int64_t o,
                  int kernel = 3, int stride = 1, int pad = 1) {
  ConvOptions options{n, h, w, i, o};
  options.kernel_h = options.kernel_w = kernel;
  options.stride_h = options.stride_w = stride;
  options.pad_h = options.pad_w = pad;
  return options;
}

}  // namespace

void conv_cases(Cases& cases) {
  // Channels around the vector widths; batches below, at and above the number of lanes.
  for (const std::int64_t c : {1, 3, 7, 16, 32, 64, 130}) add(cases, shape(3, 5, 6, c, c));
  add(cases, shape(1, 8, 8, 16, 16));
  add(cases, shape(16, 4, 4, 16, 32));
  add(cases, shape(37, 6, 6, 16, 16));
  add(cases, shape(2, 9, 7, 3, 64));
  add(cases, shape(2, 32, 32, 16, 16));
  // Kernels, strides, paddings.
  for (const int stride : {1, 2}) {
    for (const int kernel : {1, 3, 5, 7}) {
      for (const int pad : {0, 1, 2, 3}) {
        if (pad < kernel) add(cases, shape(5, 9, 8, 16, 7, kernel, stride, pad));
      }
    }
  }
  ConvOptions temporal = shape(3, 6, 10, 16, 16);
  temporal.kernel_w = 1;
  temporal.pad_w = 0;
  add(cases, temporal);
  temporal.stride_h = 2;
  add(cases, temporal);
  add(cases, shape(2, 7, 7, 3, 16, 7, 2, 3));
  for (const std::int64_t c : {3, 16, 64}) {
    for (const int stride : {1, 2}) {
      ConvOptions uneven = shape(5, 8, 6, c, 32, 3, stride, 0);
      uneven.extra = 1;
      uneven.shortcut = true;
      add(cases, uneven);
    }
  }

  // 1x1 on images that are worked through in rows.
  for (const std::int64_t h : {20, 13}) {
    ConvOptions large = shape(3, h, 20, 16, 700, 1, 1, 0);
    large.input = {.a1 = true, .b1 = true, .x2 = true, .relu = true};
    large.gradient = {.p = true, .q = true, .r = true};
    large.bias = large.residual = large.moments = large.shortcut = large.d_bias = true;
    large.reduce0 = Reduce::plain;
    large.reduce1 = Reduce::centered;
    add(cases, large);
  }

  // What is read: every form of the operand.
  const OperandOptions operands[] = {
      {.relu = true},
      {.a1 = true, .b1 = true},
      {.b1 = true, .relu = true},
      {.a1 = true, .b1 = true, .relu = true},
      {.x2 = true},
      {.a1 = true, .b1 = true, .x2 = true, .relu = true},
      {.a1 = true, .b1 = true, .x2 = true, .a2 = true, .b2 = true, .relu = true},
      {.x2 = true, .a2 = true, .b2 = true},
      {.stored = true},
      {.a1 = true, .b1 = true, .relu = true, .stored = true},
      {.a1 = true, .b1 = true, .x2 = true, .relu = true, .stored = true},
  };
  for (const OperandOptions& operand : operands) {
    for (const std::int64_t c : {7, 16}) {
      ConvOptions o = shape(5, 6, 5, c, 16);
      o.input = operand;
      add(cases, o);
    }
  }
  // What comes in from above, what goes out below.
  const GradientOptions gradients[] = {
      {.p = true},           {.p = true, .q = true, .r = true},
      {.add = true},         {.p = true, .q = true, .r = true, .add = true, .stored = true},
      {.r = true},           {.stored = true},
      {.q = true, .r = true}};
  for (const GradientOptions& gradient : gradients) {
    for (const std::int64_t c : {7, 16}) {
      ConvOptions o = shape(5, 6, 5, c, c);
      o.gradient = gradient;
      o.d_bias = o.bias = true;
      add(cases, o);
    }
  }
  for (const Reduce reduce : {Reduce::plain, Reduce::against, Reduce::centered}) {
    ConvOptions o = shape(19, 5, 5, 16, 16);
    o.input = {.a1 = true, .b1 = true, .relu = true};
    o.reduce0 = reduce;
    add(cases, o);
    o.input = {.x2 = true, .relu = true};
    o.shortcut = true;
    o.reduce1 = Reduce::centered;
    add(cases, o);
  }
  // Evaluation: a frozen batch norm behind, the addition, the activation.
  for (const std::int64_t c : {7, 16, 64}) {
    ConvOptions o = shape(6, 6, 5, 16, c);
    o.relu = true;
    add(cases, o);
    o.after = true;
    add(cases, o);
    o.bias = o.residual = true;
    add(cases, o);
    o.alpha = 0.5;
    o.beta = -2;
    o.relu = false;
    add(cases, o);
    o.grid = 0.0625;
    o.relu = o.moments = true;
    add(cases, o);
    o = shape(3, 7, 7, 16, c, 1, 2, 0);
    o.after = o.relu = o.residual = true;
    add(cases, o);
  }
  // The rest of the forward pass and of the backward pass.
  ConvOptions o = shape(6, 5, 5, 16, 7);
  o.bias = true;
  add(cases, o);
  o.d_bias = true;
  o.alpha = -0.5;
  add(cases, o);
  o.residual = true;
  add(cases, o);
  o.beta = 0.25;
  o.moments = true;
  add(cases, o);
  o.grid = 0.0625;
  add(cases, o);
  o = shape(6, 5, 5, 16, 16);
  o.residual = true;
  o.beta = -1;
  add(cases, o);
  o = shape(40, 8, 8, 3, 16);
  o.moments = true;
  add(cases, o);
  o = shape(40, 8, 8, 16, 16);
  o.moments = o.bias = true;
  o.offset = 1e4;
  add(cases, o);
  o = shape(6, 5, 5, 16, 16);
  o.shortcut = true;
  add(cases, o);
  o.input = {.relu = true, .stored = true};
  add(cases, o);
  o.d_weights = false;
  add(cases, o);
  o = shape(6, 5, 5, 3, 16);
  o.d_input = false;
  add(cases, o);
  o.d_bias = true;
  o.d_weights = false;
  add(cases, o);
  // A whole layer of a post-activation network, both ways.
  o = shape(33, 8, 8, 16, 32, 3, 2, 1);
  o.input = {.a1 = true, .b1 = true, .x2 = true, .relu = true, .stored = true};
  o.gradient = {.p = true, .q = true, .r = true, .stored = true};
  o.moments = o.shortcut = true;
  o.reduce0 = Reduce::centered;
  add(cases, o);
  refuses(cases);

  for (const auto& [n, h, c] : {std::array{128, 32, 16}, {128, 16, 32}, {128, 8, 64}}) {
    ConvOptions b = shape(n, h, h, c, c);
    b.bench = true;
    add(cases, b);
    b.input = {.a1 = true, .b1 = true, .relu = true};
    b.gradient = {.p = true, .q = true, .r = true};
    b.moments = true;
    b.reduce0 = Reduce::centered;
    add(cases, b);
  }
}

}  // namespace rn::test
