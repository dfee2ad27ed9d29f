#include "ops/dropout.h"

#include "ops/check.h"
#include "ops/cpu/ops.h"
#include "ops/cuda/ops.h"

namespace rn::ops {

void dropout(const Dropout& attr, const Tensor& x, Stream& stream) {
  const char* who = "dropout";
  const Check check(who, "x", x);
  check.rank("x", x, 2);
  if (!(attr.p >= 0 && attr.p < 1)) {
    fail(ErrorKind::shape, "{}: the probability is {}, expected 0 or more and less than 1", who,
         attr.p);
  }
  if (check.on_cpu(stream)) return cpu::dropout(attr, x);
  cuda::dropout(attr, x, stream);
}

}  // namespace rn::ops
