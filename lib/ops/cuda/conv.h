// The CUDA side of ops/conv.h; arguments have been checked.
#pragma once

#include "ops/conv.h"

namespace rn::ops::cuda {
void conv_forward(const Conv2d& conv, const ConvForward& args, Stream& stream);
void conv_backward(const Conv2d& conv, const ConvBackward& args, Stream& stream);
}  // namespace rn::ops::cuda
