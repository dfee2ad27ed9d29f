// From tensors by name to the ops' argument structs.
#pragma once

#include "ops/case.h"
#include "ops/operand.h"

namespace rn::test {

inline ops::Operand operand_of(const Tensors& t, bool relu) {
  return {t("x1"),
          {t("a1"), t("b1")},
          t("x2"),
          {t("a2"), t("b2")},
          relu ? ops::Activation::relu : ops::Activation::none,
          t("stored")};
}

inline ops::Gradient gradient_of(const Tensors& t) {
  return {t("g"), t("p"), t("c"), t("q"), t("r"), t("add"), t("g_stored")};
}

inline ops::Reductions reductions_of(const Tensors& t) {
  return {ops::Reduction{t("against0"), t("center0"), t("sums0")},
          ops::Reduction{t("against1"), t("center1"), t("sums1")}};
}

// Runs `call` with moments if the case has them, and puts them among the tensors.
template <class F>
void with_moments(Tensors& t, F&& call) {
  if (!t("moments.mean")) {
    call(static_cast<ops::Moments*>(nullptr));
    return;
  }
  ops::Moments moments;
  call(&moments);
  t.set("moments.mean", moments.mean);
  t.set("moments.m2", moments.m2);
  t("moments.count").data<double>()[0] = static_cast<double>(moments.count);
}

inline void add_moments(std::vector<Spec>& specs, std::int64_t channels) {
  specs.push_back({"moments.mean", {channels}, Role::out, normal(), Dtype::f64, 1, false});
  specs.push_back({"moments.m2", {channels}, Role::out, normal(), Dtype::f64, 1, false});
  specs.push_back({"moments.count", {1}, Role::host, normal(), Dtype::f64, 0, false});
}

inline void reference_moments(Values& want, const Array& y) {
  if (!find(want, "moments.mean")) return;
  const ReferenceMoments m = moments(y);
  want["moments.mean"] = m.mean;
  want["moments.m2"] = m.m2;
  want["moments.count"] = Array({1}, static_cast<double>(y.size() / y.dim(-1)));
}

}  // namespace rn::test
