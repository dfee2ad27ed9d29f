#include "train/tally.h"

#include <algorithm>
#include <cmath>

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

}  // namespace

Tally::Tally(Evaluation& result, std::int64_t classes, bool keep_samples)
    : result_(result), classes_(static_cast<std::size_t>(classes)), keep_(keep_samples) {
  result.class_count.assign(classes_, 0);
  result.class_errors.assign(classes_, 0);
  result.confusion.assign(classes_ * classes_, 0);
}

void Tally::add(std::span<const std::int64_t> indices, const Tensor& labels, const Tensor& logits,
                const Tensor& losses) {
  with_float(logits.dtype(), "evaluate", [&]<class T>() {
    const std::span<const T> values = logits.span<T>();
    for (std::size_t i = 0; i < indices.size(); ++i) {
      add_sample<T>(indices[i], labels.data<std::int32_t>()[i],
                    values.subspan(i * classes_, classes_), losses.data<double>()[i]);
    }
  });
  if (!keep_) return;
  const Tensor stored =
      logits.dtype() == Dtype::f32 ? logits : logits.cast(Dtype::f32, Tag::workspace);
  const std::span<const float> values = stored.span<float>();
  logits_.insert(logits_.end(), values.begin(), values.end());
}

void Tally::finish() {
  if (!keep_) return;
  result_.logits =
      Tensor({result_.count, static_cast<std::int64_t>(classes_)}, Dtype::f32, Tag::workspace);
  std::copy(logits_.begin(), logits_.end(), result_.logits.data<float>());
}

template <class T>
void Tally::add_sample(std::int64_t index, std::int64_t label, std::span<const T> logits,
                       double loss) {
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

}  // namespace rn::train
