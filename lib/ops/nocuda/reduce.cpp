#include "ops/nocuda/absent.h"

namespace rn::ops::cuda {

RN_ABSENT(bool, all_finite, const Tensor&, Stream&)
RN_ABSENT(int, first_not_finite, std::span<const Tensor>, Stream&)
RN_ABSENT(double, sum, const Tensor&, Stream&)
RN_ABSENT(double, sum_squares, const Tensor&, Stream&)

}  // namespace rn::ops::cuda
