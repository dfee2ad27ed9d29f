// The metric that a C^k network learns, pulled back from the output to every layer,
// G_l = J_l' G_{l+1} J_l, and the layers as group elements that act on it. What is kept going
// through the layers is a factor A_l with G_l = A_l'A_l, A_l = A_{l+1} J_l: eigenvalues are squared
// singular values of A_l, exact to twice the range that products of G would leave.
#pragma once

#include <cstdint>
#include <vector>

#include "study/ck_map.h"

namespace rn::study {

// A metric at many points of each boundary. Row-major; [B, N, ...].
struct MetricField {
  std::int64_t boundaries = 0, points = 0, n = 0;
  std::vector<double> metric;           // [B, N, n, n]
  std::vector<double> eigenvalues;      // [B, N, n], largest first
  std::vector<double> eigenvectors;     // [B, N, n, n], in rows; sign: ops/lapack.h
  std::vector<double> log_determinant;  // [B, N]; -inf: singular
  std::vector<double> condition;        // [B, N], largest by smallest eigenvalue; inf: singular
  std::vector<std::int64_t> rank;       // [B, N]: eigenvalues above floor times the largest
  bool empty() const { return n == 0; }
};

struct CkMetric {
  // Of the coordinates x(l), with the differences of the state held (for k <= 1 all there is; at
  // boundary 0 that of points at rest, x(-1) = x(0)); and of the whole state, for k >= 2.
  MetricField coordinates, states;
  // Of the input, where coordinates have more numbers than points (else coordinates' boundary 0).
  MetricField input;
  // Of the coordinates with respect to the input's, dx(l)/dx(0): how often its determinant's sign
  // changes with l, for each point. Empty where width and input differ.
  std::vector<std::int64_t> sign_changes;
  std::vector<std::int64_t> negative;  // [B]: points at which it is negative
};

// Each layer's Jacobian J (of the state), as it acts on the fibre of metrics, G -> J'GJ.
struct CkActions {
  std::int64_t layers = 0, points = 0, s = 0;
  std::vector<double> rotation;         // [L, N, s, s]: J = rotation stretch, the polar factors
  std::vector<double> stretch;          // [L, N, s, s], symmetric, positive semidefinite
  std::vector<double> log_determinant;  // [L, N], of |det J|; -inf: singular
  std::vector<std::int64_t> sign;       // [L, N] of det J: -1, 0, 1
  // [N]: the product of all J (from vector-Jacobian products) against the derivative of the whole
  // (from Jacobian-vector products): largest difference over the largest element.
  std::vector<double> composition_error;
};

// points [N, c]. `floor`: of singular values of the factor, relative to the largest: what is not
// above counts as zero (rank, determinant, condition).
struct CkGeometry {
  std::vector<std::vector<double>> states;  // [B][N, s]
  CkMetric metric;                          // if wanted
  CkActions actions;                        // likewise
};
struct CkWanted {
  bool metric = true, actions = true;
  double floor = 1e-12;
};
CkGeometry ck_geometry(const CkMap& map, const std::vector<double>& points, const CkWanted& wanted);

}  // namespace rn::study
