// Lines under the metric of the input, and shortest ones.
#include <cmath>

#include "ops/lapack.h"
#include "study/ck_studies.h"

namespace rn::study {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

struct Lengths {
  double metric = 0, image = 0;
};

// sqrt(v'Gv) = |A v| at the two ends of each piece, v its difference.
Lengths lengths_of(const CkMap& map, const std::vector<double>& line) {
  const std::int64_t c = map.input(), m = map.image(),
                     n = static_cast<std::int64_t>(line.size()) / c;
  std::vector<double> values, jacobians;
  map.values_and_jacobians(line, values, jacobians);
  Lengths out;
  for (std::int64_t i = 0; i + 1 < n; ++i) {
    double squares = 0;
    for (std::int64_t k = 0; k < m; ++k) {
      const double step = values[at((i + 1) * m + k)] - values[at(i * m + k)];
      squares += step * step;
    }
    out.image += std::sqrt(squares);
    for (const std::int64_t end : {i, i + 1}) {
      double speed = 0;
      for (std::int64_t k = 0; k < m; ++k) {
        double moved = 0;
        for (std::int64_t j = 0; j < c; ++j) {
          moved += jacobians[at((end * m + k) * c + j)] *
                   (line[at((i + 1) * c + j)] - line[at(i * c + j)]);
        }
        speed += moved * moved;
      }
      out.metric += std::sqrt(speed) / 2;
    }
  }
  return out;
}

// Sum over the pieces of v'Gv, G the mean of the metrics at the two ends. Not of the image's
// pieces: where the map folds, these let a path jump between points with one image.
double energy_of(const std::vector<double>& line, const std::vector<double>& jacobians,
                 std::int64_t c, std::int64_t m) {
  const std::int64_t n = static_cast<std::int64_t>(line.size()) / c;
  double sum = 0;
  for (std::int64_t i = 0; i + 1 < n; ++i) {
    for (const std::int64_t end : {i, i + 1}) {
      for (std::int64_t k = 0; k < m; ++k) {
        double moved = 0;
        for (std::int64_t j = 0; j < c; ++j) {
          moved += jacobians[at((end * m + k) * c + j)] *
                   (line[at((i + 1) * c + j)] - line[at(i * c + j)]);
        }
        sum += moved * moved / 2;
      }
    }
  }
  return sum;
}

// Points on the straight line with equal lengths between them, where its length is that of the
// image of four times as many pieces: of all parametrisations that of least energy.
std::vector<double> evenly(const CkMap& map, const std::vector<double>& a,
                           const std::vector<double>& b, std::int64_t pieces) {
  const std::int64_t c = map.input(), m = map.image(), fine = 4 * pieces;
  std::vector<double> line, passed{0}, out;
  for (std::int64_t i = 0; i <= fine; ++i) {
    const double t = static_cast<double>(i) / static_cast<double>(fine);
    for (std::int64_t j = 0; j < c; ++j) line.push_back((1 - t) * a[at(j)] + t * b[at(j)]);
  }
  const std::vector<double> values = map.values(line);
  for (std::int64_t i = 0; i < fine; ++i) {
    double squares = 0;
    for (std::int64_t k = 0; k < m; ++k) {
      const double step = values[at((i + 1) * m + k)] - values[at(i * m + k)];
      squares += step * step;
    }
    passed.push_back(passed.back() + std::sqrt(squares));
  }
  std::int64_t piece = 0;
  for (std::int64_t i = 0; i <= pieces; ++i) {
    const double wanted = passed.back() * static_cast<double>(i) / static_cast<double>(pieces);
    while (piece + 1 < fine && passed[at(piece + 1)] < wanted) ++piece;
    const double length = passed[at(piece + 1)] - passed[at(piece)];
    const double within = length > 0 ? (wanted - passed[at(piece)]) / length : 0;
    const double t = (static_cast<double>(piece) + within) / static_cast<double>(fine);
    for (std::int64_t j = 0; j < c; ++j) {
      out.push_back(i == pieces ? b[at(j)] : (1 - t) * a[at(j)] + t * b[at(j)]);
    }
  }
  return out;
}

}  // namespace

