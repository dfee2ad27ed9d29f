// A training step on a GPU as one CUDA graph: recorded once for the batch's shape, then launched
// and waited for once a step, while the next batch travels to the device. The step is the
// transaction of step.h: ops watch flags on the device, and where one is set nothing is changed.
#pragma once

#include <memory>

#include "device/graph.h"
#include "device/pinned.h"
#include "train/step.h"

namespace rn::train {

class GraphStep {
 public:
  // All must outlive it.
  GraphStep(models::Network& network, Optimizer& optimizer, const StepOptions& options,
            const MemoryMode& memory, TensorPool& pool);

  // Whether steps of this network and optimizer can be recorded: on a GPU, nothing that the host
  // draws or decides on in each step (dropout, stochastic depth, clipping, micro-batches, a stream
  // on a grid), SGD.
  static bool possible(const models::Network& network, const Optimizer& optimizer,
                       const StepOptions& options, const MemoryMode& memory);
  // Whether this batch is of the shape that is recorded, which is that of the largest so far.
  bool takes(const data::Batch& batch) const;

  // As Stepper::run. `meanwhile` (optional) is called while the device works: it may make the next
  // batch, even where that uses this one's memory, and returns it, or null.
  StepResult run(const data::Batch& batch, double lr,
                 const std::function<const data::Batch*()>& meanwhile);

 private:
  // One batch on its way: in memory that the device copies from, and there.
  struct Slot {
    Pinned host;
    Tensor images, labels, others, shares;
    std::int64_t epoch = -1, number = -1;  // of the batch; -1: none
    bool holds(const data::Batch& batch) const {
      return epoch == batch.epoch && number == batch.number;
    }
  };
  void stage(const data::Batch& batch, Slot& slot);
  void step();    // what is recorded
  void record();  // or not, where that would take memory
  std::string what_failed();

  models::Network& network_;
  Optimizer& optimizer_;
  StepOptions options_;
  MemoryMode memory_;
  TensorPool& pool_;
  Device device_;
  Stream& stream_;
  Stream copies_;
  Slot slots_[2];
  int next_ = 0;  // the slot that the next batch is, or will be, in
  Slot input_;    // what the graph reads
  models::Saved saved_;
  Tensor losses_, d_logits_, report_, flags_, no_flags_, rate_;
  Pinned told_;  // report, flags, rate
  std::vector<ops::BatchNormUpdate> updates_;
  int attempts_ = 0;  // steps that were not recorded
  Graph graph_;
};

}  // namespace rn::train
