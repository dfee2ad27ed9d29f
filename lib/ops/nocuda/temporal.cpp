#include "ops/cuda/temporal.h"

#include "ops/nocuda/absent.h"

namespace rn::ops::cuda {

RN_ABSENT(void, temporal_gather, const Taps&, const Operand&, const Tensor&, Stream&)
RN_ABSENT(void, temporal_gather_backward, const Taps&, const TemporalScatter&, Stream&)
RN_ABSENT(void, temporal_max_pool_forward, const TemporalMaxPool&, const Tensor&, const Tensor&,
          Stream&)
RN_ABSENT(void, temporal_max_pool_backward, const TemporalMaxPool&, const Tensor&, const Tensor&,
          const Tensor&, Stream&)

}  // namespace rn::ops::cuda
