// One training step as a transaction: parameters, optimizer slots and running statistics are
// committed together or not at all.
#pragma once

#include <string>
#include <vector>

#include "data/batcher.h"
#include "models/network.h"
#include "train/memory_mode.h"
#include "train/optimizer.h"

namespace rn::train {

struct StepResult {
  double loss_sum = 0;  // over the images of the batch
  std::int64_t errors = 0;
  std::int64_t images = 0;
  // Empty: committed. Else what was not finite first ("stage1.block2.conv1", "the loss", "the
  // update of linear.weight"); then nothing was changed.
  std::string diverged = {};
};

class Stepper {
 public:
  // Both must outlive it; the optimizer holds the network's parameters.
  Stepper(models::Network& network, Sgd& optimizer, const MemoryMode& memory = {});
  StepResult run(const data::Batch& batch, double lr);

 private:
  std::string commit(double lr);

  models::Network& network_;
  Sgd& optimizer_;
  MemoryMode memory_;
  TensorPool pool_;
  models::Saved saved_;
  Tensor losses_, d_logits_;
  std::vector<Tensor> states_before_;
};

}  // namespace rn::train
