// The CUDA side of ops/stack.h; arguments have been checked.
#pragma once

#include "ops/stack.h"

namespace rn::ops::cuda {
void conv_stack_backward(const Conv2d& conv, const ConvStack& args, Stream& stream);
void conv_stack_weights(const Conv2d& conv, const ConvStackWeights& args, Stream& stream);
void stack_products(const Tensor& x, std::int64_t images, std::int64_t total, const Tensor& squares,
                    const Tensor& dots, Stream& stream);
void stack_gram(const Tensor& x, std::int64_t images, const Tensor& gram, Stream& stream);
void stack_mask(const Tensor& x, const Operand& input, Stream& stream);
}  // namespace rn::ops::cuda
