// Dropout: the reference draws its mask in its own words.
#include <cmath>

#include "ops/case.h"
#include "ops/dropout.h"

namespace rn::test {
namespace {

void add(Cases& cases, const Shape& shape, const ops::Dropout& attr) {
  Case of;
  of.op = "dropout";
  of.name = fmt::format("{}x{}-p{}-row{}", shape[0], shape[1], attr.p, attr.first_row);
  Step step;
  step.op = "dropout";
  step.specs = {{"x", shape, Role::inout}};
  step.specs[0].any_first = step.specs[0].any_last = true;
  step.run = [attr](Tensors& t, Stream& stream) { ops::dropout(attr, t("x"), stream); };
  step.reference = [attr, shape](Values& v) {
    Array& x = v["x"];
    for (std::int64_t n = 0; n < shape[0]; ++n) {
      Rng rng(attr.seed, RngPurpose::dropout, static_cast<std::uint64_t>(attr.step),
              static_cast<std::uint64_t>(n + attr.first_row));
      for (std::int64_t c = 0; c < shape[1]; ++c) {
        const bool kept = rng.uniform() >= attr.p;
        x[n * shape[1] + c] *= kept ? 1 / (1 - attr.p) : 0;
      }
    }
  };
  of.steps = {step};
  cases.push_back(std::move(of));
}

// A share p is left out, the mean stays, and parts of a batch have the masks of the whole.
void add_properties(Cases& cases) {
  Case of;
  of.op = "dropout";
  of.name = "properties";
  of.extra = [] {
    const auto ones = [](std::int64_t rows) {
      const Tensor x({rows, 500}, Dtype::f32, Tag::workspace);
      for (float& v : x.span<float>()) v = 1;
      return x;
    };
    const Tensor whole = ones(100);
    ops::dropout({.p = 0.3, .seed = 5, .step = 7}, whole);
    double zeros = 0, sum = 0;
    for (const float v : whole.span<float>()) {
      zeros += v == 0;
      sum += v;
    }
    if (std::abs(zeros / 50000 - 0.3) > 0.01 || std::abs(sum / 50000 - 1) > 0.02) {
      throw std::runtime_error(fmt::format("{} of 50000 left out, sum {}", zeros, sum));
    }
    const Tensor part = ones(40);
    ops::dropout({.p = 0.3, .seed = 5, .step = 7, .first_row = 60}, part);
    for (std::int64_t i = 0; i < part.size(); ++i) {
      if (part.data<float>()[i] != whole.data<float>()[60 * 500 + i]) {
        throw std::runtime_error("a part of the batch has another mask");
      }
    }
    for (const double p : {-0.1, 1.0}) {
      expect_refused("dropout", "p", [&] { ops::dropout({.p = p}, part); });
    }
  };
  cases.push_back(std::move(of));
}

}  // namespace

void dropout_cases(Cases& cases) {
  add(cases, {37, 64}, {.p = 0.5, .seed = 3, .step = 11});
  add(cases, {5, 1}, {.p = 0.9, .first_row = 100});
  add(cases, {4, 130}, {.p = 0});
  add_properties(cases);
}

}  // namespace rn::test
