// Reductions over whole tensors.
#include <cmath>
#include <limits>

#include "ops/case.h"
#include "ops/reduce.h"

namespace rn::test {
namespace {

void add(Cases& cases, const Shape& shape, double mean = 0, bool bench = false) {
  Case of;
  of.op = "reduce";
  of.bf16 = true;
  of.name = fmt::format("{}-mean{}", fmt::join(shape, "x"), mean);
  of.bench = bench;
  const auto step = [&]<class R>(const char* op, R (*call)(const Tensor&, Stream&),
                                 auto&& reference) {
    Step s;
    s.op = op;
    s.specs.push_back({"x", shape, Role::in, normal(mean), Dtype::bf16, 0, true, true, true});
    s.specs.push_back({"result",
                       {1},
                       Role::host,
                       normal(),
                       Dtype::f64,
                       std::sqrt(static_cast<double>(element_count(shape)))});
    s.run = [call](Tensors& t, Stream& stream) {
      t("result").data<double>()[0] = static_cast<double>(call(t("x"), stream));
    };
    s.reference = [reference](Values& v) { v["result"] = Array({1}, reference(v["x"])); };
    of.steps.push_back(s);
  };
  step("all_finite", ops::all_finite, [](const Array&) { return 1.0; });
  step("sum", ops::sum, [](const Array& x) {
    long double sum = 0;
    for (const double value : x.v) sum += value;
    return static_cast<double>(sum);
  });
  step("sum_squares", ops::sum_squares, [](const Array& x) {
    long double sum = 0;
    for (const double value : x.v) sum += static_cast<long double>(value) * value;
    return static_cast<double>(sum);
  });
  cases.push_back(std::move(of));
}

// One bad element is found wherever it stands.
void add_finite(Cases& cases) {
  Case of;
  of.op = "reduce";
  of.bf16 = true;
  of.name = "finds-nan-and-inf";
  of.extra = [] {
    const Tensor x = Tensor::zeros({200001}, Dtype::f32, Tag::workspace);
    constexpr float inf = std::numeric_limits<float>::infinity();
    for (const std::int64_t at : {0, 17, 65535, 65536, 131071, 200000}) {
      for (const float bad : {inf, -inf, std::nanf("")}) {
        x.data<float>()[at] = bad;
        if (ops::all_finite(x))
          throw std::runtime_error(fmt::format("{} at {} is missed", bad, at));
      }
      x.data<float>()[at] = std::numeric_limits<float>::max();
      if (!ops::all_finite(x)) throw std::runtime_error("the largest float is taken for Inf");
    }
  };
  cases.push_back(std::move(of));
}

}  // namespace

void reduce_cases(Cases& cases) {
  add(cases, {1});
  add(cases, {});
  add(cases, {15});
  add(cases, {3, 0, 5});
  add(cases, {7, 33, 5});
  add(cases, {65536});
  add(cases, {3, 65537}, 1e4);
  add_finite(cases);
  add(cases, {1 << 24}, 0, true);
}

}  // namespace rn::test
