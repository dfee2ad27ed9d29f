// The fully connected layer.
#include "ops/case.h"
#include "ops/linear.h"

namespace rn::test {
namespace {

void add(Cases& cases, std::int64_t n, std::int64_t f, std::int64_t k, bool bias,
         const std::string& without = "", bool bench = false) {
  Case of;
  of.op = "linear";
  of.name = fmt::format("{}x{}-{}{}{}", n, f, k, bias ? "-bias" : "",
                        without.empty() ? "" : "-no_" + without);
  of.bench = bench;
  Step forward;
  forward.op = "linear_forward";
  forward.specs = {{"input", {n, f}}, {"weights", {k, f}}, {"output", {n, k}, Role::out}};
  const Spec vector{"bias", {k}, Role::in, normal(), Dtype::bf16, 0, false};
  if (bias) forward.specs.push_back(vector);
  forward.run = [](Tensors& t, Stream& stream) {
    ops::linear_forward(t("input"), t("weights"), t("bias"), t("output"), stream);
  };
  forward.reference = [](Values& v) {
    v["output"] = linear(v["input"], v["weights"], find(v, "bias"));
  };
  forward.flops = 2.0 * static_cast<double>(n * f * k);
  Step backward;
  backward.op = "linear_backward";
  backward.specs = {{"d_output", {n, k}}, {"input", {n, f}}, {"weights", {k, f}}};
  const auto optional = [&](const char* name, const Shape& shape, Role role) {
    if (without != name) {
      backward.specs.push_back({name, shape, role, normal(), Dtype::bf16, 1, false});
    }
  };
  optional("d_input", {n, f}, Role::out);
  optional("d_weights", {k, f}, Role::add);
  optional("d_bias", {k}, Role::add);
  backward.run = [](Tensors& t, Stream& stream) {
    ops::linear_backward(t("d_output"), t("input"), t("weights"), t("d_input"), t("d_weights"),
                         t("d_bias"), stream);
  };
  backward.reference = [](Values& v) {
    Array d_input, d_weights, d_bias;
    linear_backward(v["d_output"], v["input"], v["weights"], d_input, d_weights, d_bias);
    const auto put = [&](const char* name, const Array& d, bool added) {
      if (!find(v, name)) return;
      for (std::int64_t i = 0; i < d.size(); ++i) v[name][i] = d[i] + (added ? v[name][i] : 0);
    };
    put("d_input", d_input, false);
    put("d_weights", d_weights, true);
    put("d_bias", d_bias, true);
  };
  backward.flops = 2 * forward.flops;
  of.steps = {forward, backward};
  of.loss = [](const Values& v) {
    double sum = 0;
    for (std::int64_t i = 0; i < v.at("output").size(); ++i) {
      sum += v.at("output")[i] * v.at("d_output")[i];
    }
    return sum;
  };
  if (!bench) {
    for (const std::string name : {"input", "weights", "bias"}) {
      if (without == "d_" + name || (name == "bias" && !bias)) continue;
      of.derivatives.push_back({name, [name](const Values& v) { return v.at("d_" + name); }});
    }
  }
  cases.push_back(std::move(of));
}

}  // namespace

void linear_cases(Cases& cases) {
  add(cases, 1, 1, 1, true);
  add(cases, 5, 64, 10, true);
  add(cases, 5, 64, 10, false);
  add(cases, 128, 64, 10, true);
  add(cases, 33, 130, 37, true);
  add(cases, 17, 3, 100, true);
  add(cases, 8, 7, 16, true, "d_input");
  add(cases, 8, 7, 16, true, "d_weights");
  add(cases, 8, 7, 16, true, "d_bias");
  add(cases, 128, 64, 10, true, "", true);
  add(cases, 128, 2048, 1000, true, "", true);
}

}  // namespace rn::test
