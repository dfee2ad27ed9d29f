// Batch normalisation: each piece against its formula, and the pieces joined, forward and backward,
// against finite differences.
#include <cmath>

#include "ops/batch_norm.h"
#include "ops/bind.h"
#include "ops/pointwise.h"

namespace rn::test {
namespace {

constexpr double eps = 1e-5;

void add_vectors(std::vector<Spec>& specs, std::int64_t c, Role role,
                 std::initializer_list<const char*> names) {
  for (const char* name : names) specs.push_back({name, {c}, role});
}

ops::Moments moments_of(const Tensors& t, std::int64_t count) {
  ops::Moments m;
  m.count = count;
  m.mean = t("moments.mean");
  m.m2 = t("moments.m2");
  return m;
}

void add_forward(Cases& cases, std::int64_t c, bool frozen, double gate) {
  Case of;
  of.op = "batch_norm";
  of.name = fmt::format("forward-{}-{}-gate{}", c, frozen ? "frozen" : "batch", gate);
  const std::int64_t count = 100;
  Step step;
  step.op = "batch_norm_forward";
  add_vectors(step.specs, c, Role::in, {"gamma", "beta"});
  if (frozen) {
    step.specs.push_back({"running_mean", {c}});
    step.specs.push_back({"running_var", {c}, Role::in, uniform(0.1, 3)});
  } else {
    step.specs.push_back({"moments.mean", {c}, Role::in, normal(), Dtype::f64});
    step.specs.push_back({"moments.m2", {c}, Role::in, uniform(10, 300), Dtype::f64});
  }
  add_vectors(step.specs, c, Role::out, {"scale", "shift", "mean", "inv_std"});
  step.run = [=](Tensors& t, Stream& stream) {
    ops::BatchNormForward args;
    const ops::Moments m = moments_of(t, count);
    if (!frozen) args.moments = &m;
    args.running_mean = t("running_mean");
    args.running_var = t("running_var");
    args.gamma = t("gamma");
    args.beta = t("beta");
    args.eps = eps;
    args.gate = gate;
    args.affine = {t("scale"), t("shift")};
    args.mean = t("mean");
    args.inv_std = t("inv_std");
    ops::batch_norm_forward(args, stream);
  };
  step.reference = [=](Values& v) {
    for (std::int64_t i = 0; i < c; ++i) {
      const double mean = v[frozen ? "running_mean" : "moments.mean"][i];
      const double var = frozen ? v["running_var"][i] : v["moments.m2"][i] / count;
      const double inv_std = 1 / std::sqrt(var + eps);
      v["mean"][i] = mean;
      v["inv_std"][i] = inv_std;
      v["scale"][i] = gate * v["gamma"][i] * inv_std;
      v["shift"][i] = gate * (v["beta"][i] - v["gamma"][i] * mean * inv_std);
    }
  };
  of.steps = {step};
  cases.push_back(std::move(of));
}

void add_backward(Cases& cases, std::int64_t c, bool frozen, bool parameters, double gate) {
  Case of;
  of.op = "batch_norm";
  of.name = fmt::format("backward-{}-{}-gate{}{}", c, frozen ? "frozen" : "batch", gate,
                        parameters ? "" : "-no_parameters");
  const std::int64_t count = frozen ? 0 : 100;
  Step step;
  step.op = "batch_norm_backward";
  add_vectors(step.specs, c, Role::in, {"gamma", "mean"});
  step.specs.push_back({"inv_std", {c}, Role::in, uniform(0.5, 2)});
  step.specs.push_back({"sums", {2, c}, Role::in, normal(0, 10), Dtype::f64});
  add_vectors(step.specs, c, Role::out, {"p"});
  for (const char* name : {"q", "r"}) {
    step.specs.push_back({name, {c}, Role::out, normal(), Dtype::bf16, 0, !frozen});
  }
  for (const char* name : {"d_gamma", "d_beta"}) {
    if (parameters) step.specs.push_back({name, {c}, Role::add, normal(), Dtype::bf16, 0, false});
  }
  step.run = [=](Tensors& t, Stream& stream) {
    ops::BatchNormBackward args;
    args.sums = t("sums");
    args.count = count;
    args.gamma = t("gamma");
    args.mean = t("mean");
    args.inv_std = t("inv_std");
    args.gate = gate;
    args.p = t("p");
    args.q = t("q");
    args.r = t("r");
    args.d_gamma = t("d_gamma");
    args.d_beta = t("d_beta");
    ops::batch_norm_backward(args, stream);
  };
  step.reference = [=](Values& v) {
    for (std::int64_t i = 0; i < c; ++i) {
      const double s0 = v["sums"][i], s1 = v["sums"][c + i], inv = v["inv_std"][i];
      const double p = gate * v["gamma"][i] * inv;
      const double q = frozen ? 0 : -p * inv * inv * s1 / static_cast<double>(count);
      v["p"][i] = p;
      v["q"][i] = q;
      v["r"][i] = frozen ? 0 : -p * s0 / static_cast<double>(count) - q * v["mean"][i];
      if (parameters) {
        v["d_gamma"][i] += gate * inv * s1;
        v["d_beta"][i] += gate * s0;
      }
    }
  };
  of.steps = {step};
  cases.push_back(std::move(of));
}

void add_update(Cases& cases, std::int64_t c, bool unbiased) {
  Case of;
  of.op = "batch_norm";
  of.name = fmt::format("update-{}{}", c, unbiased ? "-unbiased" : "");
  const std::int64_t count = 50;
  Step step;
  step.op = "batch_norm_update";
  add_vectors(step.specs, c, Role::inout, {"running_mean", "running_var"});
  step.specs.push_back({"moments.mean", {c}, Role::in, normal(), Dtype::f64});
  step.specs.push_back({"moments.m2", {c}, Role::in, uniform(10, 300), Dtype::f64});
  step.run = [=](Tensors& t, Stream& stream) {
    ops::batch_norm_update(moments_of(t, count), 0.1, unbiased, t("running_mean"), t("running_var"),
                           stream);
  };
  step.reference = [=](Values& v) {
    for (std::int64_t i = 0; i < c; ++i) {
      const double var = v["moments.m2"][i] / (unbiased ? count - 1 : count);
      v["running_mean"][i] = 0.9 * v["running_mean"][i] + 0.1 * v["moments.mean"][i];
      v["running_var"][i] = 0.9 * v["running_var"][i] + 0.1 * var;
    }
  };
  of.steps = {step};
  of.extra = [c] {
    const auto vector = [&](Dtype dtype) { return Tensor::zeros({c}, dtype, Tag::statistics); };
    ops::Moments m;
    m.mean = vector(Dtype::f64);
    m.m2 = vector(Dtype::f64);
    const Tensor mean = vector(Dtype::f32), var = vector(Dtype::f32);
    expect_refused("batch_norm_update", "no values",
                   [&] { ops::batch_norm_update(m, 0.1, false, mean, var); });
    m.count = 1;
    ops::batch_norm_update(m, 0.1, false, mean, var);
    expect_refused("batch_norm_update", "an unbiased variance of one value",
                   [&] { ops::batch_norm_update(m, 0.1, true, mean, var); });
    m.m2 = Tensor();
    expect_refused("batch_norm_update", "no m2",
                   [&] { ops::batch_norm_update(m, 0.1, false, mean, var); });
  };
  cases.push_back(std::move(of));
}

// y = relu(batch norm(x)) with the batch's statistics: x, gamma, beta -> y, and its gradient.
ops::BatchNormForward norm_of(Tensors& t, const ops::Moments& m, double gate) {
  ops::BatchNormForward args;
  args.moments = &m;
  args.gamma = t("gamma");
  args.beta = t("beta");
  args.eps = eps;
  args.gate = gate;
  args.affine = {t("a1"), t("b1")};
  args.mean = t("mean");
  args.inv_std = t("inv_std");
  return args;
}

void add_joined(Cases& cases, const Shape& x, double gate, double mean_of_x) {
  const std::int64_t c = x.back();
  Case of;
  of.op = "batch_norm";
  of.name = fmt::format("joined-{}-gate{}-mean{}", fmt::join(x, "x"), gate, mean_of_x);
  Step forward, backward;
  std::vector<Spec> specs = {{"x1", x, Role::in, normal(mean_of_x)}};
  add_vectors(specs, c, Role::in, {"gamma", "beta"});
  for (const char* name : {"a1", "b1", "mean", "inv_std"}) specs.push_back({name, {c}, Role::out});
  forward.op = backward.op = "joined";
  forward.rejects = backward.rejects = false;
  forward.specs = backward.specs = specs;
  forward.specs.push_back({"output", x, Role::out});
  forward.specs.push_back({"scratch", x, Role::out});
  const auto run_forward = [gate](Tensors& t, Stream& stream, const Tensor& output) {
    ops::Moments m;
    ops::operand_forward(ops::operand(t("x1")), t("scratch"), &m, stream);
    ops::batch_norm_forward(norm_of(t, m, gate), stream);
    ops::operand_forward(operand_of(t, true), output, nullptr, stream);
    return m;
  };
  forward.run = [=](Tensors& t, Stream& stream) { run_forward(t, stream, t("output")); };
  const auto reference = [=](Values& v) {
    const ReferenceMoments m = moments(v["x1"]);
    const double count = static_cast<double>(v["x1"].size() / c);
    for (std::int64_t i = 0; i < c; ++i) {
      const double inv_std = 1 / std::sqrt(m.m2[i] / count + eps);
      v["mean"][i] = m.mean[i];
      v["inv_std"][i] = inv_std;
      v["a1"][i] = gate * v["gamma"][i] * inv_std;
      v["b1"][i] = gate * v["beta"][i] - v["a1"][i] * m.mean[i];
    }
    v["scratch"] = v["x1"];
    return activate(before_activation(v), true);
  };
  forward.reference = [=](Values& v) { v["output"] = reference(v); };

  backward.specs.push_back({"scratch", x, Role::out});
  backward.specs.push_back({"value", x, Role::out});
  backward.specs.push_back({"d_output", x});
  backward.specs.push_back({"sums0", {2, c}, Role::out, normal(), Dtype::f64, 1});
  for (const char* name : {"p", "q", "r"}) backward.specs.push_back({name, {c}, Role::out});
  for (const char* name : {"d_gamma", "d_beta"}) {
    backward.specs.push_back({name, {c}, Role::add, normal(), Dtype::bf16, 1});
  }
  backward.specs.push_back({"d_input", x, Role::out});
  backward.run = [=](Tensors& t, Stream& stream) {
    const ops::Moments m = run_forward(t, stream, t("value"));
    ops::Reductions reductions;
    reductions[0] = {t("x1"), t("mean"), t("sums0")};
    ops::operand_backward(ops::gradient(t("d_output")), operand_of(t, true), t("scratch"),
                          reductions, stream);
    ops::BatchNormBackward args;
    args.sums = t("sums0");
    args.count = m.count;
    args.gamma = t("gamma");
    args.mean = t("mean");
    args.inv_std = t("inv_std");
    args.gate = gate;
    args.p = t("p");
    args.q = t("q");
    args.r = t("r");
    args.d_gamma = t("d_gamma");
    args.d_beta = t("d_beta");
    ops::batch_norm_backward(args, stream);
    ops::gradient_forward({t("scratch"), t("p"), t("x1"), t("q"), t("r"), {}, {}}, t("d_input"),
                          stream);
  };
  backward.reference = [=](Values& v) {
    v["value"] = reference(v);
    const Array g = mask(v["d_output"], v["value"], true);
    v["scratch"] = g;
    v["sums0"] = reduction(g, &v["x1"], &v["mean"]);
    const double count = static_cast<double>(g.size() / c);
    for (std::int64_t i = 0; i < c; ++i) {
      const double s0 = v["sums0"][i], s1 = v["sums0"][c + i], inv = v["inv_std"][i];
      v["p"][i] = v["a1"][i];
      v["q"][i] = -v["p"][i] * inv * inv * s1 / count;
      v["r"][i] = -v["p"][i] * s0 / count - v["q"][i] * v["mean"][i];
      v["d_gamma"][i] += gate * inv * s1;
      v["d_beta"][i] += gate * s0;
    }
    // The textbook form: gate * gamma * inv_std * (g - mean(g) - x_hat * mean(g * x_hat)).
    v["d_input"] = Array(g.shape);
    for (std::int64_t i = 0; i < g.size(); ++i) {
      const std::int64_t k = i % c;
      const double inv = v["inv_std"][k], x_hat = (v["x1"][i] - v["mean"][k]) * inv;
      v["d_input"][i] = gate * v["gamma"][k] * inv *
                        (g[i] - v["sums0"][k] / count - x_hat * inv * v["sums0"][c + k] / count);
    }
  };
  of.steps = {forward, backward};
  of.loss = [](const Values& v) {
    double sum = 0;
    for (std::int64_t i = 0; i < v.at("output").size(); ++i) {
      sum += v.at("output")[i] * v.at("d_output")[i];
    }
    return sum;
  };
  const auto named = [](const char* name) {
    return [name](const Values& v) { return v.at(name); };
  };
  if (mean_of_x == 0) {
    of.derivatives = {
        {"x1", named("d_input")}, {"gamma", named("d_gamma")}, {"beta", named("d_beta")}};
  }
  cases.push_back(std::move(of));
}

}  // namespace

void batch_norm_cases(Cases& cases) {
  for (const bool frozen : {false, true}) {
    for (const std::int64_t c : {1, 7, 64}) add_forward(cases, c, frozen, 1);
    add_forward(cases, 16, frozen, 0.5);
    add_forward(cases, 16, frozen, 0);
    for (const std::int64_t c : {1, 7, 64}) add_backward(cases, c, frozen, true, 1);
    add_backward(cases, 16, frozen, false, 1);
    add_backward(cases, 16, frozen, true, -0.5);
  }
  add_update(cases, 7, false);
  add_update(cases, 130, true);
  add_joined(cases, {4, 5, 3, 7}, 1, 0);
  add_joined(cases, {20, 4, 4, 16}, 0.5, 0);
  add_joined(cases, {3, 2, 2, 130}, 1, 0);
}

}  // namespace rn::test
