#include "ops/nocuda/absent.h"

namespace rn::ops::cuda {

RN_ABSENT(void, operand_forward, const Operand&, const Tensor&, Moments*, Stream&)
RN_ABSENT(void, operand_backward, const Gradient&, const Operand&, const Tensor&, const Reductions&,
          Stream&)
RN_ABSENT(void, gradient_forward, const Gradient&, const Tensor&, Stream&)
RN_ABSENT(void, axpby, double, const Tensor&, double, const Tensor&, Stream&)
RN_ABSENT(void, gated_product_forward, double, const Tensor&, const Tensor&, const Tensor&, Stream&)
RN_ABSENT(void, gated_product_backward, double, const Tensor&, const Tensor&, const Tensor&,
          const Tensor&, const Tensor&, Stream&)

}  // namespace rn::ops::cuda
