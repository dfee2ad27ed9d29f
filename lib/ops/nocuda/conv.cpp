#include "ops/cuda/conv.h"

#include "ops/nocuda/absent.h"

namespace rn::ops::cuda {

RN_ABSENT(void, conv_forward, const Conv2d&, const ConvForward&, Stream&)
RN_ABSENT(void, conv_backward, const Conv2d&, const ConvBackward&, Stream&)

}  // namespace rn::ops::cuda
