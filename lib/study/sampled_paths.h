// Gradients along sampled paths, as in Fig 6b of Veit, Wilber and Belongie 2016: forward through
// the whole network, backward through the branches of k random blocks and the shortcuts of the
// others. What a ReLU behind the addition or a shared pre-activation does belongs to both.
#pragma once

#include <functional>
#include <string>

#include "study/gradient_pass.h"

namespace rn::study {

struct SampleOptions {
  std::vector<std::int64_t> lengths;  // k
  std::int64_t trials = 20;           // of each
  std::int64_t batch = 64;            // images of a trial
  bool boundaries = false;            // measure at every boundary between blocks, too
  bool batch_statistics = false;
  std::uint64_t seed = 1;
};

// One measurement: means over the batch of the images' gradient norms, of the summed cross-entropy.
struct SampledNorm {
  std::int64_t length = 0, trial = 0;
  double norm = 0;                 // at the images
  std::vector<double> boundaries;  // 0 .. n, where asked for
  bool operator==(const SampledNorm&) const = default;
};

// The k blocks of n whose branches a measurement takes, in order; a pure function of its arguments.
std::vector<std::int64_t> sampled_blocks(std::int64_t n, std::int64_t k, std::int64_t trial,
                                         std::uint64_t seed);
// The images of a trial: `batch` of 0 .. count-1 (all, where there are not more), without
// repetition.
std::vector<std::int64_t> sampled_images(std::int64_t count, std::int64_t batch, std::int64_t trial,
                                         std::uint64_t seed);

// All lengths of one trial, on the images it has drawn; `slice` of them at a time (with the batch's
// statistics: all). `norms` in the order of the options' lengths.
class PathSampler {
 public:
  // Errors: usage (lengths out of range), input (no residual blocks).
  PathSampler(const models::Network& network, const SampleOptions& options);
  std::vector<SampledNorm> run(const Tensor& images, const Tensor& labels, std::int64_t trial,
                               std::int64_t slice, TensorPool& pool);

 private:
  const models::Network& network_;
  SampleOptions options_;
  models::Saved saved_;
};

// Mean, standard error of the mean and quartiles over the trials of each length.
struct SampleSummary {
  std::int64_t length = 0, trials = 0;
  double mean = 0, standard_error = 0, first = 0, median = 0, third = 0;
};
std::vector<SampleSummary> summarize(const std::vector<SampledNorm>& norms);

}  // namespace rn::study
