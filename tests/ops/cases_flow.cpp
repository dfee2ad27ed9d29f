// Optical flow against the same iterations over whole fields, and facts that need no reference.
#include <cmath>
#include <stdexcept>

#include "ops/case.h"
#include "ops/flow.h"
#include "support/reference_flow.h"

namespace rn::test {
namespace {

// A smooth texture, moved by (dx, dy) pixels and a little more to the right.
double texture(double y, double x) {
  return 128 + 60 * std::sin(0.35 * x + 0.2 * y) + 40 * std::cos(0.27 * y - 0.11 * x) +
         20 * std::sin(0.9 * x) * std::cos(0.8 * y);
}
void fill(Array& from, Array& to, double dy, double dx) {
  const std::int64_t h = from.dim(1), w = from.dim(2);
  for (std::int64_t i = 0; i < from.size(); ++i) {
    const auto x = static_cast<double>(i % w), y = static_cast<double>(i / w % h),
               n = static_cast<double>(i / (h * w));
    from[i] = texture(y + 31 * n, x);
    to[i] = texture(y + 31 * n - dy, x - dx - 0.01 * x);
  }
}

void add(Cases& cases, const std::string& name, const Shape& shape, const ops::TvL1& parameters,
         bool bench = false) {
  Case of;
  of.op = "flow";
  of.name = fmt::format("{}-{}", fmt::join(shape, "x"), name);
  of.bench = bench;
  Shape field = shape;
  field.push_back(2);
  Step step;
  step.op = "tv_l1_flow";
  step.specs = {{"from", shape}, {"to", shape}, {"flow", field, Role::out}};
  step.run = [=](Tensors& t, Stream& stream) {
    ops::tv_l1_flow(parameters, t("from"), t("to"), t("flow"), stream);
  };
  step.reference = [=](Values& v) { v["flow"] = tv_l1_flow(parameters, v["from"], v["to"]); };
  of.prepare = [](Values& v) { fill(v["from"], v["to"], 0.8, -1.3); };
  of.steps = {step};
  cases.push_back(std::move(of));
}

double farthest(const Tensor& flow, double u, double v, std::int64_t border) {
  const std::int64_t h = flow.dim(1), w = flow.dim(2);
  double worst = 0;
  for (std::int64_t y = border; y < h - border; ++y) {
    for (std::int64_t x = border; x < w - border; ++x) {
      const double* at = flow.data<double>() + 2 * (y * w + x);
      worst = std::max(worst, std::hypot(at[0] - u, at[1] - v));
    }
  }
  return worst;
}

void facts() {
  const Shape shape{1, 64, 80};
  const auto moved = [&](double dy, double dx) {
    const Tensor image(shape, Dtype::f64, Tag::workspace);
    for (std::int64_t i = 0; i < image.size(); ++i) {
      image.data<double>()[i] =
          texture(static_cast<double>(i / 80) - dy, static_cast<double>(i % 80) - dx);
    }
    return image;
  };
  const auto flow_of = [&](const Tensor& from, const Tensor& to) {
    const Tensor flow({1, 64, 80, 2}, Dtype::f64, Tag::workspace);
    ops::tv_l1_flow({}, from, to, flow);
    return flow;
  };
  const Tensor start = moved(0, 0);
  if (farthest(flow_of(start, start), 0, 0, 0) != 0) {
    throw std::runtime_error("equal images have a flow");
  }
  const double off = farthest(flow_of(start, moved(-1.5, 2.25)), 2.25, -1.5, 8);
  if (!(off < 0.1)) {
    throw std::runtime_error(fmt::format("a known translation is off by {:.3f} pixels", off));
  }
  expect_refused("tv_l1_flow", "an even median", [&] {
    ops::tv_l1_flow({.median = 4}, start, start,
                    Tensor({1, 64, 80, 2}, Dtype::f64, Tag::workspace));
  });
  expect_refused("tv_l1_flow", "no scale", [&] {
    ops::tv_l1_flow({.scales = 0}, start, start,
                    Tensor({1, 64, 80, 2}, Dtype::f64, Tag::workspace));
  });
}

}  // namespace

void flow_cases(Cases& cases) {
  // Few iterations: what is compared is arithmetic, which iterating until nothing moves would hide.
  const ops::TvL1 brief{.epsilon = 0, .scales = 2, .warps = 2, .outer = 2, .inner = 7};
  add(cases, "brief", {1, 21, 33}, brief);
  add(cases, "bands", {1, 130, 37},
      {.epsilon = 0, .scales = 3, .warps = 1, .outer = 1, .inner = 12});
  add(cases, "pairs", {5, 18, 17}, brief);
  ops::TvL1 stops{.epsilon = 0.05, .scales = 3, .warps = 2};
  add(cases, "stops", {2, 40, 48}, stops);
  stops.median = 3;
  add(cases, "median3", {1, 40, 31}, stops);
  stops.median = 1;
  add(cases, "unfiltered", {1, 33, 34}, stops);
  add(cases, "tiny", {1, 1, 1}, {});
  add(cases, "row", {1, 1, 19}, {});
  add(cases, "column", {1, 7, 1}, {});
  add(cases, "default", {1, 240, 320}, {}, true);
  add(cases, "default", {8, 240, 320}, {}, true);
  add(cases, "default", {1, 480, 640}, {}, true);
  Case of;
  of.op = "flow";
  of.name = "facts";
  of.extra = facts;
  cases.push_back(std::move(of));
}

}  // namespace rn::test
