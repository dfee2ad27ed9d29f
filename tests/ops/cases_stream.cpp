// Halves of a state, sums on a grid, and conversions.
#include <cmath>

#include "base/error.h"
#include "ops/bind.h"
#include "ops/stream.h"

namespace rn::test {
namespace {

double rounded(double x, double grid) { return grid > 0 ? std::nearbyint(x / grid) * grid : x; }

double largest(const Array& x) {
  double most = 0;
  for (std::int64_t i = 0; i < x.size(); ++i) most = std::max(most, std::abs(x[i]));
  return most;
}

// Where half number k of the channels of `row` is in a state.
std::int64_t in_state(std::int64_t rows, std::int64_t channels, std::int64_t row, std::int64_t c) {
  const std::int64_t half = channels / 2;
  return (c < half ? row : rows + row) * half + c % half;
}

void add_split(Cases& cases, const Shape& shape, const OperandOptions& o, double grid) {
  const std::int64_t channels = shape[3], rows = element_count(shape) / channels;
  const Shape halves{2 * shape[0], shape[1], shape[2], channels / 2};
  Case of;
  of.op = "stream";
  of.bf16 = true;
  of.name = fmt::format("{}{}", fmt::join(shape, "x"), to_string(o));
  if (grid > 0) of.name += fmt::format("-grid{}", grid);
  Step split, join;
  split.op = "stream_split";
  add_operand(split.specs, o, shape, Role::out);
  split.specs.push_back({"output", halves, Role::out, normal(), Dtype::f32});
  split.specs.push_back({"largest", {1}, Role::host, normal(), Dtype::f64, 0, false});
  split.run = [=](Tensors& t, Stream& stream) {
    const double most = ops::stream_split(operand_of(t, o.relu), t("output"), grid, stream);
    if (t("largest")) t("largest").data<double>()[0] = most;
  };
  split.reference = [=](Values& v) {
    const Array value = activate(before_activation(v), o.relu);
    if (o.stored) v["stored"] = value;
    Array& out = v["output"];
    for (std::int64_t i = 0; i < value.size(); ++i) {
      out[in_state(rows, channels, i / channels, i % channels)] = rounded(value[i], grid);
    }
    v["largest"][0] = grid > 0 ? largest(out) : 0;
  };
  join.op = "stream_join";
  join.specs = {{"state", halves, Role::in, normal(), Dtype::f32}, {"joined", shape, Role::out}};
  join.run = [=](Tensors& t, Stream& stream) { ops::stream_join(t("state"), t("joined"), stream); };
  join.reference = [=](Values& v) {
    Array& out = v["joined"];
    for (std::int64_t i = 0; i < out.size(); ++i) {
      out[i] = v["state"][in_state(rows, channels, i / channels, i % channels)];
    }
  };
  of.steps = {split, join};
  cases.push_back(std::move(of));
}

struct AddOptions {
  bool x = true, branch = true, moments = false, narrow = true;
  double alpha = 1, beta = 1, grid = 0;
};

void add_add(Cases& cases, const Shape& shape, const AddOptions& o) {
  Case of;
  of.op = "stream";
  of.bf16 = true;
  of.name = fmt::format("add-{}{}{}{}-alpha{}-beta{}-grid{}{}", fmt::join(shape, "x"),
                        o.x ? "-x" : "", o.branch ? "-branch" : "", o.moments ? "-moments" : "",
                        o.alpha, o.beta, o.grid, o.narrow ? "" : "-wide");
  Step step;
  step.op = "stream_add";
  const Dtype dtype = o.narrow ? Dtype::bf16 : Dtype::f32;
  if (o.x) step.specs.push_back({"x", shape, Role::in, normal(), Dtype::f32, 0, false});
  if (o.branch) step.specs.push_back({"branch", shape, Role::in, normal(), dtype, 0, false});
  step.specs.push_back({"output", shape, Role::out, normal(), Dtype::f32});
  // With nothing to hold it against, it may have any shape.
  step.specs.back().any_first = step.specs.back().any_last = !o.x && !o.branch && !o.moments;
  step.specs.push_back({"largest", {1}, Role::host, normal(), Dtype::f64, 0, false});
  if (o.moments) add_moments(step.specs, shape.back());
  step.run = [=](Tensors& t, Stream& stream) {
    with_moments(t, [&](ops::Moments* moments) {
      const double most = ops::stream_add({.x = t("x"),
                                           .branch = t("branch"),
                                           .alpha = o.alpha,
                                           .beta = o.beta,
                                           .grid = o.grid,
                                           .output = t("output"),
                                           .moments = moments},
                                          stream);
      if (t("largest")) t("largest").data<double>()[0] = most;
    });
  };
  step.reference = [=](Values& v) {
    Array& out = v["output"];
    for (std::int64_t i = 0; i < out.size(); ++i) {
      out[i] = (o.x ? o.beta * v["x"][i] : 0) +
               (o.branch ? rounded(o.alpha * v["branch"][i], o.grid) : 0);
    }
    v["largest"][0] = o.grid > 0 ? largest(out) : 0;
    reference_moments(v, out);
  };
  step.from_stored = [=](Values& want, const Values& got) {
    reference_moments(want, got.at("output"));
  };
  of.steps = {step};
  cases.push_back(std::move(of));
}

void add_convert(Cases& cases, const Shape& shape, const OperandOptions& o, Dtype from, Dtype to) {
  Case of;
  of.op = "stream";
  of.bf16 = true;
  of.name = fmt::format("convert-{}{}-{}-{}", fmt::join(shape, "x"), to_string(o), to_string(from),
                        to_string(to));
  Step step;
  step.op = "convert";
  add_operand(step.specs, o, shape, Role::out);
  for (Spec& spec : step.specs) {
    if (spec.name == "x1" || spec.name == "x2") spec.dtype = from;
  }
  step.specs.push_back({"output", shape, Role::out, normal(), to});
  step.run = [=](Tensors& t, Stream& stream) {
    ops::convert(operand_of(t, o.relu), t("output"), stream);
  };
  step.reference = [=](Values& v) { v["output"] = activate(before_activation(v), o.relu); };
  of.steps = {step};
  cases.push_back(std::move(of));
}

// On the grid adding and taking away are each other's inverse, for values of all sizes and ties.
void add_exactness(Cases& cases) {
  Case of;
  of.op = "stream";
  of.name = "inverse";
  of.extra = [] {
    const double grid = 0x1p-10;
    const Shape shape{3, 5, 4, 7};
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      const Tensor raw(shape, dtype, Tag::workspace), x(shape, dtype, Tag::workspace),
          y(shape, dtype, Tag::workspace), branch(shape, dtype, Tag::workspace);
      Rng rng(5, RngPurpose::test);
      with_float(dtype, "test", [&]<class T>() {
        for (T& v : raw.span<T>()) v = static_cast<T>(1000 * rng.normal());
        std::int64_t k = 0;
        // Every third one is a tie.
        for (T& v : branch.span<T>()) {
          v = static_cast<T>(k % 3 == 0 ? (static_cast<double>(k) - 200.5) * grid
                                        : 100 * rng.normal());
          ++k;
        }
      });
      ops::stream_add({.branch = raw, .grid = grid, .output = x});
      ops::stream_add({.x = x, .branch = branch, .grid = grid, .output = y});
      ops::stream_add({.x = y, .branch = branch, .alpha = -1, .grid = grid, .output = y});
      with_float(dtype, "test", [&]<class T>() {
        for (std::int64_t i = 0; i < x.size(); ++i) {
          if (x.data<T>()[i] != y.data<T>()[i]) {
            throw std::runtime_error(
                fmt::format("{} came back as {}", x.data<T>()[i], y.data<T>()[i]));
          }
        }
      });
    }
    const Tensor x = Tensor::zeros({2, 4}, Dtype::f32, Tag::workspace),
                 odd = Tensor::zeros({1, 2, 2, 3}, Dtype::f32, Tag::workspace),
                 narrow = Tensor::zeros({2, 4}, Dtype::bf16, Tag::workspace);
    expect_refused("stream_add", "a grid that is no power of two",
                   [&] { ops::stream_add({.x = x, .grid = 0.3, .output = x}); });
    expect_refused("stream_add", "a stream of bf16",
                   [&] { ops::stream_add({.x = narrow, .output = narrow}); });
    expect_refused("stream_split", "an odd number of channels",
                   [&] { ops::stream_split(ops::operand(odd), odd); });
  };
  cases.push_back(std::move(of));
}

}  // namespace

