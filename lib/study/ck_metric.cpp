#include "study/ck_metric.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/parallel.h"
#include "ops/lapack.h"

namespace rn::study {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();
std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

std::span<const double> piece(const std::vector<double>& all, std::int64_t index,
                              std::int64_t size) {
  return std::span(all).subspan(at(index * size), at(size));
}

// Points in parts for the threads, in fixed parts.
template <class F>
void for_points(std::int64_t count, F&& body) {
  constexpr std::int64_t part = 64;
  parallel_for(static_cast<int>((count + part - 1) / part), [&](int task) {
    for (std::int64_t p = task * part; p < std::min(count, (task + 1) * part); ++p) body(p);
  });
}

void start(MetricField& field, std::int64_t boundaries, std::int64_t points, std::int64_t n) {
  field.boundaries = boundaries;
  field.points = points;
  field.n = n;
  const std::int64_t cells = boundaries * points;
  field.metric.assign(at(cells * n * n), 0);
  field.eigenvectors.assign(at(cells * n * n), 0);
  field.eigenvalues.assign(at(cells * n), 0);
  field.log_determinant.assign(at(cells), 0);
  field.condition.assign(at(cells), 0);
  field.rank.assign(at(cells), 0);
}

// The metric of factors [N, m, n] at a boundary.
void fill(MetricField& field, std::int64_t boundary, const std::vector<double>& factors,
          std::int64_t m, double floor) {
  const std::int64_t n = field.n;
  for_points(field.points, [&](std::int64_t p) {
    const std::int64_t cell = boundary * field.points + p;
    const auto a = piece(factors, p, m * n);
    double* g = field.metric.data() + cell * n * n;
    for (std::int64_t r = 0; r < m; ++r) {
      for (std::int64_t i = 0; i < n; ++i) {
        for (std::int64_t j = 0; j < n; ++j) g[i * n + j] += a[at(r * n + i)] * a[at(r * n + j)];
      }
    }
    std::vector<double> vectors;
    std::vector<double> values = ops::singular_values(a, m, n, &vectors, nullptr, true);
    values.resize(at(n), 0);  // m < n: the rest is zero
    const double most = values[0];
    std::int64_t rank = 0;
    double logarithms = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      if (values[at(i)] > floor * most) {
        ++rank;
        logarithms += 2 * std::log(values[at(i)]);
      }
      field.eigenvalues[at(cell * n + i)] = values[at(i)] * values[at(i)];
    }
    std::copy(vectors.begin(), vectors.end(), field.eigenvectors.begin() + cell * n * n);
    field.rank[at(cell)] = rank;
    field.log_determinant[at(cell)] = rank == n ? logarithms : -infinite;
    const double ratio = most / values[at(n - 1)];
    field.condition[at(cell)] = rank == n ? ratio * ratio : infinite;
  });
}

// Factors [N, m, s] of states as factors [N, m, columns] of what each vector of the state moves by.
std::vector<double> moved_together(const std::vector<double>& factors, std::int64_t s,
                                   std::int64_t d, std::int64_t columns) {
  const std::int64_t rows = static_cast<std::int64_t>(factors.size()) / s;
  std::vector<double> out(at(rows * columns), 0);
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t copy = 0; copy < s / d; ++copy) {
      for (std::int64_t j = 0; j < columns; ++j) {
        out[at(row * columns + j)] += factors[at(row * s + copy * d + j)];
      }
    }
  }
  return out;
}

// Sign of the determinant, by elimination with pivots; 0: singular.
int sign_of_determinant(std::vector<double> a, std::int64_t n) {
  int sign = 1;
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k + 1; i < n; ++i) {
      if (std::abs(a[at(i * n + k)]) > std::abs(a[at(pivot * n + k)])) pivot = i;
    }
    if (a[at(pivot * n + k)] == 0) return 0;
    if (pivot != k) {
      sign = -sign;
      std::swap_ranges(a.begin() + k * n, a.begin() + (k + 1) * n, a.begin() + pivot * n);
    }
    if (a[at(k * n + k)] < 0) sign = -sign;
    for (std::int64_t i = k + 1; i < n; ++i) {
      const double by = a[at(i * n + k)] / a[at(k * n + k)];
      for (std::int64_t j = k; j < n; ++j) a[at(i * n + j)] -= by * a[at(k * n + j)];
    }
  }
  return sign;
}

// d(state)/d(point at rest): [N, s, d], ones where a vector of the state is the coordinates.
std::vector<double> lifts(std::int64_t points, std::int64_t s, std::int64_t d) {
  std::vector<double> out(at(points * s * d), 0);
  for (std::int64_t p = 0; p < points; ++p) {
    for (std::int64_t i = 0; i < s; ++i) out[at((p * s + i) * d + i % d)] = 1;
  }
  return out;
}

// Along the layers: orientation, and the product of the Jacobians.
void forward(const CkMap& map, const std::vector<std::vector<double>>& jacobians,
             std::int64_t points, CkMetric& metric, std::vector<double>& product) {
  const std::int64_t s = map.state(), d = map.width();
  product = lifts(points, s, d);
  std::vector<int> before(at(points), 1);
  metric.sign_changes.assign(at(points), 0);
  metric.negative.assign(at(map.layers() + 1), 0);
  for (std::int64_t layer = 0; layer < map.layers(); ++layer) {
    product = products(jacobians[at(layer)], product, points, s, s, d);
    for (std::int64_t p = 0; p < points; ++p) {
      const auto all = piece(product, p, s * d);
      const int sign = sign_of_determinant({all.begin(), all.begin() + d * d}, d);
      if (sign < 0) ++metric.negative[at(layer + 1)];
      if (sign != 0 && sign != before[at(p)]) {
        ++metric.sign_changes[at(p)];
        before[at(p)] = sign;
      }
    }
  }
}

