// Steps of Adam and AdamW.
#include <cmath>
#include <limits>

#include "ops/adam.h"
#include "ops/case.h"

namespace rn::test {
namespace {

constexpr const char* tensors[] = {"value", "gradient", "mean", "square"};

// Parameters of different sizes, rates and decays in one call.
std::vector<Shape> shapes_of(bool bench) {
  if (bench) return std::vector<Shape>(100, {64, 3, 3, 64});
  return {{1}, {16, 3, 3, 3}, {130}, {0}, {7, 11}, {5000}, {3}};
}

double lr_scale_of(std::size_t i) { return i % 2 == 0 ? 1 : 0.25; }
double decay_of(std::size_t i) { return i % 3 == 0 ? 0 : 0.1; }

std::vector<ops::AdamParameter> parameters_of(const Tensors& t, std::size_t count) {
  std::vector<ops::AdamParameter> list;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    list.push_back({t("value" + n), t("gradient" + n), t("mean" + n), t("square" + n),
                    lr_scale_of(i), decay_of(i)});
  }
  return list;
}

Step step_of(const ops::Adam& attr, const std::vector<Shape>& shapes) {
  Step step;
  step.op = "adam_step";
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    for (const std::string name : tensors) {
      const bool square = name == "square";  // a mean of squares: not near 0, where roots are steep
      step.specs.push_back({name + std::to_string(i), shapes[i],
                            name == "gradient" ? Role::in : Role::inout,
                            square ? uniform(0.1, 2) : normal()});
    }
  }
  step.specs.push_back({"result", {1}, Role::host, normal(), Dtype::f64});
  step.run = [=, count = shapes.size()](Tensors& t, Stream& stream) {
    const auto list = parameters_of(t, count);
    t("result").data<double>()[0] = ops::adam_step(attr, list, stream);
  };
  return step;
}

// As in the papers: moments corrected one by one, the decoupled decay beside the step.
void add(Cases& cases, const std::string& name, const ops::Adam& attr, bool bench = false) {
  const std::vector<Shape> shapes = shapes_of(bench);
  Case of;
  of.op = "adam";
  of.name = name;
  of.bench = bench;
  Step step = step_of(attr, shapes);
  step.reference = [=, count = shapes.size()](Values& v) {
    const auto t = static_cast<double>(attr.step);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string n = std::to_string(i);
      Array &value = v["value" + n], &mean = v["mean" + n], &square = v["square" + n];
      const double lr = attr.lr * lr_scale_of(i), wd = decay_of(i);
      for (std::int64_t k = 0; k < value.size(); ++k) {
        const double g = v["gradient" + n][k] + (attr.decoupled ? 0 : wd * value[k]);
        mean[k] = attr.beta1 * mean[k] + (1 - attr.beta1) * g;
        square[k] = attr.beta2 * square[k] + (1 - attr.beta2) * g * g;
        const double m = mean[k] / (1 - std::pow(attr.beta1, t));
        const double s = square[k] / (1 - std::pow(attr.beta2, t));
        value[k] -= lr * (m / (std::sqrt(s) + attr.eps) + (attr.decoupled ? wd * value[k] : 0));
      }
    }
    v["result"] = Array({1}, -1);
  };
  of.steps = {step};
  cases.push_back(std::move(of));
}

// A step that would leave a NaN, an Inf or an overflow changes nothing and names the parameter.
void add_all_or_nothing(Cases& cases) {
  Case of;
  of.op = "adam";
  of.name = "all-or-nothing";
  Step step = step_of({}, shapes_of(false));
  step.rejects = false;
  of.prepare = [](Values& v) {
    v["gradient5"][4999] = std::numeric_limits<double>::quiet_NaN();
    v["square4"][76] = std::numeric_limits<double>::infinity();
  };
  step.reference = [](Values& v) { v["result"] = Array({1}, 4); };
  of.steps = {step};
  of.extra = [] {
    ops::AdamParameter one;
    for (Tensor* t : {&one.value, &one.gradient, &one.mean, &one.square}) {
      *t = Tensor::zeros({2}, Dtype::f32, Tag::workspace);
    }
    one.gradient.data<float>()[1] = 1e22f;  // its square overflows
    if (ops::adam_step({}, {&one, 1}) != 0 || one.mean.data<float>()[1] != 0) {
      throw std::runtime_error("an overflow was committed");
    }
    if (ops::adam_step({}, {}) != -1) throw std::runtime_error("no parameters at all fail");
    expect_refused("adam_step", "step 0", [&] { ops::adam_step({.step = 0}, {&one, 1}); });
  };
  cases.push_back(std::move(of));
}

}  // namespace

void adam_cases(Cases& cases) {
  add(cases, "adam-first", {});
  add(cases, "adam-1000", {.lr = 0.01, .beta1 = 0.8, .beta2 = 0.99, .eps = 1e-3, .step = 1000});
  add(cases, "adamw-first", {.decoupled = true});
  add(cases, "adamw-77", {.lr = 0.03, .beta1 = 0, .decoupled = true, .step = 77});
  add_all_or_nothing(cases);
  add(cases, "adamw-bench", {.decoupled = true, .step = 10}, true);
}

}  // namespace rn::test
