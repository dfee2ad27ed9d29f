// Whole networks in f64: gradients against finite differences for every kind of block and shortcut,
// with the batch's and with frozen statistics; gates, order, boundaries and single blocks against
// each other.
#include <cmath>

#include "base/rng.h"
#include "models/catalog.h"
#include "models/tiny_networks.h"
#include "ops/loss.h"
#include "support/catch.h"

using namespace rn;
using models::Network;
using namespace rn::test;

namespace {

void compare(double analytic, double numeric, const std::string& what) {
  INFO(what << ": " << analytic << " against " << numeric);
  CHECK(std::abs(analytic - numeric) <= 2e-6 * (1 + std::abs(numeric)));
}

double largest_difference(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  double worst = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(a.data<double>()[i] - b.data<double>()[i]));
  }
  return worst;
}

}  // namespace

TEST_CASE("gradients of whole networks equal finite differences") {
  for (const bool batch : {true, false}) {
    for (const Case& c : all_cases()) {
      INFO(c.name << (batch ? ", batch statistics" : ", frozen statistics"));
      Bench bench(c.spec, batch);
      // A gate other than 1 in both places must be in the gradient too.
      bench.network.block(1).gates.forward = {0.7, 1.3};
      bench.network.block(2).gates.forward = {1.2, 0.8};
      const Tensor d_images = bench.backward(true);
      for (std::int64_t i = 0; i < d_images.size(); i += 37) {
        compare(d_images.data<double>()[i], bench.slope(bench.images, i), "image");
      }
      for (const auto& p : bench.network.store().parameters()) {
        const std::int64_t stride = std::max<std::int64_t>(1, p->value.size() / 3);
        for (std::int64_t i = 0; i < p->value.size(); i += stride) {
          compare(p->gradient.data<double>()[i], bench.slope(p->value, i), p->name);
        }
      }
    }
  }
}

TEST_CASE("a deleted block still has the right gradient") {
  for (const Case& c : all_cases()) {
    for (const int deleted : {0, 1, 2}) {
      INFO(c.name << ", block " << deleted);
      Bench bench(c.spec, true);
      bench.network.block(deleted).gates.forward.branch = 0;
      const Tensor d_images = bench.backward(true);
      for (std::int64_t i = 0; i < d_images.size(); i += 91) {
        compare(d_images.data<double>()[i], bench.slope(bench.images, i), "image");
      }
    }
  }
}

TEST_CASE("without its shortcut a block still has the right gradient") {
  for (const Case& c : cases()) {
    INFO(c.name);
    Bench bench(c.spec, true);
    bench.network.block(1).gates.forward.shortcut = 0;
    const Tensor d_images = bench.backward(true);
    for (std::int64_t i = 0; i < d_images.size(); i += 91) {
      compare(d_images.data<double>()[i], bench.slope(bench.images, i), "image");
    }
  }
}

TEST_CASE("branch and shortcut products add up to the block's") {
  for (const Case& c : cases()) {
    Bench bench(c.spec, false);
    const nn::Pass pass = bench.pass(false);
    Tensor x = bench.network.enter(bench.images, pass, bench.saved).clone();
    for (int place = 0; place < 3; ++place) {
      INFO(c.name << ", block " << place);
      const Tensor y = bench.network.forward(x, place, place + 1, pass, bench.saved).clone();
      const Tensor v = random_tensor(y.shape(), 50 + static_cast<std::uint64_t>(place));
      const auto product = [&](double branch, double shortcut) {
        return bench.network.block_vjp(place, x, v, {branch, shortcut}, pass, bench.saved).clone();
      };
      const Tensor both = product(1, 1), branch = product(1, 0), shortcut = product(0, 1);
      Tensor sum = branch.clone();
      for (std::int64_t i = 0; i < sum.size(); ++i) {
        sum.data<double>()[i] += shortcut.data<double>()[i];
      }
      CHECK(largest_difference(both, sum) < 1e-12);
      CHECK(largest_difference(branch, Tensor::zeros(x.shape(), Dtype::f64, Tag::input)) > 1e-3);

      // Against a directional difference of the block itself.
      const Tensor u = random_tensor(x.shape(), 60);
      const double step = 1e-6;
      double numeric = 0, analytic = 0;
      for (const double sign : {1.0, -1.0}) {
        Tensor moved = x.clone();
        for (std::int64_t i = 0; i < x.size(); ++i) {
          moved.data<double>()[i] += sign * step * u.data<double>()[i];
        }
        const Tensor out = bench.network.forward(moved, place, place + 1, pass, bench.saved);
        for (std::int64_t i = 0; i < v.size(); ++i) {
          numeric += sign * out.data<double>()[i] * v.data<double>()[i] / (2 * step);
        }
      }
      for (std::int64_t i = 0; i < x.size(); ++i) {
        analytic += both.data<double>()[i] * u.data<double>()[i];
      }
      compare(analytic, numeric, "directional derivative");
      x = y;
    }
  }
}

