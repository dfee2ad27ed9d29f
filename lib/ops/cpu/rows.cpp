#include "ops/cpu/rows.h"

#include "ops/cpu/pack.h"

namespace rn::ops::cpu {
namespace {

template <class P, class T>
P load_or(const T* p, long c, T otherwise) {
  return p ? P::load(p + c) : P::fill(otherwise);
}

template <class T>
struct OperandAt {
  template <class P>
  struct Coefficients {
    P a1, b1, a2;
    // b2 is folded into b1: one shift serves both terms.
    Coefficients(const OperandRows<T>& in, long c)
        : a1(load_or<P>(in.a1, c, Wide<T>(1))),
          b1(load_or<P>(in.b1, c, Wide<T>(0)) + load_or<P>(in.b2, c, Wide<T>(0))),
          a2(load_or<P>(in.a2, c, Wide<T>(1))) {}
  };
};

template <bool has_x2, bool has_relu, bool has_stored, class T, class Y>
void operand_rows_as(const OperandRows<T>& in, std::int64_t rows, std::int64_t channels, Y* y,
                     T* stored) {
  for_packs<Wide<T>>(channels, [&]<class P>(long c) {
    const typename OperandAt<T>::template Coefficients<P> k(in, c);
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t at = row * channels + c;
      P value = P::load(in.x1 + at) * k.a1 + k.b1;
      if constexpr (has_x2) value = value + P::load(in.x2 + at) * k.a2;
      if constexpr (has_relu) value = relu(value);
      value.store(y + at);
      if constexpr (has_stored) value.store(stored + at);
    }
  });
}

template <class F>
void with_bool(bool value, F&& f) {
  if (value) {
    f.template operator()<true>();
  } else {
    f.template operator()<false>();
  }
}

}  // namespace

template <class T, class Y>
void operand_rows(const OperandRows<T>& in, std::int64_t rows, std::int64_t channels, Y* y,
                  T* stored) {
  with_bool(in.x2 != nullptr, [&]<bool x2>() {
    with_bool(in.relu, [&]<bool act>() {
      with_bool(stored != nullptr, [&]<bool store>() {
        operand_rows_as<x2, act, store>(in, rows, channels, y, stored);
      });
    });
  });
}

template <class T, class Y>
void gradient_rows(const GradientRows<T>& in, std::int64_t rows, std::int64_t channels, Y* y,
                   T* stored) {
  with_bool(in.c != nullptr, [&]<bool has_c>() {
    with_bool(in.add != nullptr, [&]<bool has_add>() {
      with_bool(stored != nullptr, [&]<bool store>() {
        for_packs<Wide<T>>(channels, [&]<class P>(long c) {
          const P p = load_or<P>(in.p, c, Wide<T>(1));
          const P q = load_or<P>(in.q, c, Wide<T>(0));
          const P r = load_or<P>(in.r, c, Wide<T>(0));
          for (std::int64_t row = 0; row < rows; ++row) {
            const std::int64_t at = row * channels + c;
            P value = P::load(in.g + at) * p + r;
            if constexpr (has_c) value = value + P::load(in.c + at) * q;
            if constexpr (has_add) value = value + P::load(in.add + at);
            value.store(y + at);
            if constexpr (store) value.store(stored + at);
          }
        });
      });
    });
  });
}

