// Frames of clips: neighbours gathered for temporal convolutions, and the maximum over frames.
#include "base/error.h"
#include "ops/bind.h"
#include "ops/temporal.h"

namespace rn::test {
namespace {

double dot(const Array& a, const Array& b) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Calls body(index in x, index in y) for each value of x [N*T, H, W, C] and each place in
// y [N*T, H, W, K*C] that it is copied to.
template <class F>
void for_copies(const Shape& x, std::int64_t frames, int taps, F&& body) {
  const std::int64_t pixels = x[1] * x[2], channels = x[3];
  for (std::int64_t n = 0; n < x[0] / frames; ++n) {
    for (std::int64_t t = 0; t < frames; ++t) {
      for (int k = 0; k < taps; ++k) {
        const std::int64_t from = t + k - taps / 2;
        if (from < 0 || from >= frames) continue;
        for (std::int64_t p = 0; p < pixels; ++p) {
          for (std::int64_t c = 0; c < channels; ++c) {
            body(((n * frames + from) * pixels + p) * channels + c,
                 (((n * frames + t) * pixels + p) * taps + k) * channels + c);
          }
        }
      }
    }
  }
}

struct GatherOptions {
  OperandOptions input = {};
  bool shortcut = false;
  Reduce reduce0 = Reduce::none, reduce1 = Reduce::none;
  bool bench = false;
};

void add_gather(Cases& cases, const Shape& x, std::int64_t frames, int taps,
                const GatherOptions& options = {}) {
  const OperandOptions o = options.input;
  const Shape y{x[0], x[1], x[2], taps * x[3]};
  Case of;
  of.op = "temporal";
  of.bf16 = true;
  of.name = fmt::format("gather-{}-t{}-k{}{}{}-reduce{}-and{}", fmt::join(x, "x"), frames, taps,
                        to_string(o), options.shortcut ? "-shortcut" : "",
                        static_cast<int>(options.reduce0), static_cast<int>(options.reduce1));
  of.bench = options.bench;
  Step forward, backward;
  forward.op = "temporal_gather";
  add_operand(forward.specs, o, x, Role::out);
  forward.specs.push_back({"output", y, Role::out});
  forward.run = [=](Tensors& t, Stream& stream) {
    ops::temporal_gather({frames, taps}, operand_of(t, o.relu), t("output"), stream);
  };
  forward.reference = [=](Values& v) {
    const Array value = activate(before_activation(v), o.relu);
    Array& out = v["output"] = Array(y);
    for_copies(x, frames, taps, [&](std::int64_t from, std::int64_t to) { out[to] = value[from]; });
    if (o.stored) v["stored"] = value;
  };
  backward.op = "temporal_gather_backward";
  add_operand(backward.specs, o, x, Role::in);
  backward.specs.push_back({"d_output", y});
  if (options.shortcut) backward.specs.push_back({"shortcut", x});
  if (options.shortcut) backward.specs.back().required = false;
  backward.specs.push_back({"d_input", x, Role::out});
  add_reductions(backward.specs, options.reduce0, options.reduce1, x);
  backward.run = [=](Tensors& t, Stream& stream) {
    ops::temporal_gather_backward({frames, taps},
                                  {.d_output = t("d_output"),
                                   .input = operand_of(t, o.relu),
                                   .shortcut = t("shortcut"),
                                   .d_input = t("d_input"),
                                   .reductions = reductions_of(t)},
                                  stream);
  };
  backward.reference = [=](Values& v) {
    const Array *stored = find(v, "stored"), *shortcut = find(v, "shortcut");
    Array d = shortcut ? *shortcut : Array(x);
    for_copies(x, frames, taps,
               [&](std::int64_t from, std::int64_t to) { d[from] += v["d_output"][to]; });
    v["d_input"] = mask(d, stored ? *stored : before_activation(v), o.relu);
    reference_reductions(v, v["d_input"]);
  };
  backward.from_stored = [](Values& want, const Values& got) {
    reference_reductions(want, got.at("d_input"));
  };
  of.steps = {forward, backward};
  of.prepare = [o](Values& v) {
    if (find(v, "stored")) v["stored"] = activate(before_activation(v), o.relu);
  };
  of.loss = [=](const Values& v) {
    double loss = dot(v.at("output"), v.at("d_output"));
    if (!options.shortcut) return loss;
    return loss + dot(activate(before_activation(v), o.relu), v.at("shortcut"));
  };
  if (!options.bench) of.derivatives = operand_derivatives(o);
  cases.push_back(std::move(of));
}

void add_max_pool(Cases& cases, const Shape& x, const ops::TemporalMaxPool& pool,
                  bool bench = false) {
  const std::int64_t frames = pool.frames, out = (frames - pool.size) / pool.stride + 1;
  Shape y = x;
  y[0] = x[0] / frames * out;
  const std::int64_t inner = element_count(x) / x[0];
  Case of;
  of.op = "temporal";
  of.bf16 = true;
  of.name = fmt::format("max-{}-t{}-k{}-s{}", fmt::join(x, "x"), frames, pool.size, pool.stride);
  of.bench = bench;
  // body(index of an output, index of the input that it is) over all windows.
  const auto for_windows = [=](const Array& from, auto&& body) {
    for (std::int64_t i = 0; i < element_count(y); ++i) {
      const std::int64_t n = i / inner / out, p = i / inner % out;
      const auto at = [&](std::int64_t t) { return (n * frames + t) * inner + i % inner; };
      std::int64_t best = at(p * pool.stride);
      for (int k = 1; k < pool.size; ++k) {
        const std::int64_t other = at(p * pool.stride + k);
        if (from[other] > from[best]) best = other;
      }
      body(i, best);
    }
  };
  Step forward, backward;
  forward.op = "temporal_max_pool_forward";
  forward.specs = {{"input", x}, {"output", y, Role::out}};
  forward.run = [=](Tensors& t, Stream& stream) {
    ops::temporal_max_pool_forward(pool, t("input"), t("output"), stream);
  };
  forward.reference = [=](Values& v) {
    const Array& from = v["input"];
    for_windows(from, [&](std::int64_t i, std::int64_t best) { v["output"][i] = from[best]; });
  };
  backward.op = "temporal_max_pool_backward";
  backward.specs = {{"input", x}, {"d_output", y}, {"d_input", x, Role::out}};
  backward.run = [=](Tensors& t, Stream& stream) {
    ops::temporal_max_pool_backward(pool, t("input"), t("d_output"), t("d_input"), stream);
  };
  backward.reference = [=](Values& v) {
    Array& d = v["d_input"] = Array(x);
    for_windows(v["input"],
                [&](std::int64_t i, std::int64_t best) { d[best] += v["d_output"][i]; });
  };
  of.steps = {forward, backward};
  of.loss = [](const Values& v) { return dot(v.at("output"), v.at("d_output")); };
  if (!bench) {
    of.derivatives = {{"input", [](const Values& v) { return v.at("d_input"); }}};
  }
  cases.push_back(std::move(of));
}

// The first of equals takes the gradient. Attributes out of range are refused.
void add_extra(Cases& cases) {
  Case of;
  of.op = "temporal";
  of.bf16 = true;
  of.name = "ties-and-attributes";
  of.extra = [] {
    const auto zeros = [](const Shape& shape) {
      return Tensor::zeros(shape, Dtype::f32, Tag::workspace);
    };
    const Tensor x = zeros({6, 1}), d_x = zeros({6, 1}), d_y = zeros({2, 1});
    for (float& value : d_y.span<float>()) value = 1;
    x.data<float>()[1] = x.data<float>()[2] = 1;  // clip 2: all the same
    ops::temporal_max_pool_backward({3, 3, 1}, x, d_y, d_x);
    const float want[] = {0, 1, 0, 1, 0, 0};
    for (int i = 0; i < 6; ++i) {
      if (d_x.data<float>()[i] != want[i]) {
        throw std::runtime_error("a maximum's gradient does not go to its first winner");
      }
    }
    const auto refused = [&](const char* what, const ops::TemporalMaxPool& pool) {
      expect_refused("temporal_max_pool_forward", what,
                     [&] { ops::temporal_max_pool_forward(pool, x, d_y); });
    };
    refused("windows longer than a clip", {3, 4, 1});
    refused("stride 0", {3, 3, 0});
    refused("windows of nothing", {3, 0, 1});
    refused("clips that are not whole", {4, 3, 1});
    refused("clips of no frames", {0, 3, 1});
    const Tensor image = zeros({6, 1, 1, 2}), to = zeros({6, 1, 1, 6});
    const auto refused_taps = [&](const char* what, const ops::Taps& taps) {
      expect_refused("temporal_gather", what,
                     [&] { ops::temporal_gather(taps, ops::operand(image), to); });
    };
    refused_taps("taps that have no middle", {3, 2});
    refused_taps("no taps", {3, -1});
    refused_taps("clips that are not whole", {4, 3});
    refused_taps("clips of no frames", {0, 3});
  };
  cases.push_back(std::move(of));
}

}  // namespace

void temporal_cases(Cases& cases) {
  for (const int taps : {1, 3, 5}) add_gather(cases, {6, 3, 2, 7}, 3, taps);
  add_gather(cases, {4, 2, 2, 5}, 1, 3, {.input = {.relu = true}});
  add_gather(cases, {2, 5, 3, 16}, 2, 7, {.shortcut = true});
  add_gather(cases, {15, 4, 3, 130}, 5, 3,
             {.input = {.a1 = true, .b1 = true, .relu = true, .stored = true},
              .shortcut = true,
              .reduce0 = Reduce::centered});
  add_gather(cases, {8, 6, 5, 18}, 4, 3,
             {.input = {.a1 = true, .b1 = true, .x2 = true, .a2 = true, .b2 = true, .relu = true},
              .reduce0 = Reduce::centered,
              .reduce1 = Reduce::against});
  add_gather(cases, {10, 20, 20, 3}, 10, 3,
             {.input = {.x2 = true, .a2 = true}, .shortcut = true, .reduce0 = Reduce::plain});
  add_gather(cases, {7, 2, 3, 16}, 7, 3, {.input = {.stored = true}});
  add_gather(cases, {20, 28, 28, 128}, 5, 3,
             {.input = {.a1 = true, .b1 = true, .relu = true},
              .reduce0 = Reduce::centered,
              .bench = true});
  add_max_pool(cases, {11, 3}, {11, 5, 2});
  add_max_pool(cases, {22, 2, 3, 7}, {11, 5, 2});
  add_max_pool(cases, {10, 4, 5, 130}, {5, 5, 1});
  add_max_pool(cases, {12, 2500}, {4, 2, 1});
  add_max_pool(cases, {21, 1, 1, 1}, {7, 2, 3});
  add_max_pool(cases, {3, 40}, {1, 1, 1});
  add_max_pool(cases, {44, 7, 7, 2048}, {11, 5, 2}, true);
  add_extra(cases);
}

}  // namespace rn::test
