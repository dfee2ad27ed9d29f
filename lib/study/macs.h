// Multiply-adds of a training step, by phase: convolutions and the linear layer; everything else is
// small beside them.
#pragma once

#include "models/network.h"
#include "train/memory_mode.h"

namespace rn::study {

struct Macs {  // for one image
  double forward = 0;
  double backward = 0;    // gradients of inputs (but of the images) and of weights
  double recomputed = 0;  // in the backward pass, what forward had computed before
};

Macs count_macs(const models::Network& network, const train::MemoryMode& mode = {});

// Layers as the papers count them: convolutions but for shortcuts', and the linear layer.
std::int64_t depth_of(const models::Network& network);

}  // namespace rn::study
