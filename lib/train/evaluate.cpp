#include "train/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <optional>

#include "data/batcher.h"
#include "data/ten_crop.h"
#include "ops/loss.h"

namespace rn::train {
namespace {

// How a sample went: its prediction, and how many classes stand before the label.
struct Verdict {
  std::int64_t prediction = -1;
  std::int64_t rank = 0;
};

template <class T>
Verdict judge(std::span<const T> logits, std::size_t label) {
  if (!std::all_of(logits.begin(), logits.end(), [](T x) { return std::isfinite(x); })) return {};
  Verdict verdict;
  verdict.prediction = std::max_element(logits.begin(), logits.end()) - logits.begin();
  for (std::size_t k = 0; k < logits.size(); ++k) {
    verdict.rank += logits[k] > logits[label] || (logits[k] == logits[label] && k < label);
  }
  return verdict;
}

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

class Counter {
 public:
  Counter(Evaluation& result, std::int64_t classes, bool keep_samples)
      : result_(result), classes_(static_cast<std::size_t>(classes)), keep_(keep_samples) {
    result.class_count.assign(classes_, 0);
    result.class_errors.assign(classes_, 0);
    result.confusion.assign(classes_ * classes_, 0);
  }

  void add(const data::Batch& batch, const Tensor& logits, const Tensor& losses) {
    with_float(logits.dtype(), "evaluate", [&]<class T>() {
      const std::span<const T> values = logits.span<T>();
      for (std::size_t i = 0; i < batch.indices.size(); ++i) {
        add_sample<T>(batch.indices[i], batch.labels.data<std::int32_t>()[i],
                      values.subspan(i * classes_, classes_), losses.data<double>()[i]);
      }
    });
    if (!keep_) return;
    const Tensor stored =
        logits.dtype() == Dtype::f32 ? logits : logits.cast(Dtype::f32, Tag::workspace);
    const std::span<const float> values = stored.span<float>();
    logits_.insert(logits_.end(), values.begin(), values.end());
  }

  void finish() {
    if (!keep_) return;
    result_.logits =
        Tensor({result_.count, static_cast<std::int64_t>(classes_)}, Dtype::f32, Tag::workspace);
    std::copy(logits_.begin(), logits_.end(), result_.logits.data<float>());
  }

 private:
  template <class T>
  void add_sample(std::int64_t index, std::int64_t label, std::span<const T> logits, double loss) {
    const auto row = static_cast<std::size_t>(label);
    const Verdict verdict = judge(logits, row);
    const bool finite = verdict.prediction >= 0;
    const bool wrong = verdict.prediction != label;
    ++result_.count;
    ++result_.class_count[row];
    result_.class_errors[row] += wrong;
    result_.errors += wrong;
    result_.top_errors += !finite || verdict.rank >= result_.top_k;
    result_.nonfinite += !finite;
    result_.loss_sum += loss;
    if (finite) {
      ++result_.confusion[row * classes_ + static_cast<std::size_t>(verdict.prediction)];
    }
    if (!keep_) return;
    result_.index.push_back(index);
    result_.label.push_back(label);
    result_.prediction.push_back(verdict.prediction);
    result_.losses.push_back(loss);
  }

  Evaluation& result_;
  std::size_t classes_;
  bool keep_;
  std::vector<float> logits_;
};

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
  Counter counter(result, spec.classes, options.keep_samples);
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
    counter.add(*batch, logits, losses);
    progress.advance(result.count, fmt::format("error {:.2f} %", result.error()));
  }
  progress.end();
  counter.finish();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace rn::train
