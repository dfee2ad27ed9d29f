#include "ops/nocuda/absent.h"

namespace rn::ops::cuda {

RN_ABSENT(void, batch_norm_forward, const BatchNormForward&, Stream&)
RN_ABSENT(void, batch_norm_backward, const BatchNormBackward&, Stream&)
RN_ABSENT(void, batch_norm_update, std::span<const BatchNormUpdate>, Stream&)

}  // namespace rn::ops::cuda
