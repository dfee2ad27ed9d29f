#include "ops/nocuda/absent.h"

namespace rn::ops::cuda {

RN_ABSENT(void, batch_norm_forward, const BatchNormForward&, Stream&)
RN_ABSENT(void, batch_norm_backward, const BatchNormBackward&, Stream&)
RN_ABSENT(void, batch_norm_update, const Moments&, double, bool, const Tensor&, const Tensor&,
          Stream&)

}  // namespace rn::ops::cuda
