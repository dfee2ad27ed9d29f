// C^k networks: parameters and input against finite differences, deletion, refinement, refusals;
// and Jacobian-vector products of every kind of block, against vector-Jacobian products and central
// differences.
#include <cmath>

#include "models/catalog.h"
#include "models/tiny_networks.h"
#include "support/catch.h"

using namespace rn;
using models::Network;
using namespace rn::test;

namespace {

models::NetworkSpec ck(int order, int width, ops::Curve curve = ops::Curve::tanh) {
  return models::ck_spec({order, 4, 0.5, curve}, 2, 3, width);
}

double dot(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  double sum = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) sum += a.data<double>()[i] * b.data<double>()[i];
  return sum;
}

}  // namespace

TEST_CASE("gradients of C^k networks equal finite differences") {
  for (int order = 0; order <= 3; ++order) {
    for (const int width : {2, 3}) {
      INFO("order " << order << ", width " << width);
      Bench bench(ck(order, width, order == 2 ? ops::Curve::sigmoid : ops::Curve::tanh), true);
      bench.network.block(1).gates.forward = {0.7, order > 0 ? 1.3 : 1};
      const Tensor d_images = bench.backward(true);
      for (std::int64_t i = 0; i < d_images.size(); ++i) {
        const double numeric = bench.slope(bench.images, i);
        CHECK(std::abs(d_images.data<double>()[i] - numeric) <= 2e-6 * (1 + std::abs(numeric)));
      }
      for (const auto& p : bench.network.store().parameters()) {
        for (std::int64_t i = 0; i < p->value.size(); ++i) {
          const double numeric = bench.slope(p->value, i);
          INFO(p->name << " " << i);
          CHECK(std::abs(p->gradient.data<double>()[i] - numeric) <=
                2e-6 * (1 + std::abs(numeric)));
        }
      }
    }
  }
}

TEST_CASE("a C^k layer is its finite difference") {
  for (int order = 0; order <= 3; ++order) {
    INFO("order " << order);
    Bench bench(ck(order, 2), false);
    const std::int64_t s = bench.network.spec().stem.out;
    Tensor value = bench.network.enter(bench.images, bench.pass(false), bench.saved).clone();
    for (std::int64_t layer = 0; layer < 4; ++layer) {
      const Tensor next =
          bench.network.forward(value, layer, layer + 1, bench.pass(false), bench.saved).clone();
      const auto& parameters = bench.network.store().parameters();
      const double* w = parameters[static_cast<std::size_t>(2 * layer)]->value.data<double>();
      const double* b = parameters[static_cast<std::size_t>(2 * layer + 1)]->value.data<double>();
      for (std::int64_t n = 0; n < 5; ++n) {
        const double *x = value.data<double>() + n * s, *y = next.data<double>() + n * s;
        for (int i = 0; i < 2; ++i) {
          const double f = std::tanh(w[2 * i] * x[0] + w[2 * i + 1] * x[1] + b[i]);
          // The k-th difference of x(l+1), x(l), ..., x(l+1-k), by repeated subtraction.
          std::vector<double> values{y[i]};
          for (int k = 0; k < order; ++k) values.push_back(x[2 * k + i]);
          while (values.size() > 1) {
            for (std::size_t k = 0; k + 1 < values.size(); ++k) values[k] -= values[k + 1];
            values.pop_back();
          }
          CHECK(values[0] == Approx(f * std::pow(0.5, order)).epsilon(1e-10));
        }
      }
      value = next;
    }
  }
}

TEST_CASE("a deleted C^0 layer hands its input on; of others the past stays") {
  for (int order = 0; order <= 2; ++order) {
    Bench bench(ck(order, 2), false);
    bench.network.block(1).gates.forward.branch = 0;
    const Tensor value = bench.network.enter(bench.images, bench.pass(false), bench.saved).clone();
    const Tensor next = bench.network.forward(value, 1, 2, bench.pass(false), bench.saved);
    for (std::int64_t n = 0; n < 5; ++n) {
      const std::int64_t s = bench.network.spec().stem.out;
      // At rest before, a second difference of zero keeps it there.
      CHECK(next.data<double>()[n * s] == Approx(value.data<double>()[n * s]));
    }
  }
}

