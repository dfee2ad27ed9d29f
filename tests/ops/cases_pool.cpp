// Pooling: windows, global average, the parameter-free shortcut.
#include "ops/bind.h"
#include "ops/pool.h"

namespace rn::test {
namespace {

double dot(const Array& a, const Array& b) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// The image within a frame of zeros, and back.
Array framed(const Array& x, int pad) {
  Array y({x.dim(0), x.dim(1) + 2 * pad, x.dim(2) + 2 * pad, x.dim(3)});
  for (std::int64_t n = 0; n < x.dim(0); ++n) {
    for (std::int64_t h = 0; h < x.dim(1); ++h) {
      for (std::int64_t w = 0; w < x.dim(2); ++w) {
        for (std::int64_t c = 0; c < x.dim(3); ++c) {
          y.at(n, h + pad, w + pad, c) = x.at(n, h, w, c);
        }
      }
    }
  }
  return y;
}

Array unframed(const Array& y, int pad) {
  Array x({y.dim(0), y.dim(1) - 2 * pad, y.dim(2) - 2 * pad, y.dim(3)});
  for (std::int64_t n = 0; n < x.dim(0); ++n) {
    for (std::int64_t h = 0; h < x.dim(1); ++h) {
      for (std::int64_t w = 0; w < x.dim(2); ++w) {
        for (std::int64_t c = 0; c < x.dim(3); ++c) {
          x.at(n, h, w, c) = y.at(n, h + pad, w + pad, c);
        }
      }
    }
  }
  return x;
}

double projection(const Values& v) { return dot(v.at("output"), v.at("d_output")); }

Array d_input_of(const Values& v) { return v.at("d_input"); }

void add_pool(Cases& cases, const Shape& x, const ops::Pool2d& pool, bool bench = false) {
  const bool max = pool.kind == ops::PoolKind::max;
  const int k = pool.kernel, s = pool.stride, p = pool.pad;
  const int frame = pool.zeros ? p : 0;  // the reference pads for itself then
  const Window2d window{k, k, s, s, p - frame, p - frame};
  const Shape y{x[0], (x[1] + 2 * p - k) / s + 1, (x[2] + 2 * p - k) / s + 1, x[3]};
  Case of;
  of.op = "pool";
  of.bf16 = true;
  of.name = fmt::format("{}-{}-k{}-s{}-p{}{}", max ? "max" : "average", fmt::join(x, "x"), k, s, p,
                        pool.zeros ? "-zeros" : "");
  of.bench = bench;
  Step forward, backward;
  forward.op = "pool_forward";
  forward.specs = {{"input", x}, {"output", y, Role::out}};
  forward.run = [=](Tensors& t, Stream& stream) {
    ops::pool_forward(pool, t("input"), t("output"), stream);
  };
  forward.reference = [=](Values& v) {
    v["output"] = test::pool(framed(v["input"], frame), window, max);
  };
  backward.op = "pool_backward";
  backward.specs = {{"input", x}, {"d_output", y}, {"d_input", x, Role::out}};
  backward.run = [=](Tensors& t, Stream& stream) {
    ops::pool_backward(pool, t("input"), t("d_output"), t("d_input"), stream);
  };
  backward.reference = [=](Values& v) {
    v["d_input"] =
        unframed(pool_d_input(v["d_output"], framed(v["input"], frame), window, max), frame);
  };
  of.steps = {forward, backward};
  of.loss = projection;
  if (!bench) of.derivatives = {{"input", d_input_of}};
  cases.push_back(std::move(of));
}

void add_global(Cases& cases, const Shape& x, const OperandOptions& o, Reduce reduce0,
                Reduce reduce1, bool bench = false) {
  const Shape y{x[0], x[3]};
  Case of;
  of.op = "pool";
  of.bf16 = true;
  of.name = fmt::format("global-{}{}-reduce{}-and{}", fmt::join(x, "x"), to_string(o),
                        static_cast<int>(reduce0), static_cast<int>(reduce1));
  of.bench = bench;
  Step forward, backward;
  forward.op = "global_average_pool_forward";
  add_operand(forward.specs, o, x, Role::out);
  forward.specs.push_back({"output", y, Role::out, normal(), Dtype::f32});
  forward.run = [o](Tensors& t, Stream& stream) {
    ops::global_average_pool_forward(operand_of(t, o.relu), t("output"), stream);
  };
  forward.reference = [o](Values& v) {
    const Array value = activate(before_activation(v), o.relu);
    v["output"] = global_average(value);
    if (o.stored) v["stored"] = value;
  };
  backward.op = "global_average_pool_backward";
  add_operand(backward.specs, o, x, Role::in);
  backward.specs.push_back({"d_output", y, Role::in, normal(), Dtype::f32});
  backward.specs.push_back({"d_input", x, Role::out});
  add_reductions(backward.specs, reduce0, reduce1, x);
  backward.run = [o](Tensors& t, Stream& stream) {
    ops::global_average_pool_backward(t("d_output"), operand_of(t, o.relu), t("d_input"),
                                      reductions_of(t), stream);
  };
  backward.reference = [o](Values& v) {
    const Array *stored = find(v, "stored"),
                d = global_average_d_input(v["d_output"], v["x1"].shape);
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
  of.loss = projection;
  if (!bench) of.derivatives = operand_derivatives(o);
  cases.push_back(std::move(of));
}

void add_shortcut(Cases& cases, const Shape& x, std::int64_t channels,
                  const ops::PadShortcut& shortcut, bool bench = false) {
  const int s = shortcut.stride;
  const Shape y{x[0], (x[1] + s - 1) / s, (x[2] + s - 1) / s, channels};
  Case of;
  of.op = "pool";
  of.bf16 = true;
  of.name = fmt::format("shortcut-{}-{}-s{}-front{}{}", fmt::join(x, "x"), channels, s,
                        shortcut.front, shortcut.average ? "-average" : "");
  of.bench = bench;
  // One channel more still fits where there is room.
  const bool room = shortcut.front + x[3] < channels;
  Step forward, backward;
  forward.op = "pad_shortcut_forward";
  forward.specs = {{"input", x, Role::in, normal(), Dtype::bf16, 0, true, false, room},
                   {"output", y, Role::out, normal(), Dtype::bf16, 0, true, false, true}};
  forward.run = [=](Tensors& t, Stream& stream) {
    ops::pad_shortcut_forward(shortcut, t("input"), t("output"), stream);
  };
  forward.reference = [=](Values& v) {
    v["output"] = pad_shortcut(v["input"], s, shortcut.average, shortcut.front, channels);
  };
  backward.op = "pad_shortcut_backward";
  backward.specs = {{"d_output", y, Role::in, normal(), Dtype::bf16, 0, true, false, true},
                    {"d_input", x, Role::out, normal(), Dtype::bf16, 0, true, false, room}};
  backward.run = [=](Tensors& t, Stream& stream) {
    ops::pad_shortcut_backward(shortcut, t("d_output"), t("d_input"), stream);
  };
  backward.reference = [=](Values& v) {
    v["d_input"] = pad_shortcut_d_input(v["d_output"], v["d_input"].shape, s, shortcut.average,
                                        shortcut.front);
  };
  of.steps = {forward, backward};
  of.loss = projection;
  if (!bench) of.derivatives = {{"input", d_input_of}};
  cases.push_back(std::move(of));
}

// Equal values: the first in row order takes the gradient. Attributes out of range are refused.
void add_extra(Cases& cases) {
  Case of;
  of.op = "pool";
  of.bf16 = true;
  of.name = "ties-and-attributes";
  of.extra = [] {
    const Tensor x = Tensor::zeros({1, 3, 3, 2}, Dtype::f32, Tag::workspace);
    const Tensor d_x = Tensor::zeros({1, 3, 3, 2}, Dtype::f32, Tag::workspace);
    const Tensor y = Tensor::zeros({1, 1, 1, 2}, Dtype::f32, Tag::workspace);
    x.data<float>()[2 * 2] = x.data<float>()[5 * 2] = 1;  // channel 0: pixels 2 and 5
    for (float& value : y.span<float>()) value = 1;
    ops::pool_backward({ops::PoolKind::max, 3, 3, 0}, x, y, d_x);
    for (int i = 0; i < 18; ++i) {
      if (d_x.data<float>()[i] != (i == 2 * 2 || i == 1 ? 1.f : 0.f)) {
        throw std::runtime_error("a maximum's gradient does not go to its first winner");
      }
    }
    const Tensor zero = Tensor::zeros({1, 3, 3, 2}, Dtype::f32, Tag::workspace);
    const Tensor d_y = Tensor::zeros({1, 2, 2, 2}, Dtype::f32, Tag::workspace);
    for (float& value : d_y.span<float>()) value = 1;
    ops::pool_backward({ops::PoolKind::max, 3, 2, 1, true}, zero, d_y, d_x);
    for (const float value : d_x.span<float>()) {
      if (value != 0) throw std::runtime_error("padding with zeros does not win a tie");
    }
    const auto refused = [&](const char* what, const ops::Pool2d& pool) {
      expect_refused("pool_forward", what, [&] { ops::pool_forward(pool, x, y); });
    };
    refused("kernel 0", {ops::PoolKind::max, 0, 1, 0});
    refused("stride 0", {ops::PoolKind::max, 3, 0, 0});
    refused("padding as wide as the kernel", {ops::PoolKind::average, 3, 3, 3});
    refused("a kernel larger than the image", {ops::PoolKind::average, 4, 1, 0});
    const auto refused_pad = [&](const char* what, const ops::PadShortcut& shortcut) {
      expect_refused("pad_shortcut_forward", what,
                     [&] { ops::pad_shortcut_forward(shortcut, x, y); });
    };
    refused_pad("stride 0", {0, false, 0});
    refused_pad("negative front", {3, false, -1});
    refused_pad("averages that do not divide the image", {2, true, 0});
  };
  cases.push_back(std::move(of));
}

}  // namespace

void pool_cases(Cases& cases) {
  using ops::PoolKind;
  for (const PoolKind kind : {PoolKind::max, PoolKind::average}) {
    add_pool(cases, {3, 8, 8, 16}, {kind, 2, 2, 0});
    add_pool(cases, {2, 9, 7, 7}, {kind, 3, 2, 1});
    add_pool(cases, {1, 5, 6, 1}, {kind, 3, 1, 1});
    add_pool(cases, {17, 4, 4, 3}, {kind, 1, 1, 0});
    add_pool(cases, {2, 7, 7, 130}, {kind, 7, 1, 0});
    add_pool(cases, {2, 6, 5, 4}, {kind, 2, 3, 1});
    add_pool(cases, {2, 9, 7, 7}, {kind, 3, 2, 1, true});
    add_pool(cases, {3, 6, 6, 16}, {kind, 3, 2, 2, true});
    add_pool(cases, {128, 32, 32, 64}, {kind, 3, 2, 1}, true);
  }
  add_global(cases, {3, 8, 8, 64}, {}, Reduce::none, Reduce::none);
  add_global(cases, {1, 1, 1, 1}, {}, Reduce::plain, Reduce::none);
  add_global(cases, {18, 7, 5, 7}, {.relu = true}, Reduce::against, Reduce::none);
  add_global(cases, {5, 8, 8, 16}, {.a1 = true, .b1 = true, .relu = true, .stored = true},
             Reduce::centered, Reduce::none);
  add_global(cases, {5, 8, 8, 130},
             {.a1 = true, .b1 = true, .x2 = true, .a2 = true, .b2 = true, .relu = true},
             Reduce::centered, Reduce::against);
  add_global(cases, {2, 40, 40, 16}, {.b1 = true, .x2 = true}, Reduce::plain, Reduce::centered);
  add_global(cases, {3, 4, 4, 32}, {.stored = true}, Reduce::none, Reduce::none);
  add_global(cases, {128, 8, 8, 64}, {.a1 = true, .b1 = true, .x2 = true, .relu = true},
             Reduce::centered, Reduce::none, true);
  add_shortcut(cases, {3, 8, 8, 16}, 32, {2, false, 0});
  add_shortcut(cases, {3, 8, 8, 16}, 32, {2, false, 8});
  add_shortcut(cases, {3, 8, 6, 16}, 32, {2, true, 8});
  add_shortcut(cases, {2, 7, 5, 3}, 7, {2, false, 4});
  add_shortcut(cases, {2, 9, 6, 3}, 3, {3, true, 0});
  add_shortcut(cases, {17, 4, 4, 7}, 9, {1, false, 1});
  add_shortcut(cases, {128, 32, 32, 16}, 32, {2, false, 8}, true);
  add_extra(cases);
}

}  // namespace rn::test
