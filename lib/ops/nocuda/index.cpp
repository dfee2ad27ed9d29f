#include "ops/nocuda/absent.h"

namespace rn::ops::cuda {

RN_ABSENT(void, index_select, const Tensor&, const Tensor&, const Tensor&, Stream&)
RN_ABSENT(void, index_add, const Tensor&, const Tensor&, const Tensor&, Stream&)

}  // namespace rn::ops::cuda
