// Operands and gradients written out, and axpby.
#include "ops/bind.h"
#include "ops/pointwise.h"

namespace rn::test {
namespace {

Step forward_step(const Shape& shape, const OperandOptions& o, bool moments, double mean) {
  Step step;
  step.op = "operand_forward";
  add_operand(step.specs, o, shape, Role::out);
  if (mean != 0) step.specs[0].fill = normal(mean);
  step.specs.push_back({"output", shape, Role::out});
  if (moments) add_moments(step.specs, shape.back());
  step.run = [=](Tensors& t, Stream& stream) {
    with_moments(t, [&](ops::Moments* m) {
      ops::operand_forward(operand_of(t, o.relu), t("output"), m, stream);
    });
  };
  step.reference = [=](Values& v) {
    v["output"] = activate(before_activation(v), o.relu);
    if (o.stored) v["stored"] = v["output"];
    reference_moments(v, v["output"]);
  };
  step.from_stored = [](Values& want, const Values& got) {
    reference_moments(want, got.at("output"));
  };
  return step;
}

Step backward_step(const Shape& shape, const OperandOptions& o, const GradientOptions& gradient,
                   Reduce first, Reduce second) {
  Step step;
  step.op = "operand_backward";
  add_operand(step.specs, o, shape, Role::in);
  add_gradient(step.specs, gradient, shape);
  step.specs.push_back({"d_input", shape, Role::out});
  add_reductions(step.specs, first, second, shape);
  step.run = [=](Tensors& t, Stream& stream) {
    ops::operand_backward(gradient_of(t), operand_of(t, o.relu), t("d_input"), reductions_of(t),
                          stream);
  };
  step.reference = [=](Values& v) {
    const Array g = gradient_value(v), *stored = find(v, "stored");
    if (gradient.stored) v["g_stored"] = g;
    v["d_input"] = mask(g, stored ? *stored : before_activation(v), o.relu);
    reference_reductions(v, v["d_input"]);
  };
  step.from_stored = [](Values& want, const Values& got) {
    reference_reductions(want, got.at("d_input"));
  };
  return step;
}

struct PointwiseOptions {
  OperandOptions input = {};
  GradientOptions gradient = {};
  bool moments = false;
  Reduce reduce0 = Reduce::none, reduce1 = Reduce::none;
  double mean = 0;
  bool bench = false;
};

void add(Cases& cases, const Shape& shape, const PointwiseOptions& o) {
  Case of;
  of.op = "pointwise";
  of.bf16 = true;
  of.name = fmt::format("{}{}{}", fmt::join(shape, "x"), to_string(o.input), to_string(o.gradient));
  if (o.moments) of.name += "-moments";
  if (o.reduce0 != Reduce::none) of.name += fmt::format("-reduce{}", static_cast<int>(o.reduce0));
  if (o.reduce1 != Reduce::none) of.name += fmt::format("-and{}", static_cast<int>(o.reduce1));
  if (o.mean != 0) of.name += fmt::format("-mean{}", o.mean);
  of.bench = o.bench;
  of.steps = {forward_step(shape, o.input, o.moments, o.mean),
              backward_step(shape, o.input, o.gradient, o.reduce0, o.reduce1)};
  of.prepare = [o](Values& v) {
    if (find(v, "stored")) v["stored"] = activate(before_activation(v), o.input.relu);
  };
  of.loss = [](const Values& v) {
    const Array g = gradient_value(v);
    double sum = 0;
    for (std::int64_t i = 0; i < g.size(); ++i) sum += g[i] * v.at("output")[i];
    return sum;
  };
  // Large tensors always have elements within a step of the ReLU's corner.
  if (element_count(shape) < 50000 && o.mean == 0) of.derivatives = operand_derivatives(o.input);
  cases.push_back(std::move(of));
}

void add_gradient_forward(Cases& cases, const Shape& shape, const GradientOptions& o) {
  Case of;
  of.op = "pointwise";
  of.bf16 = true;
  of.name = fmt::format("gradient-{}{}", fmt::join(shape, "x"), to_string(o));
  Step step;
  step.op = "gradient_forward";
  add_gradient(step.specs, o, shape);
  step.specs.push_back({"output", shape, Role::out});
  step.run = [](Tensors& t, Stream& stream) {
    ops::gradient_forward(gradient_of(t), t("output"), stream);
  };
  step.reference = [o](Values& v) {
    v["output"] = gradient_value(v);
    if (o.stored) v["g_stored"] = v["output"];
  };
  of.steps = {step};
  cases.push_back(std::move(of));
}

void add_axpby(Cases& cases, const Shape& shape, double alpha, double beta, bool bench = false) {
  Case of;
  of.op = "pointwise";
  of.bf16 = true;
  of.name = fmt::format("axpby-{}-{}-{}", fmt::join(shape, "x"), alpha, beta);
  of.bench = bench;
  Step step;
  step.op = "axpby";
  step.specs.push_back({"x", shape});
  // beta = 0: y starts as NaN, so reading it shows.
  step.specs.push_back({"y", shape, beta == 0 ? Role::out : Role::inout});
  step.run = [=](Tensors& t, Stream& stream) { ops::axpby(alpha, t("x"), beta, t("y"), stream); };
  step.reference = [=](Values& v) {
    for (std::int64_t i = 0; i < v["x"].size(); ++i) {
      v["y"][i] = alpha * v["x"][i] + (beta == 0 ? 0 : beta * v["y"][i]);
    }
  };
  of.steps = {step};
  cases.push_back(std::move(of));
}

void add_product(Cases& cases, const Shape& shape, double gate) {
  Case of;
  of.op = "pointwise";
  of.bf16 = true;
  of.name = fmt::format("product-{}-gate{}", fmt::join(shape, "x"), gate);
  Step forward, backward;
  forward.op = "gated_product_forward";
  forward.specs = {{"a", shape}, {"m", shape}, {"output", shape, Role::out}};
  forward.run = [=](Tensors& t, Stream& stream) {
    ops::gated_product_forward(gate, t("a"), t("m"), t("output"), stream);
  };
  forward.reference = [=](Values& v) {
    for (std::int64_t i = 0; i < v["a"].size(); ++i) {
      v["output"][i] = v["a"][i] * (1 - gate + gate * v["m"][i]);
    }
  };
  backward.op = "gated_product_backward";
  backward.specs = {{"d_output", shape},
                    {"a", shape},
                    {"m", shape},
                    {"d_a", shape, Role::out},
                    {"d_m", shape, Role::out}};
  backward.run = [=](Tensors& t, Stream& stream) {
    ops::gated_product_backward(gate, t("d_output"), t("a"), t("m"), t("d_a"), t("d_m"), stream);
  };
  backward.reference = [=](Values& v) {
    for (std::int64_t i = 0; i < v["a"].size(); ++i) {
      v["d_a"][i] = v["d_output"][i] * (1 - gate + gate * v["m"][i]);
      v["d_m"][i] = v["d_output"][i] * gate * v["a"][i];
    }
  };
  of.steps = {forward, backward};
  of.loss = [](const Values& v) {
    double sum = 0;
    for (std::int64_t i = 0; i < v.at("output").size(); ++i) {
      sum += v.at("d_output")[i] * v.at("output")[i];
    }
    return sum;
  };
  of.derivatives = {{"a", [](const Values& v) { return v.at("d_a"); }},
                    {"m", [](const Values& v) { return v.at("d_m"); }}};
  cases.push_back(std::move(of));
}

// Outputs that are inputs, as the contract allows, give what separate tensors give.
void add_in_place(Cases& cases) {
  Case of;
  of.op = "pointwise";
  of.bf16 = true;
  of.name = "in-place";
  of.extra = [] {
    const Shape shape{5, 3, 7, 18};
    const auto make = [&](std::uint64_t stream) {
      Tensor t(shape, Dtype::f32, Tag::workspace);
      Rng rng(3, RngPurpose::test, stream);
      for (float& value : t.span<float>()) value = static_cast<float>(rng.normal());
      return t;
    };
    const auto equal = [](const Tensor& a, const Tensor& b, const char* what) {
      const auto x = a.span<float>(), y = b.span<float>();
      if (!std::equal(x.begin(), x.end(), y.begin())) {
        throw std::runtime_error(std::string(what) + " in place differs");
      }
    };
    const Tensor x1 = make(1), x2 = make(2), g = make(3), add = make(4);
    const Tensor apart(shape, Dtype::f32, Tag::workspace);
    ops::Operand input = ops::operand(x1.clone());
    input.x2 = x2;
    input.act = ops::Activation::relu;
    ops::operand_forward(input, apart);
    const Tensor own = input.x1;
    ops::operand_forward(input, own);
    equal(own, apart, "operand_forward");

    input.x1 = x1;
    ops::Gradient gradient = ops::gradient(g.clone());
    gradient.add = add;
    ops::operand_backward(gradient, input, apart);
    ops::operand_backward(gradient, input, gradient.g);
    equal(gradient.g, apart, "operand_backward");

    gradient.g = g;
    ops::gradient_forward(gradient, apart);
    gradient.add = add.clone();
    ops::gradient_forward(gradient, gradient.add);
    equal(gradient.add, apart, "gradient_forward");

    const Tensor d_m(shape, Dtype::f32, Tag::workspace), over = g.clone();
    ops::gated_product_backward(0.5, g, x1, x2, apart, d_m);
    ops::gated_product_backward(0.5, over, x1, x2, over, d_m);
    equal(over, apart, "gated_product_backward");
  };
  cases.push_back(std::move(of));
}

}  // namespace

void pointwise_cases(Cases& cases) {
  for (const std::int64_t c : {1, 3, 7, 16, 32, 64, 130}) {
    add(cases, {3, 5, 4, c},
        {.input = {.a1 = true, .b1 = true, .relu = true},
         .gradient = {.p = true, .q = true, .r = true},
         .moments = true,
         .reduce0 = Reduce::centered});
  }
  const Shape shape{4, 5, 3, 18};
  const OperandOptions operands[] = {
      {},
      {.relu = true},
      {.a1 = true},
      {.b1 = true, .relu = true, .stored = true},
      {.x2 = true, .relu = true},
      {.a1 = true, .b1 = true, .x2 = true},
      {.x2 = true, .a2 = true, .b2 = true, .relu = true, .stored = true},
      {.a1 = true, .b1 = true, .x2 = true, .a2 = true, .b2 = true, .relu = true},
  };
  for (const OperandOptions& operand : operands) add(cases, shape, {.input = operand});
  const GradientOptions gradients[] = {
      {},          {.p = true},   {.r = true, .stored = true},
      {.q = true}, {.add = true}, {.p = true, .q = true, .r = true, .add = true, .stored = true},
  };
  for (const GradientOptions& gradient : gradients) {
    add(cases, shape, {.input = {.relu = true}, .gradient = gradient});
    add_gradient_forward(cases, shape, gradient);
  }
  for (const Reduce reduce : {Reduce::plain, Reduce::against, Reduce::centered}) {
    add(cases, shape, {.input = {.relu = true}, .reduce0 = reduce});
    add(cases, shape, {.input = {.x2 = true}, .reduce0 = Reduce::centered, .reduce1 = reduce});
  }
  add(cases, {11}, {.moments = true, .reduce0 = Reduce::plain});
  add(cases, {1, 40}, {.moments = true, .reduce0 = Reduce::against});
  add(cases, {2, 3, 4, 2, 5}, {.input = {.relu = true}, .moments = true});
  add(cases, {3000, 5}, {.moments = true, .reduce0 = Reduce::centered, .mean = 1e4});
  add(cases, {40, 8, 8, 16}, {.moments = true, .reduce0 = Reduce::centered, .mean = -1e4});
  add(cases, {40, 16, 16, 32}, {.input = {.relu = true}, .moments = true});
  for (const Shape& any : {Shape{}, Shape{1}, Shape{1000}, Shape{7, 1001}}) {
    add_axpby(cases, any, 0.75, 0);
    add_axpby(cases, any, -2, 1);
    add_axpby(cases, any, 1, 0.5);
  }
  for (const double gate : {1.0, 0.25, 0.0, -2.0}) add_product(cases, {3, 5, 4, 7}, gate);
  add_product(cases, {1003}, 0.5);
  add_in_place(cases);
  add(cases, {128, 32, 32, 16},
      {.input = {.a1 = true, .b1 = true, .x2 = true, .relu = true},
       .gradient = {.p = true, .q = true, .r = true},
       .moments = true,
       .reduce0 = Reduce::centered,
       .bench = true});
  add_axpby(cases, {1 << 24}, 0.5, 1, true);
}

}  // namespace rn::test
