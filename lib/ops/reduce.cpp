#include "ops/reduce.h"

#include "ops/check.h"
#include "ops/cpu/ops.h"
#include "ops/cuda/ops.h"

namespace rn::ops {

bool all_finite(const Tensor& x, Stream& stream) {
  const Check check("all_finite", "x", x);
  return check.on_cpu(stream) ? cpu::all_finite(x) : cuda::all_finite(x, stream);
}

double sum(const Tensor& x, Stream& stream) {
  const Check check("sum", "x", x);
  return check.on_cpu(stream) ? cpu::sum(x) : cuda::sum(x, stream);
}

double sum_squares(const Tensor& x, Stream& stream) {
  const Check check("sum_squares", "x", x);
  return check.on_cpu(stream) ? cpu::sum_squares(x) : cuda::sum_squares(x, stream);
}

}  // namespace rn::ops
