#include "ops/cpu/stream.h"

#include <cmath>

#include "ops/cpu/lanes.h"

namespace rn::ops::cpu {
namespace {

// The nearest multiple of a power of two, ties to even.
template <class W>
struct Grid {
  W step, inverse;
  explicit Grid(double grid) : step(static_cast<W>(grid)), inverse(static_cast<W>(1 / grid)) {}
  W operator()(W x) const { return std::nearbyint(x * inverse) * step; }
};

// The largest of the lanes. A NaN is none.
class LaneLargest {
 public:
  LaneLargest() : of_(static_cast<std::size_t>(lanes()), 0.0) {}
  template <class W>
  void see(int lane, const W* y, std::int64_t count) {
    W most = 0;
    for (std::int64_t k = 0; k < count; ++k) {
      const W magnitude = std::abs(y[k]);
      most = magnitude > most ? magnitude : most;
    }
    double& largest = of_[static_cast<std::size_t>(lane)];
    largest = std::max(largest, static_cast<double>(most));
  }
  double value() const { return *std::max_element(of_.begin(), of_.end()); }

 private:
  std::vector<double> of_;
};

// The tile's value as W: x itself where that is its type already.
template <class W, class T>
const W* widened(const T* x, std::int64_t count) {
  if constexpr (std::is_same_v<W, T>) {
    return x;
  } else {
    W* wide = scratch<W>(Slot::input, count);
    for (std::int64_t k = 0; k < count; ++k) wide[k] = static_cast<W>(x[k]);
    return wide;
  }
}

// f with T the type of `x`, which is W or, beside f32, bf16.
template <class W, class F>
void with_beside(const Tensor& x, F&& f) {
  if constexpr (std::is_same_v<W, float>) {
    if (x.dtype() == Dtype::bf16) return f.template operator()<bfloat16>();
  }
  f.template operator()<W>();
}

}  // namespace

double stream_split(const Operand& input, const Tensor& output, double grid) {
  const std::int64_t channels = input.shape()[3], half = channels / 2;
  const std::int64_t rows = input.x1.size() / channels;
  LaneLargest largest;
  with_activation(input.x1.dtype(), "stream_split", [&]<class T>() {
    using W = Wide<T>;
    const OperandRows<T> in(input);
    T* stored = input.stored ? input.stored.data<T>() : nullptr;
    W* first = output.data<W>();
    W* second = first + rows * half;
    for_tiles(rows, channels, [&](int lane, std::int64_t begin, std::int64_t end) {
      const std::int64_t at = begin * channels, count = (end - begin) * channels;
      W* value = scratch<W>(Slot::output, count);
      operand_rows(in.at(at), end - begin, channels, value, stored ? stored + at : nullptr);
      if (grid > 0) {
        const Grid<W> round(grid);
        for (std::int64_t k = 0; k < count; ++k) value[k] = round(value[k]);
        largest.see(lane, value, count);
      }
      for (std::int64_t row = begin; row < end; ++row, value += channels) {
        std::copy_n(value, half, first + row * half);
        std::copy_n(value + half, half, second + row * half);
      }
    });
  });
  return largest.value();
}

void stream_join(const Tensor& state, const Tensor& output) {
  const std::int64_t channels = output.dim(3), half = channels / 2;
  const std::int64_t rows = output.size() / channels;
  with_float(state.dtype(), "stream_join", [&]<class W>() {
    const W* first = state.data<W>();
    const W* second = first + rows * half;
    with_beside<W>(output, [&]<class T>() {
      T* y = output.data<T>();
      for_tiles(rows, channels, [&](int, std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
          T* to = y + row * channels;
          for (std::int64_t c = 0; c < half; ++c) to[c] = T(first[row * half + c]);
          for (std::int64_t c = 0; c < half; ++c) to[half + c] = T(second[row * half + c]);
        }
      });
    });
  });
}

double stream_add(const StreamAdd& args) {
  const Tensor& output = args.output;
  const std::int64_t channels = output.dim(-1), rows = output.size() / channels;
  LaneLargest largest;
  with_float(output.dtype(), "stream_add", [&]<class W>() {
    const W alpha = static_cast<W>(args.alpha), beta = static_cast<W>(args.beta);
    const Grid<W> round(args.grid > 0 ? args.grid : 1);
    const W* x = pointer<W>(args.x);
    W* y = output.data<W>();
    std::vector<LaneMoments> moments;
    if (args.moments) moments = lane_moments(channels);
    with_beside<W>(args.branch ? args.branch : output, [&]<class T>() {
      const T* branch = pointer<T>(args.branch);
      for_tiles(rows, channels, [&](int lane, std::int64_t begin, std::int64_t end) {
        const std::int64_t at = begin * channels, count = (end - begin) * channels;
        W* to = y + at;
        const W* from = x ? x + at : nullptr;
        if (branch) {
          const W* z = widened<W>(branch + at, count);
          if (args.grid > 0) {
            W* rounded = scratch<W>(Slot::output, count);
            for (std::int64_t k = 0; k < count; ++k) rounded[k] = round(alpha * z[k]);
            z = rounded;
          }
          const W by = args.grid > 0 ? W(1) : alpha;
          if (from) {
            for (std::int64_t k = 0; k < count; ++k) to[k] = beta * from[k] + by * z[k];
          } else {
            for (std::int64_t k = 0; k < count; ++k) to[k] = by * z[k];
          }
        } else {
          for (std::int64_t k = 0; k < count; ++k) to[k] = from ? beta * from[k] : W(0);
        }
        if (args.grid > 0) largest.see(lane, to, count);
        if (args.moments) {
          moments_rows(to, end - begin, channels, moments[static_cast<std::size_t>(lane)]);
        }
      });
    });
    if (args.moments) merge_moments(moments, channels, *args.moments);
  });
  return largest.value();
}

void convert(const Operand& input, const Tensor& output) {
  const std::int64_t channels = output.dim(-1), rows = output.size() / channels;
  with_activation(input.x1.dtype(), "convert", [&]<class T>() {
    using W = Wide<T>;
    const OperandRows<T> in(input);
    with_beside<W>(output, [&]<class Y>() {
      Y* y = output.data<Y>();
      for_tiles(rows, channels, [&](int, std::int64_t begin, std::int64_t end) {
        const std::int64_t at = begin * channels, count = (end - begin) * channels;
        W* value = scratch<W>(Slot::output, count);
        operand_rows(in.at(at), end - begin, channels, value, static_cast<T*>(nullptr));
        for (std::int64_t k = 0; k < count; ++k) y[at + k] = Y(value[k]);
      });
    });
  });
}

}  // namespace rn::ops::cpu
