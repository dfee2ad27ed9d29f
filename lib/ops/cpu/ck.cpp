#include "ops/cpu/ck.h"

#include <algorithm>
#include <cmath>

#include "ops/cpu/lanes.h"

namespace rn::ops::cpu {
namespace {

// What x(l+1-i) counts in x(l+1), i = 1 .. k: -(-1)^i C(k, i).
struct Past {
  int copies = 1;
  double of[ck_most_order] = {0, 0, 0};
  double dl_k = 1;  // dl^k
};

Past past(const CkStep& step) {
  Past p;
  p.copies = ck_copies(step.order);
  double binomial = 1, sign = 1;
  for (int i = 1; i <= step.order; ++i) {
    binomial = binomial * (step.order - i + 1) / i;
    p.of[i - 1] = sign * binomial * step.shortcut;
    sign = -sign;
    p.dl_k *= step.dl;
  }
  return p;
}

double value(Curve act, double z) {
  switch (act) {
    case Curve::tanh: return std::tanh(z);
    case Curve::sigmoid: return 1 / (1 + std::exp(-z));
    case Curve::relu: return z > 0 ? z : 0;
    case Curve::linear: return z;
  }
  return z;
}

double slope(Curve act, double z) {
  switch (act) {
    case Curve::tanh: {  // 1 - tanh^2, without cancellation where it is nearly 0
      const double e = std::exp(-2 * std::abs(z));
      return 4 * e / ((1 + e) * (1 + e));
    }
    case Curve::sigmoid: {
      const double e = std::exp(-std::abs(z));
      return e / ((1 + e) * (1 + e));
    }
    case Curve::relu: return z > 0 ? 1 : 0;
    case Curve::linear: return 1;
  }
  return 1;
}

template <class T>
double preactivation(const T* row, const T* bias, std::int64_t i, const T* x, std::int64_t d) {
  double z = static_cast<double>(bias[i]);
  for (std::int64_t j = 0; j < d; ++j) {
    z += static_cast<double>(row[j]) * static_cast<double>(x[j]);
  }
  return z;
}

// Calls body(lane) for all lanes, in parallel where that pays.
template <class F>
void for_lanes(std::int64_t rows, std::int64_t width, F&& body) {
  if (rows * (width * width + 8 * width) >= 1 << 16) return parallel_for(lanes(), body);
  for (int lane = 0; lane < lanes(); ++lane) body(lane);
}

// Calls body(n) for all rows.
template <class F>
void for_rows(std::int64_t rows, std::int64_t width, F&& body) {
  for_lanes(rows, width, [&](int lane) {
    const Range range = lane_range(rows, lanes(), lane);
    for (std::int64_t n = range.begin; n < range.end; ++n) body(n);
  });
}

}  // namespace

void ck_forward(const CkStep& step, const Tensor& state, const Tensor& weights, const Tensor& bias,
                const Tensor& output) {
  const std::int64_t d = weights.dim(0), s = state.dim(1);
  const Past p = past(step);
  with_float(state.dtype(), "ck_forward", [&]<class T>() {
    const T *w = weights.data<T>(), *b = bias.data<T>(), *from = state.data<T>();
    T* to = output.data<T>();
    for_rows(state.dim(0), d, [&](std::int64_t n) {
      const T* x = from + n * s;
      T* y = to + n * s;
      for (std::int64_t i = 0; i < d; ++i) {
        double next = step.branch == 0 ? 0
                                       : step.branch * p.dl_k *
                                             value(step.act, preactivation(w + i * d, b, i, x, d));
        for (int k = 0; k < step.order; ++k) next += p.of[k] * static_cast<double>(x[k * d + i]);
        y[i] = static_cast<T>(next);
      }
      std::copy(x, x + s - d, y + d);  // what was the newest is now one older
    });
  });
}

void ck_backward(const CkStep& step, const Tensor& d_output, const Tensor& state,
                 const Tensor& weights, const Tensor& bias, const Tensor& d_state,
                 const Tensor& d_weights, const Tensor& d_bias) {
  const std::int64_t d = weights.dim(0), s = state.dim(1), size = d * d + d;
  const Past p = past(step);
  const double factor = step.branch * p.dl_k;
  const bool sums = d_weights || d_bias;
  with_float(state.dtype(), "ck_backward", [&]<class T>() {
    const T *w = weights.data<T>(), *b = bias.data<T>(), *from = state.data<T>(),
            *gradient = d_output.data<T>();
    T* into = d_state ? d_state.data<T>() : nullptr;
    double* partial = sums ? scratch<double>(Slot::partial, lanes() * size) : nullptr;
    if (sums) std::fill(partial, partial + lanes() * size, 0.0);
    for_lanes(state.dim(0), d, [&](int lane) {
      const Range range = lane_range(state.dim(0), lanes(), lane);
      double* inner = scratch<double>(Slot::vector, s);
      double* own = sums ? partial + lane * size : nullptr;
      for (std::int64_t n = range.begin; n < range.end; ++n) {
        const T *x = from + n * s, *g = gradient + n * s;
        std::fill(inner, inner + s, 0.0);
        for (int k = 0; k < step.order; ++k) {
          for (std::int64_t i = 0; i < d; ++i) {
            inner[k * d + i] += p.of[k] * static_cast<double>(g[i]);
          }
        }
        for (std::int64_t i = 0; i < s - d; ++i) inner[i] += static_cast<double>(g[d + i]);
        for (std::int64_t i = 0; i < d && factor != 0; ++i) {
          const double z = preactivation(w + i * d, b, i, x, d);
          const double d_z = factor * slope(step.act, z) * static_cast<double>(g[i]);
          for (std::int64_t j = 0; j < d; ++j) inner[j] += d_z * static_cast<double>(w[i * d + j]);
          if (!own) continue;
          for (std::int64_t j = 0; j < d; ++j) own[i * d + j] += d_z * static_cast<double>(x[j]);
          own[d * d + i] += d_z;
        }
        if (!into) continue;
        T* to = into + n * s;
        for (std::int64_t i = 0; i < s; ++i) to[i] = static_cast<T>(inner[i]);
      }
    });
    T *to_weights = d_weights ? d_weights.data<T>() : nullptr,
      *to_bias = d_bias ? d_bias.data<T>() : nullptr;
    for (std::int64_t i = 0; sums && i < size; ++i) {
      double sum = 0;
      for (int lane = 0; lane < lanes(); ++lane) sum += partial[lane * size + i];
      if (i < d * d && to_weights) to_weights[i] += static_cast<T>(sum);
      if (i >= d * d && to_bias) to_bias[i - d * d] += static_cast<T>(sum);
    }
  });
}

void ck_tangent(const CkStep& step, const Tensor& d_state, const Tensor& state,
                const Tensor& weights, const Tensor& bias, const Tensor& d_output) {
  const std::int64_t d = weights.dim(0), s = state.dim(1);
  const Past p = past(step);
  const double factor = step.branch * p.dl_k;
  with_float(state.dtype(), "ck_tangent", [&]<class T>() {
    const T *w = weights.data<T>(), *b = bias.data<T>(), *from = state.data<T>(),
            *along = d_state.data<T>();
    T* to = d_output.data<T>();
    for_rows(state.dim(0), d, [&](std::int64_t n) {
      const T *x = from + n * s, *t = along + n * s;
      T* y = to + n * s;
      for (std::int64_t i = 0; i < d; ++i) {
        double next = 0;
        if (factor != 0) {
          double d_z = 0;
          for (std::int64_t j = 0; j < d; ++j) {
            d_z += static_cast<double>(w[i * d + j]) * static_cast<double>(t[j]);
          }
          next = factor * slope(step.act, preactivation(w + i * d, b, i, x, d)) * d_z;
        }
        for (int k = 0; k < step.order; ++k) next += p.of[k] * static_cast<double>(t[k * d + i]);
        y[i] = static_cast<T>(next);
      }
      std::copy(t, t + s - d, y + d);
    });
  });
}

void ck_lift(const Tensor& x, int copies, const Tensor& state) {
  const std::int64_t c = x.dim(1), s = state.dim(1), d = s / copies;
  with_float(x.dtype(), "ck_lift", [&]<class T>() {
    const T* points = x.data<T>();
    T* into = state.data<T>();
    for_rows(x.dim(0), d, [&](std::int64_t n) {
      const T* from = points + n * c;
      for (int k = 0; k < copies; ++k) {
        T* to = into + n * s + k * d;
        std::copy(from, from + c, to);
        std::fill(to + c, to + d, T(0));
      }
    });
  });
}

void ck_lift_backward(const Tensor& d_state, int copies, const Tensor& d_x) {
  const std::int64_t c = d_x.dim(1), s = d_state.dim(1), d = s / copies;
  with_float(d_x.dtype(), "ck_lift_backward", [&]<class T>() {
    const T* from = d_state.data<T>();
    T* to = d_x.data<T>();
    for_rows(d_x.dim(0), d, [&](std::int64_t n) {
      for (std::int64_t i = 0; i < c; ++i) {
        double sum = 0;
        for (int k = 0; k < copies; ++k) {
          sum += static_cast<double>(from[n * s + k * d + i]);
        }
        to[n * c + i] = static_cast<T>(sum);
      }
    });
  });
}

void ck_project(const Tensor& state, const Tensor& x) {
  const std::int64_t d = x.dim(1), s = state.dim(1);
  with_float(x.dtype(), "ck_project", [&]<class T>() {
    const T* from = state.data<T>();
    T* to = x.data<T>();
    for_rows(x.dim(0), d, [&](std::int64_t n) { std::copy_n(from + n * s, d, to + n * d); });
  });
}

void ck_project_backward(const Tensor& d_x, const Tensor& d_state) {
  const std::int64_t d = d_x.dim(1), s = d_state.dim(1);
  with_float(d_x.dtype(), "ck_project_backward", [&]<class T>() {
    const T* from = d_x.data<T>();
    T* into = d_state.data<T>();
    for_rows(d_x.dim(0), d, [&](std::int64_t n) {
      T* to = into + n * s;
      std::copy_n(from + n * d, d, to);
      std::fill(to + d, to + s, T(0));
    });
  });
}

}  // namespace rn::ops::cpu
