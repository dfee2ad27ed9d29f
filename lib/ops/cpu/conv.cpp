// The fused convolution on the CPU, forward.
#include "ops/cpu/conv.h"

#include <cmath>
#include <vector>

#include "ops/cpu/conv_tile.h"

namespace rn::ops::cpu {
namespace {

// What becomes of conv(input), per output channel: scale * conv + shift [+ beta * residual], with
// alpha, the bias and the frozen batch norm in scale and shift.
template <class W>
struct Finish {
  std::vector<W> scale, shift, beta;  // empty: 1, 0, 1
  explicit Finish(const ConvForward& args, std::int64_t channels) {
    const W *bias = pointer<W>(args.bias), *after_scale = pointer<W>(args.after.scale),
            *after_shift = pointer<W>(args.after.shift);
    const auto size = static_cast<std::size_t>(channels);
    if (args.alpha != 1 || after_scale) scale.resize(size);
    if (bias || after_shift) shift.resize(size);
    for (std::size_t c = 0; c < size; ++c) {
      const double by = after_scale ? after_scale[c] : 1;
      const double from = (bias ? by * bias[c] : 0) + (after_shift ? after_shift[c] : 0);
      if (!scale.empty()) scale[c] = static_cast<W>(args.alpha * by);
      if (!shift.empty()) shift[c] = static_cast<W>(args.alpha * from);
    }
    if (args.residual && args.beta != 1) beta.assign(size, static_cast<W>(args.beta));
  }
  const W* shift_or_null() const { return shift.empty() ? nullptr : shift.data(); }
  template <class T>
  FinishRows<T> rows(const ConvForward& args) const {
    return {scale.empty() ? nullptr : scale.data(), shift_or_null(),
            beta.empty() ? nullptr : beta.data(), pointer<T>(args.residual),
            args.act == Activation::relu};
  }
};

// y := act(round(scale * from + shift + beta * residual)); `from` may be y.
template <class T>
void finish_tile(FinishRows<T> finish, double grid, std::int64_t first, std::int64_t rows,
                 std::int64_t channels, const Wide<T>* from, T* y) {
  if (finish.residual) finish.residual += first;
  if constexpr (std::is_same_v<T, Wide<T>>) {
    if (grid > 0) {
      FinishRows<T> last;
      std::swap(last.relu, finish.relu);
      finish_rows(finish, rows, channels, from, y);
      const T by = static_cast<T>(grid), inverse = static_cast<T>(1 / grid);
      for (std::int64_t k = 0; k < rows * channels; ++k) y[k] = std::nearbyint(y[k] * inverse) * by;
      from = y;
      finish = last;
    }
    if (finish.nothing() && from == y) return;
  }
  finish_rows(finish, rows, channels, from, y);
}

// y := beta * residual, for a kernel that adds to y.
template <class T>
void begin_rows(const Finish<Wide<T>>& finish, const T* residual, std::int64_t rows,
                std::int64_t channels, T* y) {
  if (finish.beta.empty() && residual == y) return;
  if (finish.beta.empty()) {
    std::copy_n(residual, rows * channels, y);
  } else {
    for (std::int64_t k = 0; k < rows * channels; ++k) y[k] = T(finish.beta[0] * residual[k]);
  }
}

// OHWI weights times scale, per output channel.
template <class W>
const W* scaled_weights(const Tensor& weights, const Finish<W>& finish) {
  const W* from = weights.data<W>();
  if (finish.scale.empty()) return from;
  W* to = scratch<W>(Slot::update, weights.size());
  const std::int64_t row = weights.size() / weights.dim(0);
  for (std::int64_t k = 0; k < weights.size(); ++k) {
    to[k] = from[k] * finish.scale[static_cast<std::size_t>(k / row)];
  }
  return to;
}

template <class T, class A>
void forward(const Conv2d& conv, const ConvForward& args) {
  using W = Wide<T>;
  constexpr bool through_tile = !std::is_same_v<T, A>;  // the result is narrowed
  const ConvTiles tiles(conv, args.input.shape(), args.weights.shape(), sizeof(W));
  const ConvGeometry& g = tiles.g;
  const std::int64_t in_rows = g.h * g.w, out_rows = g.p * g.q;
  // f32: oneDNN has scale, shift and residual in registers; its ReLU would turn NaN into 0, so that
  // is ours, and so is rounding. bf16: the result comes in f32, and is rounded once, at the end.
  const Finish<W> finish(args, g.o);
  FinishRows<T> rest = finish.template rows<T>(args);
  const bool fused = std::is_same_v<T, float> && args.grid == 0;
  Epilogue epilogue;
  if (fused) {
    // The residual joins the pass of the activation where there is one.
    const bool active = args.act == Activation::relu;
    epilogue = {!finish.shift.empty(), args.residual.defined() && !active};
    rest.scale = rest.shift = nullptr;
    if (!active) rest = {};
  }
  epilogue.wide = !std::is_same_v<A, W> && !rest.nothing();
  const ConvKernel<A>& kernel = conv_kernel<A>(ConvPass::forward, g, tiles.tile, epilogue);
  const A* packed = packed_weights<T>(
      kernel, fused ? scaled_weights(args.weights, finish) : args.weights.data<W>(),
      args.weights.size());

  const OperandRows<T> input(args.input);
  const bool plain = args.input.plain();
  T* stored = args.input.stored ? args.input.stored.data<T>() : nullptr;
  const T* residual = pointer<T>(args.residual);
  T* output = args.output.data<T>();

  std::vector<LaneMoments> moments(static_cast<std::size_t>(lanes()));
  if (args.moments) {
    double* space = scratch<double>(Slot::partial, 2 * g.o * lanes());
    std::fill_n(space, 2 * g.o * lanes(), 0.0);
    for (int lane = 0; lane < lanes(); ++lane) {
      double* at = space + 2 * g.o * lane;
      moments[static_cast<std::size_t>(lane)] = {0, at, at + g.o};
    }
  }
  parallel_for(lanes(), [&](int lane) {
    tiles.of_lane(lane, [&](std::int64_t first, int count) {
      const A* x = read_tile<A>(input, plain, stored, first * g.input_size(), count * in_rows, g.i);
      const std::int64_t at = first * g.output_size(), rows = count * out_rows;
      T* y = output + at;
      if constexpr (!std::is_same_v<T, W>) {
        if (through_tile || epilogue.wide) {
          W* wide = scratch<W>(Slot::output, rows * g.o);
          kernel.run_wide(count, x, packed, wide);
          finish_tile(rest, 0, at, rows, g.o, wide, y);
        }
      }
      if constexpr (!through_tile) {
        if (!epilogue.wide) {
          if (epilogue.sum) begin_rows(finish, residual + at, rows, g.o, y);
          // A residual that is overwritten is read at the end.
          T* to = residual == output && !epilogue.sum ? scratch<T>(Slot::output, rows * g.o) : y;
          kernel.run(count, x, packed, to, epilogue.bias ? finish.shift_or_null() : nullptr);
          if constexpr (std::is_same_v<T, W>) finish_tile(rest, args.grid, at, rows, g.o, to, y);
        }
      }
      if (args.moments) {
        moments_rows(y, rows, g.o, moments[static_cast<std::size_t>(lane)]);
      }
    });
  });
  if (args.moments) merge_moments(moments, g.o, *args.moments);
}

}  // namespace

void conv_forward(const Conv2d& conv, const ConvForward& args) {
  with_arithmetic(args.input.x1.dtype(), "conv_forward",
                  [&]<class T, class A>() { forward<T, A>(conv, args); });
}

}  // namespace rn::ops::cpu
