#include "ops/clip.h"

#include "ops/check.h"
#include "ops/cpu/ops.h"
#include "ops/cuda/ops.h"

namespace rn::ops {

void clip(const Clip& attr, const Tensor& x, Stream& stream) {
  const Check check("clip", "x", x);
  if (!(attr.limit > 0)) {
    fail(ErrorKind::shape, "clip: the limit is {}, expected a positive number", attr.limit);
  }
  if (check.on_cpu(stream)) return cpu::clip(attr, x);
  cuda::clip(attr, x, stream);
}

}  // namespace rn::ops
