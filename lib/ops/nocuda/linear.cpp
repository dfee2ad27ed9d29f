#include "ops/nocuda/absent.h"

namespace rn::ops::cuda {

RN_ABSENT(void, linear_forward, const Tensor&, const Tensor&, const Tensor&, const Tensor&, Stream&)
RN_ABSENT(void, linear_backward, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
          const Tensor&, const Tensor&, Stream&)

}  // namespace rn::ops::cuda
