// The continuum limit of a C^k network.
#include <cmath>
#include <limits>
#include <optional>

#include "models/ck.h"
#include "study/ck_studies.h"

namespace rn::study {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// The network with each layer cut into `times`, and the head's weights.
models::Network refine(const models::Network& network, int times) {
  models::Network fine(models::refined(network.spec(), times), Dtype::f64);
  const auto &from = network.store().parameters(), &to = fine.store().parameters();
  // Two tensors a layer, then two of the head.
  const std::size_t layers = network.spec().blocks.size();
  require(from.size() == 2 * layers + 2 &&
              to.size() == 2 * layers * static_cast<std::size_t>(times) + 2,
          "refine: {} parameters into {}", from.size(), to.size());
  for (std::size_t i = 0; i < to.size(); ++i) {
    const std::size_t layer = i / 2 / static_cast<std::size_t>(times);
    const bool head = i + 2 >= to.size();
    const std::size_t source = head ? 2 * layers + (i + 2 - to.size()) : 2 * layer + i % 2;
    to[i]->value.copy_from(from[source]->value);
  }
  return fine;
}

struct Level {
  std::int64_t layers = 0;
  double dl = 0;
  CkGeometry geometry;
};

Level measure(const models::Network& network, OutputMetric metric,
              const std::vector<double>& points, double floor) {
  const CkMap map(network, metric);
  return {map.layers(), map.dl(), ck_geometry(map, points, {true, false, floor})};
}

// Over the boundaries of the coarse level, which are every second one of the fine.
void compare(const Level& coarse, const Level& fine, std::int64_t s, std::int64_t d,
             ConvergeRow& row) {
  row.coordinates = row.metric = 0;
  const std::int64_t points = coarse.geometry.metric.coordinates.points;
  const MetricField &a = coarse.geometry.metric.coordinates, &b = fine.geometry.metric.coordinates;
  for (std::int64_t l = 0; l <= coarse.layers; ++l) {
    const auto &x = coarse.geometry.states[at(l)], &y = fine.geometry.states[at(2 * l)];
    for (std::int64_t p = 0; p < points; ++p) {
      for (std::int64_t i = 0; i < d; ++i) {
        row.coordinates = std::max(row.coordinates, std::abs(x[at(p * s + i)] - y[at(p * s + i)]));
      }
      for (std::int64_t i = 0; i < d * d; ++i) {
        const double g = a.metric[at((l * points + p) * d * d + i)];
        row.metric =
            std::max(row.metric, std::abs(g - b.metric[at((2 * l * points + p) * d * d + i)]));
      }
    }
  }
}

void add(Converge& out, const Level* before, const Level& level, std::int64_t s, std::int64_t d) {
  ConvergeRow row{level.layers, level.dl, unknown, unknown, unknown, unknown};
  if (before) compare(*before, level, s, d, row);
  if (out.rows.size() > 1) {
    row.coordinates_order = std::log2(out.rows.back().coordinates / row.coordinates);
    row.metric_order = std::log2(out.rows.back().metric / row.metric);
  }
  out.rows.push_back(row);
}

}  // namespace

Converge converge(const models::Network& network, OutputMetric metric,
                  const std::vector<double>& points, int times, double floor) {
  const models::CkOptions options = models::ck_options(network.spec());
  if (options.order == 0) {
    fail(ErrorKind::usage, "--converge: the layers of a C^0 network have no step to halve");
  }
  if (times < 1 || (static_cast<std::int64_t>(options.layers) << times) > 10000) {
    fail(ErrorKind::usage, "--converge {}: {} layers would become {}; at most 10000", times,
         options.layers, static_cast<std::int64_t>(options.layers) << times);
  }
  const std::int64_t s = network.spec().stem.out, d = network.spec().head.features;
  Converge out;
  Level before = measure(network, metric, points, floor);
  add(out, nullptr, before, s, d);
  for (int r = 1; r <= times; ++r) {
    Level level = measure(refine(network, 1 << r), metric, points, floor);
    add(out, &before, level, s, d);
    before = std::move(level);
  }
  return out;
}

Converge converge_retrained(const std::vector<const models::Network*>& networks,
                            const std::vector<std::string>& names, OutputMetric metric,
                            const std::vector<double>& points, double floor) {
  Converge out;
  out.retrained = true;
  std::optional<Level> before;
  for (std::size_t i = 0; i < networks.size(); ++i) {
    const models::NetworkSpec &spec = networks[i]->spec(), &first = networks[0]->spec();
    const models::CkOptions options = models::ck_options(spec);
    if (i > 0) {
      const models::CkOptions last = models::ck_options(networks[i - 1]->spec());
      if (options.order != last.order || options.layers != 2 * last.layers ||
          std::abs(options.dl * 2 - last.dl) > 1e-9 * last.dl ||
          spec.head.features != first.head.features || spec.channels != first.channels) {
        fail(ErrorKind::usage,
             "--retrained {}: order {}, {} layers of {}; expected order {}, {} layers of {}",
             names[i], options.order, options.layers, options.dl, last.order, 2 * last.layers,
             last.dl / 2);
      }
    }
    Level level = measure(*networks[i], metric, points, floor);
    add(out, before ? &*before : nullptr, level, spec.stem.out, spec.head.features);
    before = std::move(level);
  }
  return out;
}

}  // namespace rn::study
