// Building blocks of the table of cases.
#include <cmath>
#include <stdexcept>

#include "base/error.h"
#include "ops/case.h"

namespace rn::test {

Fill normal(double mean, double deviation) {
  return [=](Rng& rng) { return mean + deviation * rng.normal(); };
}

Fill uniform(double lo, double hi) {
  return [=](Rng& rng) { return rng.uniform(lo, hi); };
}

Fill scales() {
  return [](Rng& rng) { return (rng.coin() ? 1 : -1) * rng.uniform(0.5, 1.5); };
}

Fill labels(int classes) {
  return [=](Rng& rng) { return static_cast<double>(rng.below(static_cast<unsigned>(classes))); };
}

std::string to_string(const OperandOptions& o) {
  std::string name;
  if (o.a1) name += "-a1";
  if (o.b1) name += "-b1";
  if (o.x2) name += "-x2";
  if (o.a2) name += "-a2";
  if (o.b2) name += "-b2";
  if (o.relu) name += "-relu";
  if (o.stored) name += "-stored";
  return name;
}

void add_operand(std::vector<Spec>& specs, const OperandOptions& o, const Shape& shape,
                 Role stored) {
  const Shape vector{shape.back()};
  specs.push_back({"x1", shape});
  // Vectors stay f32 beside bf16.
  const auto optional = [&](bool given, const char* name, const Shape& of, const Fill& fill,
                            Role role = Role::in) {
    const Dtype dtype = of == vector ? Dtype::f32 : Dtype::bf16;
    if (given) specs.push_back({name, of, role, fill, dtype, 0, false});
  };
  optional(o.a1, "a1", vector, scales());
  optional(o.b1, "b1", vector, normal());
  optional(o.x2, "x2", shape, normal());
  optional(o.a2, "a2", vector, scales());
  optional(o.b2, "b2", vector, normal());
  optional(o.stored, "stored", shape, normal(), stored);
}

std::string to_string(const GradientOptions& o) {
  std::string name;
  if (o.p) name += "-p";
  if (o.q) name += "-q";
  if (o.r) name += "-r";
  if (o.add) name += "-add";
  if (o.stored) name += "-gstored";
  return name;
}

void add_gradient(std::vector<Spec>& specs, const GradientOptions& o, const Shape& shape) {
  const Shape vector{shape.back()};
  specs.push_back({"g", shape});
  // Vectors stay f32 beside bf16.
  const auto optional = [&](bool given, const char* name, const Shape& of, const Fill& fill,
                            Role role = Role::in) {
    const Dtype dtype = of == vector ? Dtype::f32 : Dtype::bf16;
    if (given) specs.push_back({name, of, role, fill, dtype, 0, false});
  };
  optional(o.p, "p", vector, scales());
  if (o.q) specs.push_back({"c", shape});  // q needs it
  optional(o.q, "q", vector, normal());
  optional(o.r, "r", vector, normal());
  optional(o.add, "add", shape, normal());
  optional(o.stored, "g_stored", shape, normal(), Role::out);
}

void add_reductions(std::vector<Spec>& specs, Reduce first, Reduce second, const Shape& shape) {
  const std::int64_t channels = shape.back();
  int number = 0;
  for (const Reduce reduce : {first, second}) {
    const std::string n = std::to_string(number++);
    if (reduce == Reduce::none) continue;
    specs.push_back({"sums" + n, {2, channels}, Role::out, normal(), Dtype::f64, 1, false});
    if (reduce == Reduce::plain) continue;
    specs.push_back({"against" + n, shape, Role::in, normal(), Dtype::bf16, 0, false});
    if (reduce == Reduce::centered) {
      specs.push_back({"center" + n, {channels}, Role::in, normal(), Dtype::f32, 0, false});
    }
  }
}

void reference_reductions(Values& want, const Array& d) {
  for (const std::string n : {"0", "1"}) {
    if (!find(want, "sums" + n)) continue;
    want["sums" + n] = reduction(d, find(want, "against" + n), find(want, "center" + n));
  }
}

std::vector<Derivative> operand_derivatives(const OperandOptions& o) {
  std::vector<Derivative> list;
  const auto scaled = [](const char* scale) {
    return [scale](const Values& values) {
      Array d = values.at("d_input");
      if (const Array* a = find(values, scale)) {
        for (std::int64_t i = 0; i < d.size(); ++i) d[i] *= (*a)[i % a->size()];
      }
      return d;
    };
  };
  const auto summed = [](const char* with) {
    return [with](const Values& values) {
      const Array &d = values.at("d_input"), *x = find(values, with);
      Array sum({d.dim(-1)});
      for (std::int64_t i = 0; i < d.size(); ++i) sum[i % sum.size()] += d[i] * (x ? (*x)[i] : 1);
      return sum;
    };
  };
  list.push_back({"x1", scaled("a1")});
  if (o.a1) list.push_back({"a1", summed("x1")});
  if (o.b1) list.push_back({"b1", summed("")});
  if (o.x2) list.push_back({"x2", scaled("a2")});
  if (o.a2) list.push_back({"a2", summed("x2")});
  if (o.b2) list.push_back({"b2", summed("")});
  return list;
}

void expect_refused(const std::string& op, const std::string& what,
                    const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    const std::string message = error.what();
    if (error.kind() != ErrorKind::shape) {
      throw std::runtime_error("refuses " + what + ", but not as a shape error: " + message);
    }
    if (message.rfind(op + ":", 0) != 0) {
      throw std::runtime_error("refuses " + what + " without naming " + op + ": " + message);
    }
    return;
  }
  throw std::runtime_error("accepts " + what);
}

}  // namespace rn::test
