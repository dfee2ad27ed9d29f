#include "train/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <optional>

#include "data/batcher.h"
#include "data/ten_crop.h"
#include "ops/loss.h"
#include "train/tally.h"

namespace rn::train {
namespace {

// Logits [views * n, K] of views that belong together, to the logarithms of their mean
// probabilities, [n, K].
Tensor mean_of_views(const Tensor& logits, std::int64_t views) {
  const std::int64_t n = logits.dim(0) / views, classes = logits.dim(1);
  Tensor out({n, classes}, logits.dtype(), Tag::workspace);
  with_float(logits.dtype(), "evaluate", [&]<class T>() {
    std::vector<double> mean(static_cast<std::size_t>(classes));
    for (std::int64_t i = 0; i < n; ++i) {
      std::fill(mean.begin(), mean.end(), 0.0);
      for (std::int64_t v = 0; v < views; ++v) {
        const T* row = logits.data<T>() + (i * views + v) * classes;
        const double top = *std::max_element(row, row + classes);
        double total = 0;
        for (std::int64_t k = 0; k < classes; ++k) total += std::exp(row[k] - top);
        for (std::size_t k = 0; k < mean.size(); ++k) {
          mean[k] += std::exp(row[k] - top) / total / static_cast<double>(views);
        }
      }
      for (std::size_t k = 0; k < mean.size(); ++k) {
        // A probability that is 0 would be an infinite logit; what is not finite stays so.
        const double p = mean[k] < 1e-300 ? 1e-300 : mean[k];
        out.data<T>()[i * classes + static_cast<std::int64_t>(k)] = static_cast<T>(std::log(p));
      }
    }
  });
  return out;
}

// Samples of ten views each, as one batch of images that are not there.
data::Batch without_views(const data::Batch& batch) {
  data::Batch out;
  const auto n = static_cast<std::int64_t>(batch.indices.size()) / data::ten_views;
  out.labels = Tensor({n}, Dtype::i32, Tag::workspace);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t at = i * data::ten_views;
    out.labels.data<std::int32_t>()[i] = batch.labels.data<std::int32_t>()[at];
    out.indices.push_back(batch.indices[static_cast<std::size_t>(at)] / data::ten_views);
  }
  return out;
}

}  // namespace

void check_fits(const models::NetworkSpec& spec, const data::Info& info) {
  if (info.height != spec.height || info.width != spec.width || info.channels != spec.channels) {
    fail(ErrorKind::input, "{} has images of {}x{}x{}, the model {} takes {}x{}x{}", info.uri,
         info.height, info.width, info.channels, spec.arch, spec.height, spec.width, spec.channels);
  }
  if (info.classes() != spec.classes) {
    fail(ErrorKind::input, "{} has {} classes, the model {} has {}", info.uri, info.classes(),
         spec.arch, spec.classes);
  }
}

Evaluation evaluate(const models::Network& network, const data::Source& source,
                    const data::Normalization& normalization, const EvaluateOptions& options) {
  const models::NetworkSpec& spec = network.spec();
  check_fits(spec, source.info());
  require(options.batch > 0 && options.top_k > 0, "evaluate: batch {}, top_k {}", options.batch,
          options.top_k);

  data::BatcherOptions batches;
  batches.indices = options.indices;
  if (batches.indices.empty()) {
    batches.indices.resize(static_cast<std::size_t>(source.info().count));
    std::iota(batches.indices.begin(), batches.indices.end(), std::int64_t{0});
  }
  batches.batch = options.batch;
  const auto total = static_cast<std::int64_t>(batches.indices.size());
  std::optional<data::TenCrop> views;
  if (options.ten_crop) {
    views.emplace(source);
    std::vector<std::int64_t> all;
    for (const std::int64_t index : batches.indices) {
      for (std::int64_t k = 0; k < data::ten_views; ++k) all.push_back(index * data::ten_views + k);
    }
    batches.indices = std::move(all);
    batches.batch = std::max<std::int64_t>(1, options.batch / data::ten_views) * data::ten_views;
  }
  batches.normalization = normalization;
  batches.dtype = network.dtype();
  batches.epochs = 1;

  Evaluation result;
  result.top_k = static_cast<int>(std::min<std::int64_t>(options.top_k, spec.classes));
  Tally tally(result, spec.classes, options.keep_samples);
  NoProgress quiet;
  Progress& progress = options.progress ? *options.progress : quiet;
  TensorPool own(network.store().device());
  const nn::Pass pass{options.pool ? *options.pool : own};
  models::Saved saved;
  Tensor losses;

  const auto start = std::chrono::steady_clock::now();
  progress.begin({.what = options.what, .total = total});
  const data::Source* read = &source;
  if (views) read = &*views;
  data::Batcher batcher(*read, std::move(batches));
  for (;;) {
    if (options.should_stop && options.should_stop()) {
      result.complete = result.count == total;
      break;
    }
    const data::Batch* batch = batcher.next();
    if (!batch) break;
    Tensor logits = network.forward(batch->images, pass, saved).on(cpu);
    data::Batch whole;
    if (views) {
      logits = mean_of_views(logits, data::ten_views);
      whole = without_views(*batch);
      batch = &whole;
    }
    losses.ensure({logits.dim(0)}, Dtype::f64, Tag::workspace);
    ops::softmax_cross_entropy({}, logits, batch->labels, losses, {});
    tally.add(batch->indices, batch->labels, logits, losses);
    progress.advance(result.count, fmt::format("error {:.2f} %", result.error()));
  }
  progress.end();
  tally.finish();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace rn::train
