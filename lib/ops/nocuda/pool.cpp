#include "ops/nocuda/absent.h"

namespace rn::ops::cuda {

RN_ABSENT(void, global_average_pool_forward, const Operand&, const Tensor&, Stream&)
RN_ABSENT(void, global_average_pool_backward, const Tensor&, const Operand&, const Tensor&,
          const Reductions&, Stream&)
RN_ABSENT(void, pool_forward, const Pool2d&, const Tensor&, const Tensor&, Stream&)
RN_ABSENT(void, pool_backward, const Pool2d&, const Tensor&, const Tensor&, const Tensor&, Stream&)
RN_ABSENT(void, pad_shortcut_forward, const PadShortcut&, const Tensor&, const Tensor&, Stream&)
RN_ABSENT(void, pad_shortcut_backward, const PadShortcut&, const Tensor&, const Tensor&, Stream&)

}  // namespace rn::ops::cuda
