#include "ops/nocuda/absent.h"

namespace rn::ops::cuda {

RN_ABSENT(int, sgd_step, const Sgd&, std::span<const SgdParameter>, Stream&)
RN_ABSENT(void, sgd_step, const Sgd&, std::span<const SgdParameter>, const Tensor&, Stream&)

}  // namespace rn::ops::cuda
