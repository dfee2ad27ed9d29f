#include "ops/reduce.h"

#include "ops/check.h"
#include "ops/cpu/ops.h"
#include "ops/cuda/ops.h"

namespace rn::ops {

bool all_finite(const Tensor& x, Stream& stream) {
  const Check check("all_finite", "x", x);
  return check.on_cpu(stream) ? cpu::all_finite(x) : cuda::all_finite(x, stream);
}

int first_not_finite(std::span<const Tensor> list) {
  if (list.empty()) return -1;
  const Check check("first_not_finite", "the first", list[0]);
  for (const Tensor& x : list) check.tensor("another", x, x.shape());
  if (!list[0].device().is_cpu()) {
    return cuda::first_not_finite(list, default_stream(list[0].device()));
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!cpu::all_finite(list[i])) return static_cast<int>(i);
  }
  return -1;
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
