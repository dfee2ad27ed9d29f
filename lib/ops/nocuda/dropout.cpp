#include "ops/nocuda/absent.h"

namespace rn::ops::cuda {

RN_ABSENT(void, dropout, const Dropout&, const Tensor&, Stream&)

}  // namespace rn::ops::cuda