TEST_CASE("batch norm folded into the convolutions gives the same logits") {
  for (const Case& c : all_cases()) {
    INFO(c.name);
    Bench bench(c.spec, false);
    Network single(c.spec, Dtype::f32);
    const auto copy = [](const auto& from, const auto& to) {
      for (std::size_t i = 0; i < from.size(); ++i) {
        to[i]->value.copy_from(from[i]->value.cast(Dtype::f32, Tag::input));
      }
    };
    copy(bench.network.store().parameters(), single.store().parameters());
    copy(bench.network.store().states(), single.store().states());
    bench.network.block(1).gates.forward = single.block(1).gates.forward = {0.7, 1.3};
    for (const double gate : {1.0, 0.0}) {
      bench.network.block(2).gates.forward.branch = single.block(2).gates.forward.branch = gate;
      models::Saved saved;
      TensorPool pool;
      const nn::Pass pass{pool};
      REQUIRE(pass.folds(Dtype::f32));
      const Tensor logits = single.forward(bench.images.cast(Dtype::f32, Tag::input), pass, saved);
      CHECK(largest_difference(
                logits.cast(Dtype::f64, Tag::input),
                bench.network.forward(bench.images, bench.pass(false), bench.saved)) < 2e-5);
    }
  }
}

TEST_CASE("a deleted plain layer hands its input on") {
  Bench bench(plain(true), false);
  const nn::Pass pass = bench.pass(false);
  const Tensor x = bench.network.enter(bench.images, pass, bench.saved).clone();
  bench.network.block(0).gates.forward.branch = 0;
  CHECK(largest_difference(bench.network.forward(x, 0, 1, pass, bench.saved), x) == 0);
  bench.network.block(1).gates.forward.branch = 0;
  const Tensor pooled = bench.network.forward(x, 1, 2, pass, bench.saved);
  CHECK(pooled.shape() == Shape({5, 3, 3, 4}));
  CHECK(pooled.data<double>()[0] == std::max({x.data<double>()[0], x.data<double>()[4],
                                              x.data<double>()[24], x.data<double>()[28]}));
}

TEST_CASE("a block under stochastic depth is scaled by its survival when it is evaluated") {
  for (const std::size_t kind : {0U, 4U}) {
    auto spec = cases()[kind].spec;
    Bench always(spec, false);
    spec.blocks[1].survival = 0.6;
    Bench sometimes(spec, false);
    always.network.block(1).gates.forward.branch = 0.6;
    const nn::Pass pass = always.pass(false);
    const Tensor scaled = always.network.forward(always.images, pass, always.saved).clone();
    CHECK(largest_difference(sometimes.network.forward(always.images, pass, sometimes.saved),
                             scaled) < 1e-12);
    // Training draws: what is there, is there as it is.
    nn::Pass sampled = pass;
    sampled.sampled_depth = true;
    always.network.block(1).gates.forward.branch = 1;
    const Tensor whole = always.network.forward(always.images, pass, always.saved).clone();
    CHECK(largest_difference(sometimes.network.forward(always.images, sampled, sometimes.saved),
                             whole) < 1e-12);
  }
}

