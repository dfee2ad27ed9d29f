#include "ops/cuda/stack.h"

#include "ops/nocuda/absent.h"

namespace rn::ops::cuda {

RN_ABSENT(void, conv_stack_backward, const Conv2d&, const ConvStack&, Stream&)
RN_ABSENT(void, conv_stack_weights, const Conv2d&, const ConvStackWeights&, Stream&)
RN_ABSENT(void, stack_products, const Tensor&, std::int64_t, std::int64_t, const Tensor&,
          const Tensor&, Stream&)
RN_ABSENT(void, stack_gram, const Tensor&, std::int64_t, const Tensor&, Stream&)
RN_ABSENT(void, stack_mask, const Tensor&, const Operand&, Stream&)

}  // namespace rn::ops::cuda
