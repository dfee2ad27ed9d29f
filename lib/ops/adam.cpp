#include "ops/adam.h"

#include "ops/check.h"
#include "ops/cpu/ops.h"
#include "ops/cuda/ops.h"

namespace rn::ops {

int adam_step(const Adam& attr, std::span<const AdamParameter> parameters, Stream& stream) {
  if (parameters.empty()) return -1;
  const char* who = "adam_step";
  const Check check(who, "value", parameters[0].value);
  for (const AdamParameter& parameter : parameters) {
    const Shape& shape = parameter.value.shape();
    check.tensor("value", parameter.value, shape);
    check.tensor("gradient", parameter.gradient, shape);
    check.tensor("mean", parameter.mean, shape);
    check.tensor("square", parameter.square, shape);
  }
  if (attr.step < 1) fail(ErrorKind::shape, "{}: step is {}, expected 1 or more", who, attr.step);
  if (check.on_cpu(stream)) return cpu::adam_step(attr, parameters);
  return cuda::adam_step(attr, parameters, stream);
}

}  // namespace rn::ops
