// Gradient clipping.
#include <cmath>
#include <limits>

#include "ops/case.h"
#include "ops/clip.h"

namespace rn::test {
namespace {

void add(Cases& cases, const std::string& name, const Shape& shape, const ops::Clip& attr) {
  Case of;
  of.op = "clip";
  of.name = name;
  Step step;
  step.op = "clip";
  step.specs = {{"x", shape, Role::inout}};
  step.specs[0].any_first = step.specs[0].any_last = true;
  step.run = [attr](Tensors& t, Stream& stream) { ops::clip(attr, t("x"), stream); };
  step.reference = [attr](Values& v) {
    for (double& x : v["x"].v) x = std::fmin(std::fmax(attr.scale * x, -attr.limit), attr.limit);
  };
  of.steps = {step};
  of.extra = [] {
    const Tensor x = Tensor::zeros({3}, Dtype::f32, Tag::workspace);
    x.data<float>()[1] = std::numeric_limits<float>::quiet_NaN();
    ops::clip({1, 0.5}, x);
    if (!std::isnan(x.data<float>()[1])) throw std::runtime_error("a NaN was clipped");
    expect_refused("clip", "a limit of 0", [&] { ops::clip({1, 0}, x); });
  };
  cases.push_back(std::move(of));
}

}  // namespace

void clip_cases(Cases& cases) {
  add(cases, "scale", {16, 3, 3, 3}, {.scale = 0.125});
  add(cases, "limit", {5001}, {.limit = 0.5});
  add(cases, "both", {7}, {.scale = 3, .limit = 2});
}

}  // namespace rn::test
