#include "ops/nocuda/absent.h"

namespace rn::ops::cuda {

RN_ABSENT(void, tv_l1_flow, const TvL1&, const Tensor&, const Tensor&, const Tensor&, Stream&)

}  // namespace rn::ops::cuda
