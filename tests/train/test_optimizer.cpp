// Groups of parameters, clipping, slots.
#include <cmath>

#include "base/rng.h"
#include "models/catalog.h"
#include "ops/reduce.h"
#include "support/files.h"
#include "train/optimizer.h"

using namespace rn;
using namespace rn::train;

namespace {

struct Fixture {
  Fixture() : network(models::make_arch("preresnet8-cifar", {.base_width = 4}), Dtype::f64) {
    network.initialize(1);
    network.store().require_gradients();
    Rng rng(2, RngPurpose::test);
    for (const auto& p : network.store().parameters()) {
      for (double& g : p->gradient.span<double>()) g = rng.normal();
    }
  }
  nn::Parameter& of(const std::string& name) {
    for (const auto& p : network.store().parameters()) {
      if (p->name == name) return *p;
    }
    FAIL("no parameter " << name);
    throw 0;
  }
  double norm() {
    double squares = 0;
    for (const auto& p : network.store().parameters()) squares += ops::sum_squares(p->gradient);
    return std::sqrt(squares);
  }
  models::Network network;
};

// What a step does to the first number of a parameter, its gradient being zero.
double decayed(const OptimizerOptions& options, const std::string& name) {
  Fixture f;
  f.network.store().zero_gradients();
  nn::Parameter& p = f.of(name);
  p.value.data<double>()[0] = 2;
  Optimizer optimizer(options, f.network.store());
  REQUIRE(optimizer.step(0.1, 1).empty());
  return p.value.data<double>()[0] / 2;
}

}  // namespace

TEST_CASE("norms and biases have decays of their own", "[train]") {
  const OptimizerOptions o{
      .momentum = 0, .weight_decay = 0.5, .norm_decay = 0.25, .bias_decay = 0.0};
  CHECK(decayed(o, "stem.conv.weight") == Approx(0.95));
  CHECK(decayed(o, "head.bn.weight") == Approx(0.975));
  CHECK(decayed(o, "head.bn.bias") == Approx(0.975));
  CHECK(decayed(o, "head.linear.bias") == 1);
  const OptimizerOptions w{.momentum = 0, .weight_decay = 0.5, .decay = Decay::weights};
  CHECK(decayed(w, "head.bn.weight") == 1);
  CHECK(decayed(w, "head.linear.weight") == Approx(0.95));
  // AdamW's decay does not go through the moments; Adam's is all the gradient there is.
  CHECK(decayed({.kind = OptimizerKind::adamw, .weight_decay = 0.5}, "stem.conv.weight") ==
        Approx(0.95));
  CHECK(decayed({.kind = OptimizerKind::adam, .weight_decay = 0.5}, "stem.conv.weight") ==
        Approx(1 - 0.05));  // a step of the rate, whatever the decay is: 2 - 0.1
}

TEST_CASE("norms, biases and the head have rates of their own", "[train]") {
  const auto moved = [](const std::string& name) {
    Fixture f;
    for (const auto& p : f.network.store().parameters()) {
      for (double& g : p->gradient.span<double>()) g = 1;
    }
    nn::Parameter& p = f.of(name);
    const double before = p.value.data<double>()[0];
    Optimizer optimizer(
        {.momentum = 0, .weight_decay = 0, .norm_lr = 0.5, .bias_lr = 2, .head_lr = 10},
        f.network.store());
    REQUIRE(optimizer.step(0.1, 1).empty());
    return before - p.value.data<double>()[0];
  };
  CHECK(moved("stem.conv.weight") == Approx(0.1));
  CHECK(moved("stage1.block1.bn1.bias") == Approx(0.05));
  CHECK(moved("head.linear.weight") == Approx(1));
  CHECK(moved("head.linear.bias") == Approx(2));
}

TEST_CASE("gradients are clipped all together, or number by number", "[train]") {
  Fixture f;
  const double before = f.norm();
  const double first = f.of("stem.conv.weight").gradient.data<double>()[0];
  SECTION("a norm that is long enough") {
    Optimizer optimizer({.clip_norm = 0.5}, f.network.store());
    optimizer.step(0.1, 1);
    CHECK(f.norm() == Approx(0.5).epsilon(1e-6));
    CHECK(f.of("stem.conv.weight").gradient.data<double>()[0] ==
          Approx(first * 0.5 / (before + 1e-6)));
  }
  SECTION("a norm that is short stays as it is") {
    Optimizer optimizer({.clip_norm = 2 * before}, f.network.store());
    optimizer.step(0.1, 1);
    CHECK(f.norm() == before);
  }
  SECTION("values") {
    Optimizer optimizer({.clip_value = 0.25}, f.network.store());
    optimizer.step(0.1, 1);
    double most = 0;
    for (const auto& p : f.network.store().parameters()) {
      for (const double g : p->gradient.span<double>()) most = std::max(most, std::abs(g));
    }
    CHECK(most == 0.25);
  }
  SECTION("not both") {
    test::error_of(ErrorKind::usage, [&] {
      Optimizer optimizer({.clip_norm = 1, .clip_value = 1}, f.network.store());
    });
  }
}

TEST_CASE("gradients that are not finite are not clipped into finite ones", "[train]") {
  for (const bool by_norm : {true, false}) {
    Fixture f;
    f.of("stem.conv.weight").gradient.data<double>()[1] = std::nan("");
    Optimizer optimizer({.clip_norm = by_norm ? 1.0 : 0, .clip_value = by_norm ? 0 : 1.0},
                        f.network.store());
    CHECK(optimizer.step(0.1, 1) == "stem.conv.weight");
  }
}

TEST_CASE("slots are handed over", "[train]") {
  Fixture a, b;
  const OptimizerOptions adam{.kind = OptimizerKind::adamw};
  Optimizer first(adam, a.network.store());
  first.step(0.1, 1);
  const auto slots = first.slots();
  REQUIRE(slots.size() == 2);
  for (const auto& p : a.network.store().parameters()) b.of(p->name).value.copy_from(p->value);
  Optimizer second(adam, b.network.store());
  second.load(slots);
  first.step(0.1, 2);
  second.step(0.1, 2);
  for (const auto& p : a.network.store().parameters()) {
    const auto x = p->value.span<double>(), y = b.of(p->name).value.span<double>();
    CHECK(std::equal(x.begin(), x.end(), y.begin()));
  }
  Optimizer sgd(OptimizerOptions{}, b.network.store());
  CHECK(test::contains(test::error_of(ErrorKind::input, [&] { sgd.load(slots); }), "momentum"));
  for (const char* bad : {"", "rmsprop", "Adam"}) {
    test::error_of(ErrorKind::usage, [&] { parse_optimizer(bad); });
  }
}
