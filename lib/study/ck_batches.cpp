// What the size of the batch does to the training of a C^k network.
#include <algorithm>
#include <cmath>
#include <limits>

#include "data/batcher.h"
#include "ops/loss.h"
#include "study/ck_studies.h"
#include "train/schedule.h"
#include "train/step.h"

namespace rn::study {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// Batches as the trainer's: an order drawn for each epoch.
void train(models::Network& network, const std::vector<double>& points,
           const std::vector<std::int32_t>& labels, std::int64_t size, const BatchOptions& options,
           Progress& progress, const std::function<std::string()>& stop) {
  const std::int64_t c = network.spec().channels, n = static_cast<std::int64_t>(labels.size());
  network.initialize(options.seed);
  network.store().require_gradients();
  train::Optimizer sgd({.momentum = options.momentum, .weight_decay = 0}, network.store());
  train::Stepper stepper(network, sgd);
  train::ScheduleOptions schedule;
  schedule.lr = options.lr;
  const std::int64_t per_epoch = (n + size - 1) / size;
  const train::Schedule rate(schedule, options.steps, per_epoch);
  std::vector<std::int64_t> all(at(n)), order;
  for (std::int64_t i = 0; i < n; ++i) all[at(i)] = i;
  data::Batch batch;
  for (std::int64_t step = 0; step < options.steps; ++step) {
    if (step % 64 == 0 && stop && !stop().empty()) return;
    const std::int64_t within = step % per_epoch;
    if (within == 0) order = data::epoch_order(all, options.seed, step / per_epoch);
    const std::int64_t begin = within * size, count = std::min(size, n - begin);
    batch.images.ensure({count, 1, 1, c}, network.dtype(), Tag::input);
    batch.labels.ensure({count}, Dtype::i32, Tag::input);
    auto* images = batch.images.data<double>();
    auto* classes = batch.labels.data<std::int32_t>();
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t from = order[at(begin + i)];
      std::copy_n(points.begin() + from * c, c, images + i * c);
      classes[i] = labels[at(from)];
    }
    const train::StepResult result = stepper.run(batch, rate.lr(step));
    if (!result.diverged.empty()) {
      fail(ErrorKind::numeric, "--batch-sizes {}: step {}: {} is not finite", size, step,
           result.diverged);
    }
    progress.advance(step + 1);
  }
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void judge(const CkMap& map, const CkGeometry& geometry, const std::vector<std::int32_t>& labels,
           std::int64_t classes, BatchRow& row) {
  const auto n = static_cast<std::int64_t>(labels.size());
  const std::vector<double> logits = map.logits(geometry.states.back());
  std::int64_t errors = 0;
  for (std::int64_t p = 0; p < n; ++p) {
    const double* z = logits.data() + p * classes;
    const auto best = std::max_element(z, z + classes);
    errors += best - z != labels[at(p)];
    double sum = 0;
    for (std::int64_t k = 0; k < classes; ++k) sum += std::exp(z[k] - *best);
    row.loss += (std::log(sum) - (z[labels[at(p)]] - *best)) / static_cast<double>(n);
  }
  row.error = 100.0 * static_cast<double>(errors) / static_cast<double>(n);
  const std::int64_t s = map.state(), d = map.width();
  for (const auto& states : geometry.states) {
    std::int64_t pieces = 0;
    for (std::int64_t k = 0; k < classes; ++k) {
      std::vector<double> of_class;
      for (std::int64_t p = 0; p < n; ++p) {
        if (labels[at(p)] != k) continue;
        of_class.insert(of_class.end(), states.begin() + p * s, states.begin() + p * s + d);
      }
      pieces += count_pieces(of_class, d, piece_gap);
    }
    row.pieces.push_back(pieces);
  }
  const auto& condition = geometry.metric.coordinates.condition;
  row.condition = median({condition.begin(), condition.begin() + n});
}

}  // namespace

std::int64_t count_pieces(const std::vector<double>& points, std::int64_t d, double gap) {
  const std::int64_t n = static_cast<std::int64_t>(points.size()) / d;
  if (n < 2) return n;
  std::vector<double> nearest(at(n), std::numeric_limits<double>::infinity()), edges;
  std::vector<bool> in(at(n), false);
  std::int64_t last = 0;
  in[0] = true;
  for (std::int64_t added = 1; added < n; ++added) {
    std::int64_t next = -1;
    for (std::int64_t i = 0; i < n; ++i) {
      if (in[at(i)]) continue;
      double squares = 0;
      for (std::int64_t k = 0; k < d; ++k) {
        const double by = points[at(i * d + k)] - points[at(last * d + k)];
        squares += by * by;
      }
      nearest[at(i)] = std::min(nearest[at(i)], squares);
      if (next < 0 || nearest[at(i)] < nearest[at(next)]) next = i;
    }
    edges.push_back(std::sqrt(nearest[at(next)]));
    in[at(next)] = true;
    last = next;
  }
  const double most = gap * median(edges);
  return 1 + std::count_if(edges.begin(), edges.end(), [&](double e) { return e > most; });
}

BatchSizes train_batch_sizes(const models::NetworkSpec& spec, const std::vector<double>& points,
                             const std::vector<std::int32_t>& labels, OutputMetric metric,
                             const BatchOptions& options, double floor, Progress& progress,
                             const std::function<std::string()>& stop) {
  BatchSizes out;
  out.options = options;
  for (const std::int64_t size : options.sizes) {
    if (size > static_cast<std::int64_t>(labels.size())) {
      fail(ErrorKind::usage, "--batch-sizes {}: there are {} points", size, labels.size());
    }
  }
  for (const std::int64_t size : options.sizes) {
    models::Network network(spec, Dtype::f64);
    progress.begin(
        {.what = fmt::format("training, batch {}", size), .total = options.steps, .item = "step"});
    train(network, points, labels, size, options, progress, stop);
    progress.end();
    if (stop && !stop().empty()) return out;
    const CkMap map(network, metric);
    BatchRow row;
    row.batch = size;
    judge(map, ck_geometry(map, points, {true, false, floor}), labels, spec.classes, row);
    out.rows.push_back(std::move(row));
  }
  return out;
}

}  // namespace rn::study