void stream_cases(Cases& cases) {
  const OperandOptions bn_relu{.a1 = true, .b1 = true, .relu = true};
  add_split(cases, {5, 3, 2, 6}, {}, 0);
  add_split(cases, {2, 7, 5, 34}, bn_relu, 0);
  add_split(cases, {3, 4, 4, 16}, {.a1 = true, .b1 = true, .relu = true, .stored = true}, 0x1p-6);
  add_split(cases, {1, 1, 1, 2}, {}, 0x1p-6);
  add_add(cases, {5, 3, 2, 7}, {});
  add_add(cases, {5, 3, 2, 7}, {.branch = false, .beta = 0.5});
  add_add(cases, {5, 3, 2, 7}, {.x = false, .alpha = -1});
  add_add(cases, {5, 3, 2, 7}, {.x = false, .branch = false});
  add_add(cases, {37, 6, 6, 16}, {.moments = true, .alpha = 0.7, .beta = 1.3});
  add_add(cases, {37, 6, 6, 16}, {.moments = true, .grid = 0x1p-6});
  add_add(cases, {4, 6, 6, 24}, {.moments = true, .narrow = false, .alpha = -1, .grid = 0x1p-6});
  for (const auto& [from, to] : {std::pair{Dtype::bf16, Dtype::f32},
                                 {Dtype::f32, Dtype::bf16},
                                 {Dtype::bf16, Dtype::bf16}}) {
    add_convert(cases, {5, 3, 2, 7}, bn_relu, from, to);
    add_convert(cases, {9, 4, 4, 16}, {}, from, to);
  }
  add_exactness(cases);
}

}  // namespace rn::test