PathResult relax_path(const CkMap& map, const std::vector<double>& a, const std::vector<double>& b,
                      const PathOptions& options) {
  const std::int64_t c = map.input(), m = map.image(), pieces = options.pieces,
                     unknowns = (pieces - 1) * c;
  require(static_cast<std::int64_t>(a.size()) == c && static_cast<std::int64_t>(b.size()) == c &&
              pieces >= 2,
          "relax_path: ends of {} and {} numbers, {} pieces", a.size(), b.size(), pieces);
  if (unknowns > 1000) {
    fail(ErrorKind::usage, "--path: {} pieces of {} numbers are more than 1000 unknowns", pieces,
         c);
  }
  PathResult out;
  for (std::int64_t i = 0; i <= pieces; ++i) {
    const double t = static_cast<double>(i) / static_cast<double>(pieces);
    for (std::int64_t j = 0; j < c; ++j) {
      out.straight.push_back((1 - t) * a[at(j)] + t * b[at(j)]);
    }
  }
  const Lengths straight = lengths_of(map, out.straight);
  out.straight_metric = straight.metric;
  out.straight_image = straight.image;

  std::vector<double> line = evenly(map, a, b, pieces), values, jacobians;
  map.values_and_jacobians(line, values, jacobians);
  double chord = 0;
  for (std::int64_t k = 0; k < m; ++k) {
    const double step = values[at(pieces * m + k)] - values[at(k)];
    chord += step * step;
  }
  out.chord = std::sqrt(chord);
  double energy = energy_of(line, jacobians, c, m), damping = 1e-3;
  while (out.iterations < options.iterations && !out.converged) {
    ++out.iterations;
    // Half the gradient and Gauss-Newton's matrix: blocks on the diagonal 2 J_i'J_i, beside it
    // -J_i'J_{i+1}.
    std::vector<double> matrix(at(unknowns * unknowns), 0), right(at(unknowns), 0);
    double trace = 0;
    for (std::int64_t i = 1; i < pieces; ++i) {
      for (std::int64_t j = 0; j < c; ++j) {
        const std::int64_t row = (i - 1) * c + j;
        for (std::int64_t k = 0; k < m; ++k) {
          const double own = jacobians[at((i * m + k) * c + j)];
          right[at(row)] -= own * (2 * values[at(i * m + k)] - values[at((i - 1) * m + k)] -
                                   values[at((i + 1) * m + k)]);
          for (std::int64_t l = 0; l < c; ++l) {
            matrix[at(row * unknowns + (i - 1) * c + l)] +=
                2 * own * jacobians[at((i * m + k) * c + l)];
            if (i + 1 < pieces) {
              matrix[at(row * unknowns + i * c + l)] -=
                  own * jacobians[at(((i + 1) * m + k) * c + l)];
            }
          }
        }
        trace += matrix[at(row * unknowns + row)];
      }
    }
    bool better = false;
    while (!better && damping < 1e12) {
      std::vector<double> damped = matrix, step = right;
      const double by = damping * trace / static_cast<double>(unknowns);
      for (std::int64_t i = 0; i < unknowns; ++i) damped[at(i * unknowns + i)] += by + 1e-300;
      if (!ops::solve_positive(std::move(damped), unknowns, step)) {
        damping = std::max(damping, 1e-12) * 10;
        continue;
      }
      std::vector<double> tried = line, tried_values, tried_jacobians;
      for (std::int64_t i = 0; i < unknowns; ++i) tried[at(c + i)] += step[at(i)];
      map.values_and_jacobians(tried, tried_values, tried_jacobians);
      const double found = energy_of(tried, tried_jacobians, c, m);
      better = found < energy;
      if (!better) {
        damping *= 10;
        continue;
      }
      out.converged = energy - found <= options.tolerance * energy;
      energy = found;
      line = std::move(tried);
      values = std::move(tried_values);
      jacobians = std::move(tried_jacobians);
      damping = std::max(damping / 10, 1e-12);
    }
    // No step of this kind makes it smaller.
    if (!better) out.converged = true;
  }
  Lengths shortest = lengths_of(map, line);
  if (shortest.metric > out.straight_metric) {  // by the error of the sum: none shorter was found
    line = out.straight;
    shortest = straight;
  }
  out.shortest = std::move(line);
  out.shortest_metric = shortest.metric;
  out.shortest_image = shortest.image;
  return out;
}

}  // namespace rn::study
