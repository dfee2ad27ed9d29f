// One training step as a transaction: parameters, optimizer slots and running statistics are
// committed together or not at all.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/batcher.h"
#include "models/network.h"
#include "ops/loss.h"
#include "train/memory_mode.h"
#include "train/optimizer.h"

namespace rn::train {

class GraphStep;

struct StepOptions {
  // The batch goes through the network in parts of at most so many images, whose gradients are
  // added; batch norms see the part. 0: as a whole.
  std::int64_t micro_batch = 0;
  double label_smoothing = 0;
  double dropout = 0;  // of the features before the last layer
  bool draws = false;  // gates of blocks are set anew before each step
  std::uint64_t seed = 1;
};

// Where the step stands, for what is drawn anew in each.
struct StepAt {
  std::int64_t step = 0;    // steps done before
  std::int64_t update = 1;  // the optimizer's own count, from 1: steps that were taken, and this
  // Called before each part, images [first, first + count) of the batch: sets the blocks' gates.
  std::function<void(std::int64_t first, std::int64_t count)> gates = {};
};

struct StepResult {
  double loss_sum = 0;      // over the images of the batch
  std::int64_t errors = 0;  // against the label, of a mixed image that with the larger share
  std::int64_t images = 0;
  // Empty: committed. Else what was not finite first ("stage1.block2.conv1", "the loss", "the
  // update of linear.weight"); then nothing was changed.
  std::string diverged = {};
};

class Stepper {
 public:
  // Both must outlive it; the optimizer holds the network's parameters.
  Stepper(models::Network& network, Optimizer& optimizer, StepOptions options = {},
          const MemoryMode& memory = {});
  // `meanwhile`: what makes the next batch, where that can be done while a device works on this one
  // (graph_step.h); it is then called once.
  StepResult run(const data::Batch& batch, double lr, const StepAt& at = {},
                 const std::function<const data::Batch*()>& meanwhile = {});
  ~Stepper();

 private:
  // Forward, backward and running statistics of images [first, first + count); what was not
  // finite.
  std::string part(const data::Batch& batch, std::int64_t first, std::int64_t count,
                   const StepAt& at, StepResult& result);
  std::string statistics();
  void tally(const Tensor& logits, const ops::SoftmaxCrossEntropy& loss, StepResult& result,
             Stream& stream);
  // On the network's device: x itself, or a copy in `kept`.
  Tensor there(const Tensor& x, Tensor& kept) const;

  models::Network& network_;
  Optimizer& optimizer_;
  StepOptions options_;
  MemoryMode memory_;
  TensorPool pool_;
  models::Saved saved_;
  Tensor losses_, d_logits_;
  Tensor labels_, others_, shares_;  // of the part, where the network is on a GPU
  Tensor report_, flags_;            // there too
  std::vector<Tensor> states_before_;
  std::unique_ptr<GraphStep> graph_;  // where steps can be recorded
};

}  // namespace rn::train
