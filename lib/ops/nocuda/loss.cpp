#include "ops/nocuda/absent.h"

namespace rn::ops::cuda {

RN_ABSENT(void, softmax_cross_entropy, const SoftmaxCrossEntropy&, const Tensor&, const Tensor&,
          const Tensor&, const Tensor&, Stream&)

}  // namespace rn::ops::cuda
