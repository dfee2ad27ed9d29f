// Counts an evaluation together from logits, a few samples at a time.
#pragma once

#include <span>
#include <vector>

#include "train/evaluate.h"

namespace rn::train {

class Tally {
 public:
  // Adds to `result`, which must outlive it and whose top_k is set.
  Tally(Evaluation& result, std::int64_t classes, bool keep_samples);
  // Numbers of the samples, labels i32 [n], logits f32 or f64 [n, classes], losses f64 [n].
  void add(std::span<const std::int64_t> indices, const Tensor& labels, const Tensor& logits,
           const Tensor& losses);
  void finish();  // of kept samples: the logits

 private:
  template <class T>
  void add_sample(std::int64_t index, std::int64_t label, std::span<const T> logits, double loss);

  Evaluation& result_;
  std::size_t classes_;
  bool keep_;
  std::vector<float> logits_;
};

}  // namespace rn::train
