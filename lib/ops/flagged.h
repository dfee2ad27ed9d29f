// What a training step on a GPU does without waiting for the outcome: ops that leave flags, and ops
// that change nothing where one is set. Flags are i32 [n] on the device, `unflagged` (optimizer.h)
// where nothing is wrong. The optimizer's step is in optimizer.h.
#pragma once

#include "ops/batch_norm.h"
#include "ops/optimizer.h"

namespace rn::ops {

// report[0] := the sum of losses (f64 [N]), report[1] := how many rows of logits [N, K] do not have
// the first of their largest numbers where the label is: labels[n] (i32 [N]), or others[n] where
// there are others and shares[n] (f64) is below one half. Overwrites report, f64 [2]; flags[flag]
// becomes 0 if the sum is not finite.
struct Tally {
  Tensor logits, losses, labels, others, shares;
  Tensor report, flags;
  std::int64_t flag = 0;
};
void tally(const Tally& args, Stream& stream);

// Whether the running statistics would stay finite: flags[flag] becomes the number of the first
// update for which they would not, unless it is less. Nothing else is changed.
void batch_norm_check(std::span<const BatchNormUpdate> updates, const Tensor& flags,
                      std::int64_t flag, Stream& stream);
// The updates, unless a flag is set.
void batch_norm_update(std::span<const BatchNormUpdate> updates, const Tensor& flags,
                       Stream& stream);

}  // namespace rn::ops
