#include "ops/optimizer.h"

#include "ops/check.h"
#include "ops/cpu/ops.h"
#include "ops/cuda/ops.h"

namespace rn::ops {

namespace {

// Whether they are on the CPU.
bool check_sgd(const Sgd& attr, std::span<const SgdParameter> parameters, const Tensor& flags,
               Stream& stream) {
  const Check check("sgd_step", "value", parameters[0].value);
  for (const SgdParameter& parameter : parameters) {
    const Shape& shape = parameter.value.shape();
    check.tensor("value", parameter.value, shape);
    check.tensor("gradient", parameter.gradient, shape);
    check.tensor("momentum", parameter.momentum, shape);
  }
  if (attr.rate) check.typed("rate", attr.rate, {1}, Dtype::f64);
  if (flags) check.typed("flags", flags, flags.shape(), Dtype::i32);
  return check.on_cpu(stream);
}

}  // namespace

int sgd_step(const Sgd& attr, std::span<const SgdParameter> parameters, Stream& stream) {
  if (parameters.empty()) return -1;
  if (!check_sgd(attr, parameters, {}, stream)) return cuda::sgd_step(attr, parameters, stream);
  require(!attr.rate, "sgd_step: a rate in a tensor is for a GPU");
  return cpu::sgd_step(attr, parameters);
}

void sgd_step(const Sgd& attr, std::span<const SgdParameter> parameters, const Tensor& flags,
              Stream& stream) {
  if (parameters.empty()) return;
  require(flags && flags.size() > 0 && !check_sgd(attr, parameters, flags, stream),
          "sgd_step: flags are for a GPU");
  cuda::sgd_step(attr, parameters, flags, stream);
}

}  // namespace rn::ops
