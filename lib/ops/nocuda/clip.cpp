#include "ops/nocuda/absent.h"

namespace rn::ops::cuda {

RN_ABSENT(void, clip, const Clip&, const Tensor&, Stream&)

}  // namespace rn::ops::cuda
