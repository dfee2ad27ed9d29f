// What becomes of the answers under each lesion, against those of the intact network.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/tensor.h"

namespace rn::study {

struct Tally {
  std::int64_t count = 0;   // images
  std::int64_t errors = 0;  // of equal logits the first wins; not finite counts as an error
  std::int64_t flips = 0;   // answers that differ from the intact network's
  std::int64_t gained = 0;  // wrong answers that became right, ...
  std::int64_t lost = 0;    // ... right ones that became wrong: McNemar's counts
  std::int64_t nonfinite = 0;
  double loss_sum = 0;                     // cross-entropy, natural logarithm
  double confidence_sum = 0;               // of the answers: their softmax probability
  std::vector<std::int64_t> class_errors;  // by label

  bool operator==(const Tally&) const = default;
  double error() const {
    return count > 0 ? 100.0 * static_cast<double>(errors) / static_cast<double>(count) : 0;
  }
  double loss() const { return count > 0 ? loss_sum / static_cast<double>(count) : 0; }
  double confidence() const { return count > 0 ? confidence_sum / static_cast<double>(count) : 0; }
};

// Difference of the error from the intact network's, in percent, with the 95 % interval of paired
// proportions (Wald).
struct Difference {
  double value = 0, low = 0, high = 0;
};
Difference difference(const Tally& tally);

// Collects the answers of one slice of images under all lesions; the first lesion is the intact
// network.
class SliceTally {
 public:
  SliceTally(std::vector<Tally>& tallies, std::int64_t classes)
      : tallies_(tallies), classes_(classes) {}

  // labels: i32 [N].
  void begin(const Tensor& labels);
  void add(std::size_t lesion, const Tensor& logits);  // in any order; of any device
  void end();  // adds the slice to the tallies, sample by sample

 private:
  struct Answer {
    std::int32_t prediction = -1;  // -1: not finite
    float loss = 0, confidence = 0;
  };
  std::vector<Tally>& tallies_;
  std::int64_t classes_;
  std::vector<std::int32_t> labels_;
  std::vector<Answer> answers_;  // [lesions, N]
};

}  // namespace rn::study
