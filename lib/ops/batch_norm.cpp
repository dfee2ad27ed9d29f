#include "ops/batch_norm.h"

#include "ops/check.h"
#include "ops/cpu/ops.h"
#include "ops/cuda/ops.h"

namespace rn::ops {
namespace {

Shape vector_of(const char* who, const char* name, const Tensor& first) {
  const Check check(who, name, first);
  check.rank(name, first, 1);
  return first.shape();
}

void check_moments(const Check& check, const Moments& moments, const Shape& vector,
                   std::int64_t least) {
  check.typed("moments.mean", moments.mean, vector, Dtype::f64);
  check.typed("moments.m2", moments.m2, vector, Dtype::f64);
  if (moments.count < least) {
    fail(ErrorKind::shape, "{}: moments of {} values per channel, expected at least {}",
         check.who(), moments.count, least);
  }
}

}  // namespace

void batch_norm_forward(const BatchNormForward& args, Stream& stream) {
  const char* who = "batch_norm_forward";
  const Shape vector = vector_of(who, "gamma", args.gamma);
  const Check check(who, "gamma", args.gamma);
  check.tensor("beta", args.beta, vector);
  if (args.moments) {
    check_moments(check, *args.moments, vector, 1);
  } else {
    check.tensor("running_mean", args.running_mean, vector);
    check.tensor("running_var", args.running_var, vector);
  }
  if (!(args.eps >= 0)) fail(ErrorKind::shape, "{}: eps is {}, expected >= 0", who, args.eps);
  check.tensor("affine.scale", args.affine.scale, vector);
  check.tensor("affine.shift", args.affine.shift, vector);
  check.tensor("mean", args.mean, vector);
  check.tensor("inv_std", args.inv_std, vector);
  if (check.on_cpu(stream)) return cpu::batch_norm_forward(args);
  cuda::batch_norm_forward(args, stream);
}

void batch_norm_backward(const BatchNormBackward& args, Stream& stream) {
  const char* who = "batch_norm_backward";
  const Shape vector = vector_of(who, "gamma", args.gamma);
  const Check check(who, "gamma", args.gamma);
  check.typed("sums", args.sums, {2, vector[0]}, Dtype::f64);
  check.tensor("mean", args.mean, vector);
  check.tensor("inv_std", args.inv_std, vector);
  if (args.count < 0) {
    fail(ErrorKind::shape, "{}: count is {}, expected >= 0", who, args.count);
  }
  check.tensor("p", args.p, vector);
  if (args.count > 0) {
    check.tensor("q", args.q, vector);
    check.tensor("r", args.r, vector);
  }
  check.optional("q", args.q, vector);
  check.optional("r", args.r, vector);
  check.optional("d_gamma", args.d_gamma, vector);
  check.optional("d_beta", args.d_beta, vector);
  if (check.on_cpu(stream)) return cpu::batch_norm_backward(args);
  cuda::batch_norm_backward(args, stream);
}

void batch_norm_update(const Moments& moments, double momentum, bool unbiased,
                       const Tensor& running_mean, const Tensor& running_var, Stream& stream) {
  const BatchNormUpdate update{moments, momentum, unbiased, running_mean, running_var};
  batch_norm_update({&update, 1}, stream);
}

void batch_norm_update(std::span<const BatchNormUpdate> updates, Stream& stream) {
  if (updates.empty()) return;
  const char* who = "batch_norm_update";
  const Check check(who, "running_mean", updates[0].running_mean);
  for (const BatchNormUpdate& u : updates) {
    const Shape vector = vector_of(who, "running_mean", u.running_mean);
    check.tensor("running_mean", u.running_mean, vector);
    check.tensor("running_var", u.running_var, vector);
    check_moments(check, u.moments, vector, u.unbiased ? 2 : 1);
  }
  if (!check.on_cpu(stream)) return cuda::batch_norm_update(updates, stream);
  for (const BatchNormUpdate& u : updates) {
    cpu::batch_norm_update(u.moments, u.momentum, u.unbiased, u.running_mean, u.running_var);
  }
}

}  // namespace rn::ops
