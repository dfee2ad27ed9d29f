// Evaluation of a network on a data set: running statistics, every sample once, in order.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "data/source.h"
#include "models/network.h"

namespace rn::train {

struct EvaluateOptions {
  std::vector<std::int64_t> indices = {};  // samples to evaluate; empty: all of the source
  std::int64_t batch = 250;
  bool ten_crop = false;            // the mean of ten views of each image (data/ten_crop.h)
  int top_k = 5;                    // of top_errors; at most the number of classes is used
  bool keep_samples = false;        // fill in predictions, losses and logits
  std::string what = "evaluation";  // for the progress bar
  Progress* progress = nullptr;
  std::function<bool()> should_stop = {};  // polled before every batch
  TensorPool* pool = nullptr;              // memory to use again, for those who evaluate often
};

struct Evaluation {
  bool complete = true;  // false: stopped by should_stop; all else counts what was done
  std::int64_t count = 0;
  std::int64_t errors = 0;      // another class has the largest logit (of equal ones, the first)
  std::int64_t top_errors = 0;  // the label is not among the top_k
  int top_k = 5;                // min(options.top_k, classes)
  std::int64_t nonfinite = 0;   // samples with a NaN or infinite logit: they count as errors
  double loss_sum = 0;          // cross-entropy, natural logarithm, added in sample order
  double seconds = 0;           // wall time

  std::vector<std::int64_t> class_count, class_errors;  // by label
  std::vector<std::int64_t> confusion;  // [classes, classes], without nonfinite samples: row the
                                        // label, column the prediction

  // With keep_samples, by position in the evaluation:
  std::vector<std::int64_t> index, label, prediction;  // prediction -1: nonfinite
  std::vector<double> losses;
  Tensor logits;  // f32 [count, classes]

  double loss() const { return count > 0 ? loss_sum / static_cast<double>(count) : 0; }
  double error() const { return percent(errors, count); }
  double top_error() const { return percent(top_errors, count); }
  static double percent(std::int64_t part, std::int64_t whole) {
    return whole > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0;
  }
};

// The same result for any number of threads. Errors: input, if image shape or number of classes do
// not fit the network (see check_fits).
Evaluation evaluate(const models::Network& network, const data::Source& source,
                    const data::Normalization& normalization, const EvaluateOptions& options = {});

// Errors (input): "cifar100:DIR has 100 classes, the model resnet20-cifar has 10".
void check_fits(const models::NetworkSpec& spec, const data::Info& info);

}  // namespace rn::train
