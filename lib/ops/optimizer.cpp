#include "ops/optimizer.h"

#include "ops/check.h"
#include "ops/cpu/ops.h"
#include "ops/cuda/ops.h"

namespace rn::ops {

int sgd_step(const Sgd& attr, std::span<const SgdParameter> parameters, Stream& stream) {
  if (parameters.empty()) return -1;
  const char* who = "sgd_step";
  const Check check(who, "value", parameters[0].value);
  for (const SgdParameter& parameter : parameters) {
    const Shape& shape = parameter.value.shape();
    check.tensor("value", parameter.value, shape);
    check.tensor("gradient", parameter.gradient, shape);
    check.tensor("momentum", parameter.momentum, shape);
  }
  if (check.on_cpu(stream)) return cpu::sgd_step(attr, parameters);
  return cuda::sgd_step(attr, parameters, stream);
}

}  // namespace rn::ops