void act(const CkMap& map, const std::vector<std::vector<double>>& jacobians, std::int64_t points,
         double floor, CkActions& actions) {
  const std::int64_t s = map.state(), cells = map.layers() * points;
  actions.layers = map.layers();
  actions.points = points;
  actions.s = s;
  actions.rotation.assign(at(cells * s * s), 0);
  actions.stretch = actions.rotation;
  actions.log_determinant.assign(at(cells), 0);
  actions.sign.assign(at(cells), 0);
  for (std::int64_t layer = 0; layer < map.layers(); ++layer) {
    for_points(points, [&](std::int64_t p) {
      const auto j = piece(jacobians[at(layer)], p, s * s);
      std::vector<double> right, left;
      const std::vector<double> values = ops::singular_values(j, s, s, &right, &left, true);
      const std::int64_t cell = layer * points + p;
      double* rotation = actions.rotation.data() + cell * s * s;
      double* stretch = actions.stretch.data() + cell * s * s;
      double logarithms = 0;
      for (std::int64_t k = 0; k < s; ++k) {
        for (std::int64_t a = 0; a < s; ++a) {
          for (std::int64_t b = 0; b < s; ++b) {
            rotation[a * s + b] += left[at(k * s + a)] * right[at(k * s + b)];
            stretch[a * s + b] += values[at(k)] * right[at(k * s + a)] * right[at(k * s + b)];
          }
        }
        logarithms += std::log(values[at(k)]);
      }
      const bool singular = !(values.back() > floor * values.front());
      actions.log_determinant[at(cell)] = singular ? -infinite : logarithms;
      actions.sign[at(cell)] = singular ? 0 : sign_of_determinant({j.begin(), j.end()}, s);
    });
  }
}

// The derivative of the last state along each coordinate of points at rest, pushed through all
// layers, against the product.
void check_composition(const CkMap& map, const std::vector<std::vector<double>>& states,
                       const std::vector<double>& product, std::int64_t points,
                       CkActions& actions) {
  const std::int64_t s = map.state(), d = map.width();
  const std::vector<double> lift = lifts(points, s, d);
  std::vector<double> most(at(points), 0);
  actions.composition_error.assign(at(points), 0);
  for (std::int64_t column = 0; column < d; ++column) {
    std::vector<double> tangent(at(points * s));
    for (std::int64_t i = 0; i < points * s; ++i) tangent[at(i)] = lift[at(i * d + column)];
    for (std::int64_t layer = 0; layer < map.layers(); ++layer) {
      tangent = map.push(layer, states[at(layer)], tangent);
    }
    for (std::int64_t i = 0; i < points * s; ++i) {
      const double want = product[at(i * d + column)];
      double& error = actions.composition_error[at(i / s)];
      error = std::max(error, std::abs(tangent[at(i)] - want));
      most[at(i / s)] = std::max(most[at(i / s)], std::abs(want));
    }
  }
  for (std::int64_t p = 0; p < points; ++p) {
    if (most[at(p)] > 0) actions.composition_error[at(p)] /= most[at(p)];
  }
}

}  // namespace

CkGeometry ck_geometry(const CkMap& map, const std::vector<double>& points,
                       const CkWanted& wanted) {
  const std::int64_t s = map.state(), d = map.width(), c = map.input(), m = map.image(),
                     layers = map.layers(), n = static_cast<std::int64_t>(points.size()) / c;
  CkGeometry out;
  out.states = map.states(points);
  for (const auto& state : out.states) {
    for (const double x : state) {
      if (!std::isfinite(x)) {
        fail(ErrorKind::numeric, "the coordinates of layer {} are not finite",
             &state - out.states.data());
      }
    }
  }
  if (!wanted.metric && !wanted.actions) return out;
  std::vector<std::vector<double>> jacobians;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    jacobians.push_back(map.jacobians(layer, out.states[at(layer)]));
  }
  std::vector<double> product;
  CkMetric metric;
  forward(map, jacobians, n, metric, product);
  if (wanted.metric) {
    if (c != d) {
      metric.sign_changes.clear();
      metric.negative.clear();
    }
    start(metric.coordinates, layers + 1, n, d);
    if (s > d) start(metric.states, layers + 1, n, s);
    std::vector<double> factor = map.output_jacobians(out.states.back());
    for (std::int64_t boundary = layers; boundary >= 0; --boundary) {
      if (boundary < layers) factor = products(factor, jacobians[at(boundary)], n, m, s, s);
      fill(metric.coordinates, boundary, moved_together(factor, s, d, d), m, wanted.floor);
      if (s > d) fill(metric.states, boundary, factor, m, wanted.floor);
    }
    if (c != d) {
      start(metric.input, 1, n, c);
      fill(metric.input, 0, moved_together(factor, s, d, c), m, wanted.floor);
    }
    out.metric = std::move(metric);
  }
  if (wanted.actions) {
    act(map, jacobians, n, wanted.floor, out.actions);
    check_composition(map, out.states, product, n, out.actions);
  }
  return out;
}

}  // namespace rn::study
