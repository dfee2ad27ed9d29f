// The limit of many layers, batch sizes, pieces.
#include <cmath>

#include "base/rng.h"
#include "models/ck.h"
#include "study/ck_studies.h"
#include "support/catch.h"

using namespace rn;
using namespace rn::study;

namespace {

models::Network smooth(int order, int layers, double dl) {
  models::Network network(models::ck_spec({order, layers, dl}, 2, 2, 2), Dtype::f64);
  std::uint64_t stream = 0;
  for (const auto& p : network.store().parameters()) {
    Rng rng(21, RngPurpose::test, ++stream);
    for (double& x : p->value.span<double>()) x = 0.8 * rng.normal();
  }
  return network;
}

}  // namespace

TEST_CASE("halving the step of the same weights: first order for C^1") {
  const std::vector<double> points{0.3, -0.7, 1.1, 0.4, -0.9, -0.2};
  for (int order = 1; order <= 3; ++order) {
    INFO("order " << order);
    const Converge c = converge(smooth(order, 4, 0.25), OutputMetric::euclidean, points, 6, 1e-12);
    REQUIRE(c.rows.size() == 7);
    CHECK(c.rows[6].layers == 256);
    CHECK(c.rows[6].dl == Approx(0.25 / 64));
    CHECK(std::isnan(c.rows[0].metric));
    CHECK(std::isnan(c.rows[1].metric_order));
    CHECK(c.rows[6].coordinates < c.rows[1].coordinates / 8);
    if (order == 1) {
      CHECK(c.rows[6].coordinates_order == Approx(1).margin(0.05));
      CHECK(c.rows[6].metric_order == Approx(1).margin(0.05));
    }
  }
  CHECK_THROWS_AS(converge(smooth(0, 4, 1), OutputMetric::euclidean, points, 2, 1e-12), Error);
  CHECK_THROWS_AS(converge(smooth(1, 4, 1), OutputMetric::euclidean, points, 20, 1e-12), Error);
}

TEST_CASE("the limit of one layer is the solution of its equation") {
  // x' = x w, linear: exp(w t).
  models::Network network(models::ck_spec({1, 1, 1, ops::Curve::linear}, 2, 2, 2), Dtype::f64);
  for (const auto& p : network.store().parameters()) p->value.zero();
  for (const auto& p : network.store().parameters()) {
    if (p->name == "stage1.block1.linear.weight") p->value.data<double>()[0] = 0.5;
  }
  const models::NetworkSpec fine = models::refined(network.spec(), 1024);
  models::Network many(fine, Dtype::f64);
  for (std::size_t i = 0; i + 2 < many.store().parameters().size(); ++i) {
    many.store().parameters()[i]->value.copy_from(network.store().parameters()[i % 2]->value);
  }
  const CkGeometry g =
      ck_geometry(CkMap(many, OutputMetric::euclidean), {2, 1}, {true, false, 1e-12});
  CHECK(g.states.back()[0] == Approx(2 * std::exp(0.5)).epsilon(1e-3));
  CHECK(g.states.back()[1] == 1);
  CHECK(g.metric.coordinates.eigenvalues[0] == Approx(std::exp(1.0)).epsilon(1e-3));
}

TEST_CASE("retrained networks must be twice as deep each time") {
  const models::Network a = smooth(1, 2, 0.5), b = smooth(1, 4, 0.25), c = smooth(1, 4, 0.5);
  const std::vector<double> points{0.3, -0.7};
  const Converge found =
      converge_retrained({&a, &b}, {"a", "b"}, OutputMetric::euclidean, points, 1e-12);
  CHECK(found.retrained);
  CHECK(found.rows.size() == 2);
  CHECK(found.rows[1].coordinates > 0);
  CHECK_THROWS_AS(converge_retrained({&a, &c}, {"a", "c"}, OutputMetric::euclidean, points, 1e-12),
                  Error);
}

TEST_CASE("pieces: gaps of a minimal spanning tree") {
  std::vector<double> line;
  for (int i = 0; i < 20; ++i) line.insert(line.end(), {0.1 * i, 0});
  CHECK(count_pieces(line, 2, 8) == 1);
  for (int i = 0; i < 20; ++i) line.insert(line.end(), {10 + 0.1 * i, 0});
  CHECK(count_pieces(line, 2, 8) == 2);
  CHECK(count_pieces({1, 2}, 2, 8) == 1);
  CHECK(count_pieces({}, 2, 8) == 0);
}

TEST_CASE("batch sizes: networks trained from the same start") {
  std::vector<double> points;
  std::vector<std::int32_t> labels;
  Rng rng(4, RngPurpose::test);
  for (int i = 0; i < 60; ++i) {
    labels.push_back(i % 2);
    points.push_back((i % 2 ? 1 : -1) + 0.2 * rng.normal());
    points.push_back(0.2 * rng.normal());
  }
  NoProgress quiet;
  const models::NetworkSpec spec = models::ck_spec({1, 3, 0.5}, 2, 2, 2);
  const BatchOptions options{.sizes = {10, 60}, .steps = 100, .lr = 0.2};
  const BatchSizes found =
      train_batch_sizes(spec, points, labels, OutputMetric::euclidean, options, 1e-12, quiet, {});
  REQUIRE(found.rows.size() == 2);
  for (const BatchRow& row : found.rows) {
    CHECK(row.error == 0);
    CHECK(row.loss < 0.2);
    CHECK(row.pieces.size() == 4);
    CHECK(row.condition >= 1);
  }
  CHECK(found.rows[0].loss != found.rows[1].loss);
  const BatchSizes again =
      train_batch_sizes(spec, points, labels, OutputMetric::euclidean, options, 1e-12, quiet, {});
  CHECK(again.rows[0].loss == found.rows[0].loss);
  CHECK_THROWS_AS(train_batch_sizes(spec, points, labels, OutputMetric::euclidean, {.sizes = {61}},
                                    1e-12, quiet, {}),
                  Error);
}
