// Experiments with C^k networks: the limit of many small layers, lines under the metric, and what
// the size of the batch does to the training.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "data/source.h"
#include "study/ck_metric.h"

namespace rn::study {

// The continuum limit. Between rows the step dl is halved: of one network with its weights held
// piecewise constant in depth, or of networks trained anew with twice the layers ("retrained":
// their differences are also those of two trainings).
struct ConvergeRow {
  std::int64_t layers = 0;
  double dl = 0;
  // Against the row before: largest difference of the coordinates and of the metric on them, over
  // points and the boundaries that both have; NaN in the first row.
  double coordinates = 0, metric = 0;
  // log2 of the difference before by this one; NaN in the first two rows.
  double coordinates_order = 0, metric_order = 0;
};
struct Converge {
  bool retrained = false;
  std::vector<ConvergeRow> rows;
};
// Errors (usage): order 0, whose layers have no step.
Converge converge(const models::Network& network, OutputMetric metric,
                  const std::vector<double>& points, int times, double floor);
// Networks with twice the layers each time, of the same order and of the same total depth.
Converge converge_retrained(const std::vector<const models::Network*>& networks,
                            const std::vector<std::string>& names, OutputMetric metric,
                            const std::vector<double>& points, double floor);

// From a to b under the metric at the input.
struct PathOptions {
  std::int64_t pieces = 64;
  std::int64_t iterations = 200;
  double tolerance = 1e-9;  // relative decrease of the energy at which relaxing ends
};
struct PathResult {
  std::vector<double> straight, shortest;  // [pieces + 1, c]
  // Lengths: the integral of sqrt(v'Gv) by the trapezoid rule, and that of the image, a polyline.
  double straight_metric = 0, straight_image = 0, shortest_metric = 0, shortest_image = 0;
  double chord = 0;  // between the images of the ends: no path is shorter
  std::int64_t iterations = 0;
  bool converged = false;
};
// Relaxes the energy sum v'Gv over the pieces, whose minimum has pieces of equal length on a
// geodesic, from the straight line on: the path found is a local minimum. Steps are Gauss and
// Newton's for the pieces' images, sum |phi(x_{i+1}) - phi(x_i)|^2, with damping; one is taken
// where it lowers the energy. Errors (usage): more than 1000 unknowns.
PathResult relax_path(const CkMap& map, const std::vector<double>& a, const std::vector<double>& b,
                      const PathOptions& options);

// Networks of one kind trained with batches of different sizes, from the same start, with as many
// steps; what becomes of the classes' connectedness.
struct BatchOptions {
  std::vector<std::int64_t> sizes;
  std::int64_t steps = 4000;
  double lr = 0.1, momentum = 0.9;  // cosine schedule
  std::uint64_t seed = 1;
};
struct BatchRow {
  std::int64_t batch = 0;
  double error = 0, loss = 0;  // of all points: percent, nats
  // Per boundary, over both (all) classes: pieces that a class's points fall into, where a gap is
  // `gap` times the median edge of its minimal spanning tree.
  std::vector<std::int64_t> pieces;
  double condition = 0;  // median over points of the metric's at the input
};
struct BatchSizes {
  BatchOptions options;
  std::vector<BatchRow> rows;
};
constexpr double piece_gap = 8;
// Points [N, c] normalised, labels [N]. `stop` polled: a reason ends it (then rows are missing).
BatchSizes train_batch_sizes(const models::NetworkSpec& spec, const std::vector<double>& points,
                             const std::vector<std::int32_t>& labels, OutputMetric metric,
                             const BatchOptions& options, double floor, Progress& progress,
                             const std::function<std::string()>& stop);

// Pieces of points [n, d] as above: one more than the edges of the minimal spanning tree (Prim's)
// that are longer than gap times the median one.
std::int64_t count_pieces(const std::vector<double>& points, std::int64_t d, double gap);

}  // namespace rn::study
