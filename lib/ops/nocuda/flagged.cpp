#include "ops/cuda/flagged.h"

#include "ops/nocuda/absent.h"

namespace rn::ops::cuda {

RN_ABSENT(void, tally, const Tally&, Stream&)
RN_ABSENT(void, batch_norm_check, std::span<const BatchNormUpdate>, const Tensor&, std::int64_t,
          Stream&)
RN_ABSENT(void, batch_norm_update, std::span<const BatchNormUpdate>, const Tensor&, Stream&)

}  // namespace rn::ops::cuda
