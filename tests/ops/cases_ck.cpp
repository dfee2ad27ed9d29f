// Layers of C^k networks.
#include <cmath>

#include "ops/case.h"
#include "ops/ck.h"

namespace rn::test {
namespace {

double act(ops::Curve curve, double z) {
  switch (curve) {
    case ops::Curve::tanh: return std::tanh(z);
    case ops::Curve::sigmoid: return 1 / (1 + std::exp(-z));
    case ops::Curve::relu: return z > 0 ? z : 0;
    case ops::Curve::linear: return z;
  }
  return z;
}

double slope(ops::Curve curve, double z) {
  const double y = act(curve, z);
  switch (curve) {
    case ops::Curve::tanh: return 1 - y * y;
    case ops::Curve::sigmoid: return y * (1 - y);
    case ops::Curve::relu: return z > 0 ? 1 : 0;
    case ops::Curve::linear: return 1;
  }
  return 1;
}

// x(l+1) solved from the finite difference, whose coefficients are written down.
double next(const ops::CkStep& step, const double* state, std::int64_t d, std::int64_t i,
            double f) {
  const double h = step.dl;
  const auto x = [&](int k) { return step.shortcut * state[k * d + i]; };
  switch (step.order) {
    case 0: return step.branch * f;
    case 1: return x(0) + step.branch * h * f;
    case 2: return 2 * x(0) - x(1) + step.branch * h * h * f;
    default: return 3 * x(0) - 3 * x(1) + x(2) + step.branch * h * h * h * f;
  }
}

Array forward(const ops::CkStep& step, const Array& state, const Array& w, const Array& b) {
  const std::int64_t n = state.dim(0), s = state.dim(1), d = w.dim(0);
  Array out(state.shape);
  for (std::int64_t p = 0; p < n; ++p) {
    for (std::int64_t i = 0; i < d; ++i) {
      double z = b[i];
      for (std::int64_t j = 0; j < d; ++j) z += w[i * d + j] * state[p * s + j];
      out[p * s + i] = next(step, state.v.data() + p * s, d, i, act(step.act, z));
    }
    for (std::int64_t i = d; i < s; ++i) out[p * s + i] = state[p * s + i - d];
  }
  return out;
}

// The layer's Jacobian at row p, [s, s].
Array jacobian(const ops::CkStep& step, const Array& state, std::int64_t p, const Array& w,
               const Array& b) {
  const std::int64_t s = state.dim(1), d = w.dim(0);
  Array out({s, s});
  for (std::int64_t i = 0; i < d; ++i) {
    double z = b[i];
    for (std::int64_t j = 0; j < d; ++j) z += w[i * d + j] * state[p * s + j];
    const std::vector<double> zero(static_cast<std::size_t>(s), 0);
    for (std::int64_t j = 0; j < d; ++j) {
      out[i * s + j] = next(step, zero.data(), d, i, slope(step.act, z) * w[i * d + j]);
    }
    for (std::int64_t j = 0; j < s; ++j) {
      std::vector<double> unit = zero;
      unit[static_cast<std::size_t>(j)] = 1;
      if (step.order > 0) out[i * s + j] += next(step, unit.data(), d, i, 0);
    }
  }
  for (std::int64_t i = d; i < s; ++i) out[i * s + i - d] = 1;
  return out;
}

void add(Cases& cases, std::int64_t n, std::int64_t d, const ops::CkStep& step,
         const std::string& what) {
  const std::int64_t s = d * ops::ck_copies(step.order);
  Case of;
  of.op = "ck";
  of.name = fmt::format("{}x{}-order{}-{}", n, d, step.order, what);
  Step ahead;
  ahead.op = "ck_forward";
  ahead.specs = {
      {"state", {n, s}}, {"weights", {d, d}}, {"bias", {d}}, {"output", {n, s}, Role::out}};
  ahead.run = [step](Tensors& t, Stream& stream) {
    ops::ck_forward(step, t("state"), t("weights"), t("bias"), t("output"), stream);
  };
  ahead.reference = [step](Values& v) {
    v["output"] = forward(step, v["state"], v["weights"], v["bias"]);
  };
  Step back;
  back.op = "ck_backward";
  back.specs = {{"d_output", {n, s}},
                {"state", {n, s}},
                {"weights", {d, d}},
                {"bias", {d}},
                {"d_state", {n, s}, Role::out, normal(), Dtype::bf16, 1, false},
                {"d_weights", {d, d}, Role::add, normal(), Dtype::bf16, 1, false},
                {"d_bias", {d}, Role::add, normal(), Dtype::bf16, 1, false}};
  back.run = [step](Tensors& t, Stream& stream) {
    ops::ck_backward(step, t("d_output"), t("state"), t("weights"), t("bias"), t("d_state"),
                     t("d_weights"), t("d_bias"), stream);
  };
  back.reference = [step](Values& v) {
    const Array &x = v["state"], &w = v["weights"], &b = v["bias"], &g = v["d_output"];
    const std::int64_t rows = x.dim(0), size = x.dim(1), width = w.dim(0);
    Array d_state(x.shape);
    double h = 1;
    for (int k = 0; k < step.order; ++k) h *= step.dl;
    for (std::int64_t p = 0; p < rows; ++p) {
      const Array j = jacobian(step, x, p, w, b);
      for (std::int64_t i = 0; i < size; ++i) {
        for (std::int64_t k = 0; k < size; ++k) {
          d_state[p * size + k] += g[p * size + i] * j[i * size + k];
        }
      }
      for (std::int64_t i = 0; i < width; ++i) {
        double z = b[i];
        for (std::int64_t k = 0; k < width; ++k) z += w[i * width + k] * x[p * size + k];
        const double d_z = step.branch * h * slope(step.act, z) * g[p * size + i];
        for (std::int64_t k = 0; k < width; ++k) {
          v["d_weights"][i * width + k] += d_z * x[p * size + k];
        }
        v["d_bias"][i] += d_z;
      }
    }
    v["d_state"] = d_state;
  };
  Step along;
  along.op = "ck_tangent";
  along.specs = {{"d_state", {n, s}},
                 {"state", {n, s}},
                 {"weights", {d, d}},
                 {"bias", {d}},
                 {"tangent", {n, s}, Role::out}};
  along.run = [step](Tensors& t, Stream& stream) {
    ops::ck_tangent(step, t("d_state"), t("state"), t("weights"), t("bias"), t("tangent"), stream);
  };
  along.reference = [step](Values& v) {
    const Array& x = v["state"];
    const std::int64_t rows = x.dim(0), size = x.dim(1);
    Array out(x.shape);
    for (std::int64_t p = 0; p < rows; ++p) {
      const Array j = jacobian(step, x, p, v["weights"], v["bias"]);
      for (std::int64_t i = 0; i < size; ++i) {
        for (std::int64_t k = 0; k < size; ++k) {
          out[p * size + i] += j[i * size + k] * v["d_state"][p * size + k];
        }
      }
    }
    v["tangent"] = out;
  };
  of.steps = {ahead, back};
  of.loss = [](const Values& v) {
    double sum = 0;
    for (std::int64_t i = 0; i < v.at("output").size(); ++i) {
      sum += v.at("output")[i] * v.at("d_output")[i];
    }
    return sum;
  };
  for (const std::string name : {"state", "weights", "bias"}) {
    of.derivatives.push_back({name, [name](const Values& v) { return v.at("d_" + name); }});
  }
  cases.push_back(of);
  Case tangent;
  tangent.op = "ck";
  tangent.name = of.name + "-tangent";
  tangent.steps = {along};
  cases.push_back(std::move(tangent));
}

void add_lift(Cases& cases, std::int64_t n, std::int64_t c, std::int64_t d, int copies) {
  const std::int64_t s = copies * d;
  Case of;
  of.op = "ck";
  of.name = fmt::format("lift-{}x{}-{}x{}", n, c, copies, d);
  Step lift;
  lift.op = "ck_lift";
  // Other widths are other lifts, no errors.
  lift.rejects = false;
  lift.specs = {{"x", {n, c}}, {"state", {n, s}, Role::out}};
  lift.run = [copies](Tensors& t, Stream& stream) {
    ops::ck_lift(t("x"), copies, t("state"), stream);
  };
  lift.reference = [copies, d](Values& v) {
    const std::int64_t rows = v["x"].dim(0), numbers = v["x"].dim(1);
    for (std::int64_t p = 0; p < rows; ++p) {
      for (std::int64_t i = 0; i < copies * d; ++i) {
        v["state"][p * copies * d + i] = i % d < numbers ? v["x"][p * numbers + i % d] : 0;
      }
    }
  };
  Step back;
  back.op = "ck_lift_backward";
  back.rejects = false;
  back.specs = {{"d_state", {n, s}}, {"d_x", {n, c}, Role::out}};
  back.run = [copies](Tensors& t, Stream& stream) {
    ops::ck_lift_backward(t("d_state"), copies, t("d_x"), stream);
  };
  back.reference = [copies, d](Values& v) {
    const std::int64_t rows = v["d_x"].dim(0), numbers = v["d_x"].dim(1);
    for (std::int64_t p = 0; p < rows; ++p) {
      for (std::int64_t i = 0; i < numbers; ++i) {
        v["d_x"][p * numbers + i] = 0;
        for (int k = 0; k < copies; ++k) {
          v["d_x"][p * numbers + i] += v["d_state"][p * copies * d + k * d + i];
        }
      }
    }
  };
  of.steps = {lift, back};
  of.loss = [](const Values& v) {
    double sum = 0;
    for (std::int64_t i = 0; i < v.at("state").size(); ++i) {
      sum += v.at("state")[i] * v.at("d_state")[i];
    }
    return sum;
  };
  of.derivatives.push_back({"x", [](const Values& v) { return v.at("d_x"); }});
  cases.push_back(std::move(of));

  Case head;
  head.op = "ck";
  head.name = fmt::format("project-{}x{}-{}", n, s, d);
  Step project;
  project.op = "ck_project";
  project.rejects = false;
  project.specs = {{"state", {n, s}}, {"x", {n, d}, Role::out}};
  project.run = [](Tensors& t, Stream& stream) { ops::ck_project(t("state"), t("x"), stream); };
  project.reference = [s, d](Values& v) {
    for (std::int64_t i = 0; i < v["x"].size(); ++i) v["x"][i] = v["state"][i / d * s + i % d];
  };
  Step from;
  from.op = "ck_project_backward";
  from.rejects = false;
  from.specs = {{"d_x", {n, d}}, {"d_state", {n, s}, Role::out}};
  from.run = [](Tensors& t, Stream& stream) {
    ops::ck_project_backward(t("d_x"), t("d_state"), stream);
  };
  from.reference = [s, d](Values& v) {
    for (std::int64_t i = 0; i < v["d_state"].size(); ++i) {
      v["d_state"][i] = i % s < d ? v["d_x"][i / s * d + i % s] : 0;
    }
  };
  head.steps = {project, from};
  head.loss = [](const Values& v) {
    double sum = 0;
    for (std::int64_t i = 0; i < v.at("x").size(); ++i) sum += v.at("x")[i] * v.at("d_x")[i];
    return sum;
  };
  head.derivatives.push_back({"state", [](const Values& v) { return v.at("d_state"); }});
  cases.push_back(std::move(head));
}

}  // namespace

void ck_cases(Cases& cases) {
  using ops::Curve;
  for (int order = 0; order <= ops::ck_most_order; ++order) {
    add(cases, 5, 2, {order, 0.5, Curve::tanh}, "tanh");
    add(cases, 33, 3, {order, 1, Curve::sigmoid, 0.7, 0.4}, "sigmoid-gated");
    add(cases, 2, 1, {order, 2, Curve::linear}, "linear");
    add(cases, 17, 4, {order, 0.25, Curve::relu, 1, 0}, "relu-branch");
  }
  add(cases, 4, 2, {1, 1, Curve::tanh, 0, 1}, "shortcut");
  add_lift(cases, 5, 2, 2, 1);
  add_lift(cases, 18, 2, 3, 2);
  add_lift(cases, 3, 1, 1, 3);
}

}  // namespace rn::test
