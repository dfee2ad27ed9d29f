#include "ops/cpu/lanes.h"
#include "ops/cpu/ops.h"

namespace rn::ops::cpu {

void operand_forward(const Operand& input, const Tensor& output, Moments* moments) {
  const std::int64_t channels = output.dim(-1), rows = output.size() / channels;
  with_activation(output.dtype(), "operand_forward", [&]<class T>() {
    const OperandRows<T> in(input);
    T* y = output.data<T>();
    T* stored =
        input.stored && input.stored.raw() != output.raw() ? input.stored.data<T>() : nullptr;
    std::vector<LaneMoments> lanes_of;
    if (moments) lanes_of = lane_moments(channels);
    for_tiles(rows, channels, [&](int lane, std::int64_t begin, std::int64_t end) {
      const std::int64_t at = begin * channels;
      operand_rows(in.at(at), end - begin, channels, y + at, stored ? stored + at : nullptr);
      if (moments) {
        moments_rows(y + at, end - begin, channels, lanes_of[static_cast<std::size_t>(lane)]);
      }
    });
    if (moments) merge_moments(lanes_of, channels, *moments);
  });
}

void operand_backward(const Gradient& gradient, const Operand& input, const Tensor& d_input,
                      const Reductions& reductions) {
  const std::int64_t channels = d_input.dim(-1), rows = d_input.size() / channels;
  with_activation(d_input.dtype(), "operand_backward", [&]<class T>() {
    const GradientRows<T> from(gradient);
    const OperandRows<T> in(input);
    T* d = d_input.data<T>();
    T* stored = gradient.stored ? gradient.stored.data<T>() : nullptr;
    const T* value = input.stored ? input.stored.data<T>() : nullptr;
    const LaneSums<T> sums(reductions, channels);
    for_tiles(rows, channels, [&](int lane, std::int64_t begin, std::int64_t end) {
      const std::int64_t at = begin * channels, count = end - begin;
      gradient_rows(from.at(at), count, channels, d + at, stored ? stored + at : nullptr);
      if (in.relu) {
        mask_rows<T, T>(in.at(at), value ? value + at : nullptr, nullptr, Wide<T>(1), count,
                        channels, d + at, d + at);
      }
      sums.add(lane, d + at, begin, count);
    });
    sums.finish();
  });
}

void gradient_forward(const Gradient& gradient, const Tensor& output) {
  const std::int64_t channels = output.dim(-1), rows = output.size() / channels;
  with_activation(output.dtype(), "gradient_forward", [&]<class T>() {
    const GradientRows<T> from(gradient);
    T* y = output.data<T>();
    T* stored = gradient.stored && gradient.stored.raw() != output.raw() ? gradient.stored.data<T>()
                                                                         : nullptr;
    for_tiles(rows, channels, [&](int, std::int64_t begin, std::int64_t end) {
      const std::int64_t at = begin * channels;
      gradient_rows(from.at(at), end - begin, channels, y + at, stored ? stored + at : nullptr);
    });
  });
}

void axpby(double alpha, const Tensor& x, double beta, const Tensor& y) {
  with_activation(x.dtype(), "axpby", [&]<class T>() {
    using W = Wide<T>;
    const W a = static_cast<W>(alpha), b = static_cast<W>(beta);
    const T* from = x.data<T>();
    T* to = y.data<T>();
    parallel_for(lanes(), [&](int lane) {
      const Range range = lane_range(x.size(), lanes(), lane);
      if (b == 0) {
        for (std::int64_t i = range.begin; i < range.end; ++i) to[i] = T(a * from[i]);
      } else {
        for (std::int64_t i = range.begin; i < range.end; ++i) to[i] = T(a * from[i] + b * to[i]);
      }
    });
  });
}

void gated_product_forward(double gate, const Tensor& a, const Tensor& m, const Tensor& output) {
  with_activation(a.dtype(), "gated_product_forward", [&]<class T>() {
    using W = Wide<T>;
    const W g = static_cast<W>(gate), rest = W(1) - g;
    const T *x = a.data<T>(), *by = m.data<T>();
    T* y = output.data<T>();
    parallel_for(lanes(), [&](int lane) {
      const Range range = lane_range(a.size(), lanes(), lane);
      for (std::int64_t i = range.begin; i < range.end; ++i) y[i] = T(x[i] * (rest + g * by[i]));
    });
  });
}

void gated_product_backward(double gate, const Tensor& d_output, const Tensor& a, const Tensor& m,
                            const Tensor& d_a, const Tensor& d_m) {
  with_activation(a.dtype(), "gated_product_backward", [&]<class T>() {
    using W = Wide<T>;
    const W g = static_cast<W>(gate), rest = W(1) - g;
    const T *d = d_output.data<T>(), *x = a.data<T>(), *by = m.data<T>();
    T *d_x = d_a.data<T>(), *d_by = d_m.data<T>();
    parallel_for(lanes(), [&](int lane) {
      const Range range = lane_range(a.size(), lanes(), lane);
      for (std::int64_t i = range.begin; i < range.end; ++i) {
        const W from = d[i];
        d_x[i] = T(from * (rest + g * by[i]));
        d_by[i] = T(g * from * x[i]);
      }
    });
  });
}

}  // namespace rn::ops::cpu
