// Metrics of C^k networks against Jacobians by central differences, for every order and output
// metric; products through vector-Jacobian and Jacobian-vector products; polar factors.
#include <cmath>

#include "base/rng.h"
#include "models/ck.h"
#include "study/ck_studies.h"
#include "support/catch.h"

using namespace rn;
using namespace rn::study;

namespace {

models::Network network_of(int order, std::int64_t width = 2, std::int64_t channels = 2,
                           int layers = 6) {
  models::Network network(models::ck_spec({order, layers, 0.4}, channels, 3, width), Dtype::f64);
  network.initialize(5);
  std::uint64_t stream = 0;
  for (const auto& p : network.store().parameters()) {
    Rng rng(9, RngPurpose::test, ++stream);
    for (double& x : p->value.span<double>()) x = 0.9 * rng.normal();
  }
  return network;
}

std::vector<double> points_of(std::int64_t count, std::int64_t channels) {
  Rng rng(3, RngPurpose::test);
  std::vector<double> points;
  for (std::int64_t i = 0; i < count * channels; ++i) points.push_back(rng.normal());
  return points;
}

// Columns of the Jacobian of f at x by central differences: [m, n].
template <class F>
std::vector<double> numeric(F&& f, const std::vector<double>& x) {
  constexpr double step = 1e-5;
  std::vector<double> out;
  std::size_t m = 0;
  for (std::size_t j = 0; j < x.size(); ++j) {
    std::vector<double> up = x, down = x;
    up[j] += step;
    down[j] -= step;
    const std::vector<double> a = f(up), b = f(down);
    m = a.size();
    out.resize(m * x.size());
    for (std::size_t i = 0; i < m; ++i) out[i * x.size() + j] = (a[i] - b[i]) / (2 * step);
  }
  return out;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst;
}

double largest(const std::vector<double>& a) {
  return largest_difference(a, std::vector<double>(a.size(), 0));
}

std::vector<double> transposed_product(const std::vector<double>& j, std::size_t n) {
  const std::size_t m = j.size() / n;
  std::vector<double> g(n * n, 0);
  for (std::size_t r = 0; r < m; ++r) {
    for (std::size_t a = 0; a < n; ++a) {
      for (std::size_t b = 0; b < n; ++b) g[a * n + b] += j[r * n + a] * j[r * n + b];
    }
  }
  return g;
}

// From a state at a boundary to the output map.
std::vector<double> rest_of(const models::Network& network, const CkMap& map, std::int64_t boundary,
                            const std::vector<double>& state) {
  TensorPool pool;
  models::Saved saved;
  Tensor value({1, 1, 1, map.state()}, Dtype::f64, Tag::activation);
  std::copy(state.begin(), state.end(), value.data<double>());
  const Tensor last = network.forward(value, boundary, map.layers(), {.pool = pool}, saved).clone();
  return map.output({last.data<double>(), last.data<double>() + map.state()});
}

}  // namespace

