#include "ops/cuda/stream.h"

#include "ops/nocuda/absent.h"

namespace rn::ops::cuda {

RN_ABSENT(double, stream_split, const Operand&, const Tensor&, double, Stream&)
RN_ABSENT(void, stream_join, const Tensor&, const Tensor&, Stream&)
RN_ABSENT(double, stream_add, const StreamAdd&, Stream&)
RN_ABSENT(void, convert, const Operand&, const Tensor&, Stream&)

}  // namespace rn::ops::cuda
