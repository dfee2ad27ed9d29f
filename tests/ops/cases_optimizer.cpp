// Optimizer steps.
#include <limits>

#include "ops/case.h"
#include "ops/optimizer.h"

namespace rn::test {
namespace {

// Parameters of different sizes, rates and decays in one call.
std::vector<Shape> shapes_of(bool bench) {
  if (bench) return std::vector<Shape>(100, {64, 3, 3, 64});
  return {{1}, {16, 3, 3, 3}, {130}, {0}, {7, 11}, {5000}, {3}};
}

double lr_scale_of(std::size_t i) { return i % 2 == 0 ? 1 : 0.25; }
double decay_of(std::size_t i) { return i % 3 == 0 ? 0 : 0.01; }

std::vector<ops::SgdParameter> parameters_of(const Tensors& t, std::size_t count) {
  std::vector<ops::SgdParameter> list;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    list.push_back(
        {t("value" + n), t("gradient" + n), t("momentum" + n), lr_scale_of(i), decay_of(i)});
  }
  return list;
}

void add(Cases& cases, const ops::Sgd& attr, bool bench = false) {
  const std::vector<Shape> shapes = shapes_of(bench);
  Case of;
  of.op = "optimizer";
  of.name = fmt::format("sgd-lr{}-momentum{}{}", attr.lr, attr.momentum,
                        attr.nesterov ? "-nesterov" : "");
  of.bench = bench;
  Step step;
  step.op = "sgd_step";
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const std::string n = std::to_string(i);
    step.specs.push_back({"value" + n, shapes[i], Role::inout});
    step.specs.push_back({"gradient" + n, shapes[i]});
    step.specs.push_back({"momentum" + n, shapes[i], Role::inout});
  }
  step.specs.push_back({"result", {1}, Role::host, normal(), Dtype::f64});
  step.run = [=, count = shapes.size()](Tensors& t, Stream& stream) {
    const auto list = parameters_of(t, count);
    t("result").data<double>()[0] = ops::sgd_step(attr, list, stream);
  };
  step.reference = [=, count = shapes.size()](Values& v) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::string n = std::to_string(i);
      Array &value = v["value" + n], &slot = v["momentum" + n];
      for (std::int64_t k = 0; k < value.size(); ++k) {
        const double g = v["gradient" + n][k] + decay_of(i) * value[k];
        slot[k] = attr.momentum * slot[k] + g;
        value[k] -=
            attr.lr * lr_scale_of(i) * (attr.nesterov ? g + attr.momentum * slot[k] : slot[k]);
      }
    }
    v["result"] = Array({1}, -1);
  };
  of.steps = {step};
  cases.push_back(std::move(of));
}

// A step that would leave a NaN, an Inf or an overflow changes nothing and names the parameter.
void add_all_or_nothing(Cases& cases, bool in_slot) {
  Case of;
  of.op = "optimizer";
  of.name = in_slot ? "sgd-all-or-nothing-slot" : "sgd-all-or-nothing";
  const std::vector<Shape> shapes = shapes_of(false);
  Step step;
  step.op = "sgd_step";
  step.rejects = false;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const std::string n = std::to_string(i);
    step.specs.push_back({"value" + n, shapes[i], Role::inout});
    step.specs.push_back({"gradient" + n, shapes[i]});
    step.specs.push_back({"momentum" + n, shapes[i], Role::inout});
  }
  step.specs.push_back({"result", {1}, Role::host, normal(), Dtype::f64});
  of.prepare = [in_slot](Values& v) {
    if (in_slot) {
      v["momentum4"][3] = std::numeric_limits<double>::infinity();
    } else {
      v["gradient5"][4999] = std::numeric_limits<double>::quiet_NaN();
      v["gradient4"][76] = -std::numeric_limits<double>::infinity();
    }
  };
  step.run = [count = shapes.size()](Tensors& t, Stream& stream) {
    const auto list = parameters_of(t, count);
    t("result").data<double>()[0] = ops::sgd_step({0.1, 0.9, false}, list, stream);
  };
  step.reference = [](Values& v) { v["result"] = Array({1}, 4); };
  of.steps = {step};
  of.extra = [] {
    ops::SgdParameter one;
    for (Tensor* t : {&one.value, &one.gradient, &one.momentum}) {
      *t = Tensor::zeros({2}, Dtype::f32, Tag::workspace);
    }
    one.value.data<float>()[1] = one.gradient.data<float>()[1] = 3e38f;
    const int at = ops::sgd_step({-10, 0, false}, {&one, 1});
    if (at != 0 || one.value.data<float>()[1] != 3e38f || one.momentum.data<float>()[1] != 0) {
      throw std::runtime_error("an overflow was committed");
    }
    if (ops::sgd_step({}, {}) != -1) throw std::runtime_error("no parameters at all fail");
  };
  cases.push_back(std::move(of));
}

}  // namespace

void optimizer_cases(Cases& cases) {
  add(cases, {0.1, 0.9, false});
  add(cases, {0.1, 0.9, true});
  add(cases, {0.05, 0, false});
  add(cases, {0, 0.5, true});
  add_all_or_nothing(cases, false);
  add_all_or_nothing(cases, true);
  add(cases, {0.1, 0.9, true}, true);
}

}  // namespace rn::test