TEST_CASE("metrics at every layer equal central differences, for every order") {
  for (int order = 0; order <= 3; ++order) {
    for (const OutputMetric metric :
         {OutputMetric::euclidean, OutputMetric::logits, OutputMetric::fisher}) {
      INFO("order " << order << ", " << to_string(metric));
      const models::Network network = network_of(order);
      const CkMap map(network, metric);
      const std::int64_t n = 4, s = map.state();
      const CkGeometry g = ck_geometry(map, points_of(n, 2), {true, true, 1e-12});
      for (std::int64_t boundary = 0; boundary <= map.layers(); ++boundary) {
        for (std::int64_t p = 0; p < n; ++p) {
          const auto& all = g.states[static_cast<std::size_t>(boundary)];
          const std::vector<double> state(all.begin() + p * s, all.begin() + (p + 1) * s);
          const auto rest = [&](const std::vector<double>& x) {
            return rest_of(network, map, boundary, x);
          };
          const std::vector<double> j = numeric(rest, state);
          const std::vector<double> whole = transposed_product(j, static_cast<std::size_t>(s));
          const auto cell = static_cast<std::ptrdiff_t>(boundary * n + p);
          if (order >= 2) {
            const auto& field = g.metric.states.metric;
            CHECK(largest_difference(
                      {field.begin() + cell * s * s, field.begin() + (cell + 1) * s * s}, whole) <
                  1e-6 * (1 + largest(whole)));
          }
          // Moving the coordinates with the differences held.
          const auto together = [&](const std::vector<double>& by) {
            std::vector<double> x = state;
            for (std::size_t i = 0; i < x.size(); ++i) x[i] += by[i % 2];
            return rest(x);
          };
          const std::vector<double> own = transposed_product(numeric(together, {0, 0}), 2);
          const MetricField& field = g.metric.coordinates;
          const std::vector<double> found(field.metric.begin() + cell * 4,
                                          field.metric.begin() + (cell + 1) * 4);
          CHECK(largest_difference(found, own) < 1e-6 * (1 + largest(own)));
          // Symmetric, positive semidefinite, and its decomposition is itself.
          CHECK(found[1] == found[2]);
          const double *values = field.eigenvalues.data() + cell * 2,
                       *vectors = field.eigenvectors.data() + cell * 4;
          CHECK(values[1] >= 0);
          CHECK(values[0] >= values[1]);
          for (int a = 0; a < 2; ++a) {
            for (int b = 0; b < 2; ++b) {
              const double sum =
                  values[0] * vectors[a] * vectors[b] + values[1] * vectors[2 + a] * vectors[2 + b];
              CHECK(sum == Approx(found[static_cast<std::size_t>(2 * a + b)]).margin(1e-12));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("J'J by Jacobian-vector products is J'J by vector-Jacobian products") {
  for (int order = 0; order <= 3; ++order) {
    const models::Network network = network_of(order);
    const CkMap map(network, OutputMetric::euclidean);
    const std::int64_t n = 3, s = map.state();
    const auto states = map.states(points_of(n, 2));
    for (std::int64_t layer = 0; layer < map.layers(); ++layer) {
      const auto& at = states[static_cast<std::size_t>(layer)];
      const std::vector<double> back = map.jacobians(layer, at);
      std::vector<double> forward(back.size());
      for (std::int64_t k = 0; k < s; ++k) {
        std::vector<double> unit(static_cast<std::size_t>(n * s), 0);
        for (std::int64_t p = 0; p < n; ++p) unit[static_cast<std::size_t>(p * s + k)] = 1;
        const std::vector<double> column = map.push(layer, at, unit);
        for (std::int64_t p = 0; p < n; ++p) {
          for (std::int64_t i = 0; i < s; ++i) {
            forward[static_cast<std::size_t>((p * s + i) * s + k)] =
                column[static_cast<std::size_t>(p * s + i)];
          }
        }
      }
      CHECK(largest_difference(back, forward) < 1e-14);
    }
  }
}

TEST_CASE("layers as actions: polar factors, determinants, composition") {
  for (int order = 0; order <= 3; ++order) {
    INFO("order " << order);
    const models::Network network = network_of(order);
    const CkMap map(network, OutputMetric::euclidean);
    const std::int64_t n = 5, s = map.state();
    const CkGeometry g = ck_geometry(map, points_of(n, 2), {false, true, 1e-12});
    CHECK(g.metric.coordinates.empty());
    const CkActions& a = g.actions;
    for (const double error : a.composition_error) CHECK(error < 1e-12);
    for (std::int64_t layer = 0; layer < map.layers(); ++layer) {
      const std::vector<double> jacobians =
          map.jacobians(layer, g.states[static_cast<std::size_t>(layer)]);
      const auto size = static_cast<std::ptrdiff_t>(n * s * s);
      const std::vector<double> rotation(a.rotation.begin() + layer * size,
                                         a.rotation.begin() + (layer + 1) * size),
          stretch(a.stretch.begin() + layer * size, a.stretch.begin() + (layer + 1) * size);
      CHECK(largest_difference(products(rotation, stretch, n, s, s, s), jacobians) < 1e-12);
      for (std::int64_t p = 0; p < n; ++p) {
        const std::vector<double> r(rotation.begin() + p * s * s,
                                    rotation.begin() + (p + 1) * s * s);
        std::vector<double> unit(static_cast<std::size_t>(s * s), 0);
        for (std::int64_t i = 0; i < s; ++i) unit[static_cast<std::size_t>(i * s + i)] = 1;
        CHECK(largest_difference(transposed_product(r, static_cast<std::size_t>(s)), unit) < 1e-12);
        const double determinant = a.log_determinant[static_cast<std::size_t>(layer * n + p)];
        // From order 2 on the newest vector is a shear of the others: volume is kept.
        if (order >= 2) CHECK(std::abs(determinant) < 1e-10);
        if (order == 1) {
          const double* j = jacobians.data() + p * 4;
          const double det = j[0] * j[3] - j[1] * j[2];
          CHECK(determinant == Approx(std::log(std::abs(det))));
          CHECK(a.sign[static_cast<std::size_t>(layer * n + p)] == (det > 0 ? 1 : -1));
        }
      }
    }
  }
}

TEST_CASE("orientation: sign changes of dx(l)/dx(0) by hand") {
  models::Network network = network_of(1, 2, 2, 3);
  for (const auto& p : network.store().parameters()) p->value.zero();
  // The middle layer mirrors x: its Jacobian at 0 is diag(1 + 0.4 w, 1).
  for (const auto& p : network.store().parameters()) {
    if (p->name == "stage1.block2.linear.weight") p->value.data<double>()[0] = -10;
  }
  const CkMap map(network, OutputMetric::euclidean);
  const CkGeometry g = ck_geometry(map, {0, 0, 50, 0}, {true, true, 1e-12});
  CHECK(g.metric.negative == std::vector<std::int64_t>{0, 0, 1, 1});
  CHECK(g.metric.sign_changes == std::vector<std::int64_t>{1, 0});
}

TEST_CASE("singular metrics say so") {
  models::Network network = network_of(0, 2, 2, 2);
  for (const auto& p : network.store().parameters()) {
    if (p->name == "stage1.block1.linear.weight") {
      p->value.zero();
      p->value.data<double>()[0] = 1;
    }
  }
  const CkMap map(network, OutputMetric::euclidean);
  const CkGeometry g = ck_geometry(map, {0.3, 0.1}, {true, true, 1e-12});
  const MetricField& field = g.metric.coordinates;
  CHECK(field.rank == std::vector<std::int64_t>{1, 2, 2});
  CHECK(std::isinf(field.condition[0]));
  CHECK(field.log_determinant[0] == -std::numeric_limits<double>::infinity());
  CHECK(g.actions.sign[0] == 0);
  // Fisher's metric of three classes over two coordinates has full rank; of one number, rank 1.
  const models::Network wide = network_of(1, 3, 1);
  const CkGeometry w =
      ck_geometry(CkMap(wide, OutputMetric::fisher), {0.5, -1}, {true, false, 1e-12});
  CHECK(w.metric.input.n == 1);
  CHECK(w.metric.input.rank == std::vector<std::int64_t>{1, 1});
  CHECK(w.metric.coordinates.rank[0] == 2);  // of 3 numbers, C - 1
  CHECK(w.metric.sign_changes.empty());
}

TEST_CASE("lengths of lines under the metric are lengths of their images") {
  for (int order = 0; order <= 3; ++order) {
    for (const OutputMetric metric : {OutputMetric::euclidean, OutputMetric::fisher}) {
      INFO("order " << order << ", " << to_string(metric));
      const models::Network network = network_of(order);
      const CkMap map(network, metric);
      double before = 0;
      for (const std::int64_t pieces : {32, 64, 128}) {
        const PathResult path =
            relax_path(map, {-1, 0.5}, {0.8, -0.3}, {.pieces = pieces, .iterations = 100});
        const double error = std::abs(path.straight_metric - path.straight_image);
        CHECK(error < 30.0 / static_cast<double>(pieces * pieces) * path.straight_image);
        if (before > 1e-9) CHECK(error < before / 2);  // second order
        before = error;
        CHECK(path.shortest_metric <= path.straight_metric);
        CHECK(path.shortest_image >= path.chord * (1 - 1e-12));
      }
    }
  }
}

TEST_CASE("where the map is a diffeomorphism the shortest path's image is a straight line") {
  models::Network network = network_of(1);
  for (const auto& p : network.store().parameters()) {
    for (double& x : p->value.span<double>()) x *= 0.5;
  }
  const PathResult path =
      relax_path(CkMap(network, OutputMetric::euclidean), {-1, 0.5}, {0.8, -0.3}, {.pieces = 40});
  CHECK(path.converged);
  CHECK(path.shortest_image == Approx(path.chord).epsilon(1e-4));
  CHECK(path.straight_image > path.chord * (1 + 1e-4));
}