template <class T, class Value, class From>
void mask_rows(const OperandRows<T>& in, const Value* value, const T* shortcut, Wide<T> alpha,
               std::int64_t rows, std::int64_t channels, const From* from, T* d) {
  if constexpr (std::is_same_v<T, From>) {
    if (!in.relu && !shortcut && alpha == Wide<T>(1) && from == d) return;
  }
  with_bool(shortcut != nullptr, [&]<bool has_shortcut>() {
    // 0: no mask; 1: from the value; 2, 3: recomputed from x1, or from x1 and x2
    const auto run = [&]<int mask>() {
      for_packs<Wide<T>>(channels, [&]<class P>(long c) {
        const typename OperandAt<T>::template Coefficients<P> k(in, c);
        const P scale = P::fill(alpha);
        for (std::int64_t row = 0; row < rows; ++row) {
          const std::int64_t at = row * channels + c;
          P g = P::load(from + at) * scale;
          if constexpr (has_shortcut) g = g + P::load(shortcut + at);
          if constexpr (mask == 1) g = where_positive(P::load(value + at), g);
          if constexpr (mask >= 2) {
            P x = P::load(in.x1 + at) * k.a1 + k.b1;
            if constexpr (mask == 3) x = x + P::load(in.x2 + at) * k.a2;
            g = where_positive(x, g);
          }
          g.store(d + at);
        }
      });
    };
    if (!in.relu) {
      run.template operator()<0>();
    } else if (value) {
      run.template operator()<1>();
    } else if (in.x2) {
      run.template operator()<3>();
    } else {
      run.template operator()<2>();
    }
  });
}

template <class T>
void finish_rows(const FinishRows<T>& in, std::int64_t rows, std::int64_t channels,
                 const Wide<T>* from, T* y) {
  with_bool(in.residual != nullptr, [&]<bool has_residual>() {
    with_bool(in.relu, [&]<bool has_relu>() {
      for_packs<Wide<T>>(channels, [&]<class P>(long c) {
        const P scale = load_or<P>(in.scale, c, Wide<T>(1));
        const P shift = load_or<P>(in.shift, c, Wide<T>(0));
        const P beta = load_or<P>(in.beta, c, Wide<T>(1));
        for (std::int64_t row = 0; row < rows; ++row) {
          const std::int64_t at = row * channels + c;
          P value = P::load(from + at) * scale + shift;
          if constexpr (has_residual) value = value + P::load(in.residual + at) * beta;
          if constexpr (has_relu) value = relu(value);
          value.store(y + at);
        }
      });
    });
  });
}

template <class T>
void moments_rows(const T* y, std::int64_t rows, std::int64_t channels, LaneMoments& lane) {
  for (std::int64_t first = 0; first < rows; first += chunk_rows) {
    const std::int64_t n = std::min(chunk_rows, rows - first);
    const T* tile = y + first * channels;
    const double count = static_cast<double>(n);
    const double before = static_cast<double>(lane.count);
    const double total = before + count;
    for_packs<Wide<T>>(channels, [&]<class P>(long c) {
      const P shift = P::load(tile + c);
      P s0 = P::fill(0), s1 = P::fill(0), q0 = P::fill(0), q1 = P::fill(0);
      std::int64_t row = 0;
      for (; row + 1 < n; row += 2) {
        const P a = P::load(tile + row * channels + c) - shift;
        const P b = P::load(tile + (row + 1) * channels + c) - shift;
        s0 = s0 + a;
        s1 = s1 + b;
        q0 = q0 + a * a;
        q1 = q1 + b * b;
      }
      if (row < n) {
        const P a = P::load(tile + row * channels + c) - shift;
        s0 = s0 + a;
        q0 = q0 + a * a;
      }
      Wide<T> sum[P::width], square[P::width], origin[P::width];
      (s0 + s1).store(sum);
      (q0 + q1).store(square);
      shift.store(origin);
      for (int i = 0; i < P::width; ++i) {
        const double s = static_cast<double>(sum[i]);
        const double mean = static_cast<double>(origin[i]) + s / count;
        const double m2 = static_cast<double>(square[i]) - s * s / count;
        double& lane_mean = lane.mean[c + i];
        const double delta = mean - lane_mean;
        lane.m2[c + i] += m2 + delta * delta * before * count / total;
        lane_mean += delta * count / total;
      }
    });
    lane.count += n;
  }
}

