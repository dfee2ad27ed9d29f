#include "ops/operand.h"

#include "ops/check.h"

namespace rn::ops {
namespace {

Shape channel_vector(const Check& check, const char* name, const Tensor& x) {
  if (x.rank() < 1 || x.shape().back() < 1) {
    fail(ErrorKind::shape, "{}: {} is {}, expected channels as its last axis", check.who(), name,
         x.describe());
  }
  return {x.shape().back()};
}

}  // namespace

void Moments::ensure(std::int64_t channels, Device device) {
  mean.ensure({channels}, Dtype::f64, Tag::statistics, device);
  m2.ensure({channels}, Dtype::f64, Tag::statistics, device);
}

void check(const Operand& input, const char* who) {
  const Check check(who, "input.x1", input.x1);
  const Shape vector = channel_vector(check, "input.x1", input.x1);
  check.optional_vector("input.f1.scale", input.f1.scale, vector);
  check.optional_vector("input.f1.shift", input.f1.shift, vector);
  check.optional("input.x2", input.x2, input.shape());
  if (!input.x2 && (input.f2.scale || input.f2.shift)) {
    fail(ErrorKind::shape, "{}: input.f2 is given, but input.x2 is missing", who);
  }
  check.optional_vector("input.f2.scale", input.f2.scale, vector);
  check.optional_vector("input.f2.shift", input.f2.shift, vector);
  check.optional("input.stored", input.stored, input.shape());
}

void check(const Gradient& gradient, const char* who) {
  const Check check(who, "gradient.g", gradient.g);
  const Shape vector = channel_vector(check, "gradient.g", gradient.g);
  check.optional_vector("gradient.p", gradient.p, vector);
  check.optional_vector("gradient.q", gradient.q, vector);
  check.optional_vector("gradient.r", gradient.r, vector);
  if (gradient.q) check.tensor("gradient.c", gradient.c, gradient.shape());
  check.optional("gradient.add", gradient.add, gradient.shape());
  check.optional("gradient.stored", gradient.stored, gradient.shape());
}

void check(const Reductions& reductions, const Tensor& d, const char* who) {
  for (const Reduction& reduction : reductions) {
    if (!reduction.sums) continue;
    const Check check(who, "d_input", d);
    const Shape vector = channel_vector(check, "d_input", d);
    check.typed("reduction.sums", reduction.sums, {2, vector[0]}, Dtype::f64);
    check.optional("reduction.against", reduction.against, d.shape());
    check.optional_vector("reduction.center", reduction.center, vector);
    if (reduction.center && !reduction.against) {
      fail(ErrorKind::shape, "{}: reduction.center is given, but reduction.against is missing",
           who);
    }
  }
}

}  // namespace rn::ops
