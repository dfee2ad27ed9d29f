#include "ops/cuda/ck.h"

#include "ops/nocuda/absent.h"

namespace rn::ops::cuda {

RN_ABSENT(void, ck_forward, const CkStep&, const Tensor&, const Tensor&, const Tensor&,
          const Tensor&, Stream&)
RN_ABSENT(void, ck_backward, const CkStep&, const Tensor&, const Tensor&, const Tensor&,
          const Tensor&, const Tensor&, const Tensor&, const Tensor&, Stream&)
RN_ABSENT(void, ck_tangent, const CkStep&, const Tensor&, const Tensor&, const Tensor&,
          const Tensor&, const Tensor&, Stream&)
RN_ABSENT(void, ck_lift, const Tensor&, int, const Tensor&, Stream&)
RN_ABSENT(void, ck_lift_backward, const Tensor&, int, const Tensor&, Stream&)
RN_ABSENT(void, ck_project, const Tensor&, const Tensor&, Stream&)
RN_ABSENT(void, ck_project_backward, const Tensor&, const Tensor&, Stream&)

}  // namespace rn::ops::cuda
