// How many images of a batch may go through the network at a time.
#pragma once

#include <cstdint>

#include "train/session.h"

namespace rn::train {

// The largest parts of a batch, all about equal, that keep a training's tensors within
// `options.memory_limit` bytes: measured in steps of a network of its own, whose memory grows with
// the images. The session's network must be there. Errors (usage): not even one image fits.
std::int64_t fitting_micro_batch(const Session& session);

}  // namespace rn::train