TEST_CASE("a branch that some images have is right, and so is its gradient") {
  const Tensor rows({3}, Dtype::i32, Tag::input), every({5}, Dtype::i32, Tag::input);
  std::copy_n(std::initializer_list<std::int32_t>{0, 2, 3}.begin(), 3, rows.data<std::int32_t>());
  for (std::int32_t i = 0; i < 5; ++i) every.data<std::int32_t>()[i] = i;
  for (const Case& c : cases()) {
    INFO(c.name);
    Bench bench(c.spec, true);
    bench.sampled = true;
    const Tensor whole =
        bench.network.forward(bench.images, bench.pass(false), bench.saved).clone();
    bench.network.block(1).gates.rows = every;
    CHECK(largest_difference(bench.network.forward(bench.images, bench.pass(false), bench.saved),
                             whole) < 1e-12);
    bench.network.block(1).gates.rows = rows;
    bench.network.block(2).gates.rows = rows;
    CHECK(largest_difference(bench.network.forward(bench.images, bench.pass(false), bench.saved),
                             whole) > 1e-3);
    const Tensor d_images = bench.backward(true);
    for (std::int64_t i = 0; i < d_images.size(); i += 37) {
      compare(d_images.data<double>()[i], bench.slope(bench.images, i), "image");
    }
    for (const auto& p : bench.network.store().parameters()) {
      const std::int64_t stride = std::max<std::int64_t>(1, p->value.size() / 3);
      for (std::int64_t i = 0; i < p->value.size(); i += stride) {
        compare(p->gradient.data<double>()[i], bench.slope(p->value, i), p->name);
      }
    }
  }
}

TEST_CASE("a pass may be left and entered at every boundary") {
  for (const Case& c : all_cases()) {
    INFO(c.name);
    Bench bench(c.spec, false);
    const nn::Pass pass = bench.pass(false);
    const Tensor whole = bench.network.forward(bench.images, pass, bench.saved).clone();
    const std::vector<Shape> shapes = models::boundary_shapes(c.spec);
    REQUIRE(shapes.size() == 4);
    for (int cut = 0; cut <= 3; ++cut) {
      Tensor x = bench.network.enter(bench.images, pass, bench.saved).clone();
      x = bench.network.forward(x, 0, cut, pass, bench.saved).clone();
      const auto at = static_cast<std::size_t>(cut);
      CHECK(x.slice(0, 1).shape() == shapes[at]);
      x = bench.network.forward(x, cut, 3, pass, bench.saved).clone();
      CHECK(largest_difference(bench.network.leave(x, pass, bench.saved), whole) < 1e-12);
    }
  }
}

TEST_CASE("an order is checked, and identity changes nothing") {
  auto spec = models::make_arch("resnet20-cifar");
  Network network(spec, Dtype::f64);
  std::vector<std::int64_t> order{0, 1, 2, 3, 4, 5, 6, 7, 8};
  network.set_order(order);
  std::swap(order[0], order[2]);
  network.set_order(order);
  CHECK(network.order()[0] == 2);
  std::swap(order[3], order[4]);  // stage2.block1 halves the image
  CHECK_THROWS_AS(network.set_order(order), Error);
  CHECK_THROWS_AS(network.set_order({0, 0, 2, 3, 4, 5, 6, 7, 8}), Error);
  CHECK_THROWS_AS(network.set_order({0, 1}), Error);
  network.reset_gates();
  CHECK(network.order()[0] == 0);
  CHECK(network.block_index("stage2.block1") == 3);
  CHECK_THROWS_WITH(network.block_index("stage4.block1"), Catch::Contains("stage1.block1, "));
}

TEST_CASE("nothing is allocated in the steady state, and the last batch may be smaller") {
  Bench bench(cases()[0].spec, true);
  bench.backward(false);
  bench.backward(false);
  const std::int64_t before = Ledger::global().allocations();
  bench.network.store().zero_gradients();
  const Tensor logits = bench.network.forward(bench.images, bench.pass(true), bench.saved);
  bench.network.backward(bench.weights, bench.pass(true), bench.saved);
  bench.network.forward(bench.images.slice(0, 3), bench.pass(true), bench.saved);
  bench.network.backward(bench.weights.slice(0, 3), bench.pass(true), bench.saved);
  CHECK(Ledger::global().allocations() == before);
}

TEST_CASE("running statistics move only when a step is committed") {
  Bench bench(cases()[2].spec, true);
  const Tensor before = bench.network.store().states()[0]->value.clone();
  bench.backward(false);
  CHECK(largest_difference(bench.network.store().states()[0]->value, before) == 0);
  bench.network.commit(bench.saved);
  CHECK(largest_difference(bench.network.store().states()[0]->value, before) > 0);
}

TEST_CASE("the first layer that is not finite is named") {
  Bench bench(cases()[0].spec, true);
  for (const auto& p : bench.network.store().parameters()) {
    if (p->name == "stage2.block2.conv1.weight") p->value.data<double>()[0] = std::nan("");
  }
  bench.network.forward(bench.images, bench.pass(true), bench.saved);
  CHECK(bench.network.first_nonfinite(bench.saved) == "stage2.block2.conv1");
}