template <class T>
void reduce_rows(const T* d, const ReductionRows<T>& reduction, std::int64_t rows,
                 std::int64_t channels) {
  double* sum_out = reduction.sums;
  double* product_out = reduction.sums + channels;
  for (std::int64_t first = 0; first < rows; first += chunk_rows) {
    const std::int64_t n = std::min(chunk_rows, rows - first);
    with_bool(reduction.against != nullptr, [&]<bool has_product>() {
      for_packs<Wide<T>>(channels, [&]<class P>(long c) {
        const T* dp = d + first * channels + c;
        const T* xp = has_product ? reduction.against + first * channels + c : nullptr;
        const P center = load_or<P>(reduction.center, c, Wide<T>(0));
        P s0 = P::fill(0), s1 = P::fill(0), q0 = P::fill(0), q1 = P::fill(0);
        std::int64_t row = 0;
        for (; row + 1 < n; row += 2) {
          const P a = P::load(dp + row * channels);
          const P b = P::load(dp + (row + 1) * channels);
          s0 = s0 + a;
          s1 = s1 + b;
          if constexpr (has_product) {
            q0 = q0 + a * (P::load(xp + row * channels) - center);
            q1 = q1 + b * (P::load(xp + (row + 1) * channels) - center);
          }
        }
        if (row < n) {
          const P a = P::load(dp + row * channels);
          s0 = s0 + a;
          if constexpr (has_product) q0 = q0 + a * (P::load(xp + row * channels) - center);
        }
        Wide<T> sum[P::width], product[P::width];
        (s0 + s1).store(sum);
        (q0 + q1).store(product);
        for (int i = 0; i < P::width; ++i) {
          sum_out[c + i] += static_cast<double>(sum[i]);
          if constexpr (has_product) product_out[c + i] += static_cast<double>(product[i]);
        }
      });
    });
  }
}

void merge_moments(const std::vector<LaneMoments>& lanes, std::int64_t channels, Moments& out) {
  double* mean = out.mean.data<double>();
  double* m2 = out.m2.data<double>();
  std::fill_n(mean, channels, 0.0);
  std::fill_n(m2, channels, 0.0);
  out.count = 0;
  for (const LaneMoments& lane : lanes) {
    if (lane.count == 0) continue;
    const double before = static_cast<double>(out.count);
    const double count = static_cast<double>(lane.count);
    const double total = before + count;
    for (std::int64_t c = 0; c < channels; ++c) {
      const double delta = lane.mean[c] - mean[c];
      m2[c] += lane.m2[c] + delta * delta * before * count / total;
      mean[c] += delta * count / total;
    }
    out.count += lane.count;
  }
}

#define RN_INSTANTIATE_MASK(T, Value, From)                                                       \
  template void mask_rows<T, Value, From>(const OperandRows<T>&, const Value*, const T*, Wide<T>, \
                                          std::int64_t, std::int64_t, const From*, T*);
#define RN_INSTANTIATE_WRITER(T, Y)                                                            \
  template void operand_rows<T, Y>(const OperandRows<T>&, std::int64_t, std::int64_t, Y*, T*); \
  template void gradient_rows<T, Y>(const GradientRows<T>&, std::int64_t, std::int64_t, Y*, T*);
#define RN_INSTANTIATE(T)                                                                        \
  template void finish_rows<T>(const FinishRows<T>&, std::int64_t, std::int64_t, const Wide<T>*, \
                               T*);                                                              \
  template void moments_rows<T>(const T*, std::int64_t, std::int64_t, LaneMoments&);             \
  template void reduce_rows<T>(const T*, const ReductionRows<T>&, std::int64_t, std::int64_t);
RN_INSTANTIATE(float)
RN_INSTANTIATE(double)
RN_INSTANTIATE(bfloat16)
RN_INSTANTIATE_WRITER(float, float)
RN_INSTANTIATE_WRITER(double, double)
RN_INSTANTIATE_WRITER(bfloat16, bfloat16)
RN_INSTANTIATE_WRITER(bfloat16, float)
RN_INSTANTIATE_MASK(float, float, float)
RN_INSTANTIATE_MASK(double, double, double)
RN_INSTANTIATE_MASK(bfloat16, bfloat16, bfloat16)
RN_INSTANTIATE_MASK(bfloat16, bfloat16, float)
RN_INSTANTIATE_MASK(bfloat16, float, float)
#undef RN_INSTANTIATE
#undef RN_INSTANTIATE_WRITER
#undef RN_INSTANTIATE_MASK

}  // namespace rn::ops::cpu