TEST_CASE("tables of C^k networks are checked") {
  const models::NetworkSpec good = ck(2, 3);
  const auto refused = [&](auto change) {
    models::NetworkSpec bad = good;
    change(bad);
    CHECK_THROWS_AS(models::check(bad), Error);
  };
  models::check(good);
  refused([](auto& s) { s.blocks[1].ck_order = 1; });
  refused([](auto& s) { s.blocks[1].dl = 0; });
  refused([](auto& s) { s.blocks[1].ck_order = 4; });
  refused([](auto& s) { s.blocks[1].survival = 0.5; });
  refused([](auto& s) { s.head.features = 0; });
  refused([](auto& s) { s.stem.lift = false; });
  refused([](auto& s) { s.channels = 4; });
  refused([](auto& s) { s.height = 2; });
  CHECK_THROWS_AS(models::make_arch("ck", {.height = 32, .width = 32}), Error);
  CHECK_THROWS_AS(models::make_arch("resnet20-cifar", {.ck = {.order = 2}}), Error);
  CHECK_THROWS_AS(models::ck_spec({}, 3, 2, 2), Error);
  const models::NetworkSpec fine = models::refined(good, 4);
  CHECK(fine.blocks.size() == 16);
  CHECK(fine.blocks[0].dl == 0.125);
}

TEST_CASE("Jacobian-vector products are the adjoints of vector-Jacobian products") {
  std::vector<Case> list = all_cases();
  for (int order = 0; order <= 3; ++order)
    list.push_back({"C^" + std::to_string(order), ck(order, 2)});
  for (const Case& c : list) {
    for (const nn::Gate gate : {nn::Gate{1, 1}, nn::Gate{0.5, 0}, nn::Gate{0, 2}}) {
      Bench bench(c.spec, false);
      bench.network.block(1).gates.forward = {0.7, 1.3};
      Tensor value = bench.network.enter(bench.images, bench.pass(false), bench.saved).clone();
      for (std::int64_t place = 0; place < bench.network.block_count(); ++place) {
        INFO(c.name << ", block " << place << ", gate " << gate.branch << " " << gate.shortcut);
        const Tensor next =
            bench.network.forward(value, place, place + 1, bench.pass(false), bench.saved).clone();
        if (bench.network.block(place).spec().pool > 1) {
          value = next;
          continue;
        }
        const Tensor u = random_tensor(value.shape(), 11), v = random_tensor(next.shape(), 12);
        const Tensor ju =
            bench.network.block_jvp(place, value, u, gate, bench.pass(false), bench.saved).clone();
        const Tensor jv =
            bench.network.block_vjp(place, value, v, gate, bench.pass(false), bench.saved).clone();
        CHECK(dot(ju, v) == Approx(dot(u, jv)).epsilon(1e-10).margin(1e-10));
        if (gate.branch == 1) {
          const auto moved = [&](double by) {
            const Tensor x = value.clone();
            for (std::int64_t i = 0; i < x.size(); ++i)
              x.data<double>()[i] += by * u.data<double>()[i];
            return bench.network.forward(x, place, place + 1, bench.pass(false), bench.saved)
                .clone();
          };
          const Tensor up = moved(1e-6), down = moved(-1e-6);
          for (std::int64_t i = 0; i < ju.size(); i += 3) {
            const double numeric = (up.data<double>()[i] - down.data<double>()[i]) / 2e-6;
            CHECK(std::abs(ju.data<double>()[i] - numeric) <= 1e-6 * (1 + std::abs(numeric)));
          }
        }
        value = next;
      }
    }
  }
}
