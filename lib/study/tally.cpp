#include "study/tally.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace rn::study {

Difference difference(const Tally& tally) {
  if (tally.count == 0) return {};
  const double n = static_cast<double>(tally.count);
  const double b = static_cast<double>(tally.lost), c = static_cast<double>(tally.gained);
  const double value = (b - c) / n;
  const double error = 1.959964 * std::sqrt(std::max(0.0, b + c - (b - c) * (b - c) / n)) / n;
  return {100 * value, 100 * (value - error), 100 * (value + error)};
}

void SliceTally::begin(const Tensor& labels) {
  const auto span = labels.span<std::int32_t>();
  labels_.assign(span.begin(), span.end());
  answers_.assign(tallies_.size() * labels_.size(), {});
}

void SliceTally::add(std::size_t lesion, const Tensor& of_device) {
  const Tensor logits = of_device.on(cpu);
  require(logits.shape() == Shape({static_cast<std::int64_t>(labels_.size()), classes_}),
          "SliceTally: logits {} for {} images of {} classes", logits.describe(), labels_.size(),
          classes_);
  Answer* answers = answers_.data() + lesion * labels_.size();
  with_float(logits.dtype(), "SliceTally", [&]<class T>() {
    for (std::size_t n = 0; n < labels_.size(); ++n) {
      const T* row = logits.data<T>() + static_cast<std::int64_t>(n) * classes_;
      Answer& answer = answers[n];
      if (!std::all_of(row, row + classes_, [](T x) { return std::isfinite(x); })) {
        answer.loss = std::numeric_limits<float>::quiet_NaN();
        continue;
      }
      const T* best = std::max_element(row, row + classes_);
      double sum = 0;
      for (std::int64_t k = 0; k < classes_; ++k) {
        sum += std::exp(static_cast<double>(row[k]) - static_cast<double>(*best));
      }
      answer.prediction = static_cast<std::int32_t>(best - row);
      answer.confidence = static_cast<float>(1 / sum);
      answer.loss = static_cast<float>(std::log(sum) + static_cast<double>(*best) -
                                       static_cast<double>(row[labels_[n]]));
    }
  });
}

void SliceTally::end() {
  for (std::size_t lesion = 0; lesion < tallies_.size(); ++lesion) {
    Tally& tally = tallies_[lesion];
    tally.class_errors.resize(static_cast<std::size_t>(classes_), 0);
    for (std::size_t n = 0; n < labels_.size(); ++n) {
      const Answer &answer = answers_[lesion * labels_.size() + n], &intact = answers_[n];
      const bool wrong = answer.prediction != labels_[n], before = intact.prediction != labels_[n];
      ++tally.count;
      tally.errors += wrong;
      tally.flips += answer.prediction != intact.prediction;
      tally.gained += before && !wrong;
      tally.lost += !before && wrong;
      tally.nonfinite += answer.prediction < 0;
      tally.class_errors[static_cast<std::size_t>(labels_[n])] += wrong;
      tally.loss_sum += static_cast<double>(answer.loss);
      tally.confidence_sum += static_cast<double>(answer.confidence);
    }
  }
}

}  // namespace rn::study
