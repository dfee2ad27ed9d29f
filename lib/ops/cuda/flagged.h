// The GPU's side of ops/flagged.h; arguments checked.
#pragma once

#include "ops/flagged.h"

namespace rn::ops::cuda {

void tally(const Tally& args, Stream& stream);
void batch_norm_check(std::span<const BatchNormUpdate> updates, const Tensor& flags,
                      std::int64_t flag, Stream& stream);
void batch_norm_update(std::span<const BatchNormUpdate> updates, const Tensor& flags,
                       Stream& stream);

}  // namespace rn::ops::cuda
