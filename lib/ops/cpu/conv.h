// The CPU side of ops/conv.h; arguments have been checked.
#pragma once

#include "ops/conv.h"

namespace rn::ops::cpu {
void conv_forward(const Conv2d& conv, const ConvForward& args);
void conv_backward(const Conv2d& conv, const ConvBackward& args);
}  // namespace rn::ops::cpu
