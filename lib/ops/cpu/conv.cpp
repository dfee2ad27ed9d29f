// The fused convolution on the CPU. The batch is cut into lanes; a lane works through its images in
// tiles small enough that the transformed input, the primitive's output and the sums over it stay
// in the L2 cache: each activation travels to and from memory once.
//
// T is the type of activations in memory, A that of a tile in the primitive: bf16 is multiplied as
// bf16 where the processor does that fast, else widened on its way into the tile.
#include "ops/cpu/conv.h"

#include <cmath>
#include <type_traits>
#include <vector>

#include "base/parallel.h"
#include "ops/backend.h"
#include "ops/cpu/conv_kernel.h"
#include "ops/cpu/rows.h"
#include "ops/cpu/scratch.h"

namespace rn::ops::cpu {
namespace {

constexpr std::int64_t tile_bytes = 512 << 10;  // of the larger of a tile's input and output

ConvGeometry geometry_of(const Conv2d& conv, const Shape& x, const Shape& weights) {
  const Shape y = conv_output_shape(conv, x, weights);
  return {x[1],       x[2],       x[3],          y[1],          y[2],       y[3],
          weights[1], weights[2], conv.stride_h, conv.stride_w, conv.pad_h, conv.pad_w};
}

int tile_of(const ConvGeometry& g, std::size_t element, std::int64_t images) {
  const std::int64_t bytes =
      std::max(g.input_size(), g.output_size()) * static_cast<std::int64_t>(element);
  const std::int64_t lane = (images + lanes() - 1) / lanes();
  return static_cast<int>(std::clamp<std::int64_t>(tile_bytes / std::max<std::int64_t>(bytes, 1), 1,
                                                   std::clamp<std::int64_t>(lane, 1, 16)));
}

// A 1x1 convolution does not care where an image ends: rows of large ones are images of their own.
std::int64_t cut_rows(const Conv2d& conv, std::size_t element, ConvGeometry& g) {
  const bool pointwise = g.kh == 1 && g.kw == 1 && conv.stride_h == 1 && conv.stride_w == 1 &&
                         conv.pad_h == 0 && conv.pad_w == 0 && g.h == g.p && g.w == g.q;
  if (!pointwise) return 1;
  const auto fits = [&](std::int64_t parts) {
    const std::int64_t bytes =
        std::max(g.input_size(), g.output_size()) * static_cast<std::int64_t>(element) / parts;
    return bytes <= tile_bytes;
  };
  std::int64_t parts = 1;
  while (parts < g.h && (g.h % parts != 0 || !fits(parts))) ++parts;
  g.h /= parts;
  g.p /= parts;
  return parts;
}

// body(first image, number of images) for the tiles of one lane.
template <class F>
void for_tiles(std::int64_t images, int lane, int tile, F body) {
  const Range range = lane_range(images, lanes(), lane);
  for (std::int64_t n = range.begin; n < range.end; n += tile) {
    body(n, static_cast<int>(std::min<std::int64_t>(tile, range.end - n)));
  }
}

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

// The weights as the primitive wants them; bf16 ones are rounded, however they are multiplied.
template <class T, class A>
const A* packed_weights(const ConvKernel<A>& kernel, const Wide<T>* ohwi, std::int64_t size) {
  using W = Wide<T>;
  if constexpr (!std::is_same_v<T, W> && std::is_same_v<A, W>) {
    W* rounded = scratch<W>(Slot::update, size);
    for (std::int64_t k = 0; k < size; ++k) rounded[k] = T(ohwi[k]);
    ohwi = rounded;
  }
  A* packed = scratch<A>(Slot::weights, kernel.packed_size());
  kernel.pack(ohwi, packed);
  return packed;
}

// The operand's value at a tile, as A: x1 itself, what was stored, or this thread's own copy. It is
// written to `stored` unless that is null.
template <class T, class A>
const A* read_tile(const OperandRows<T>& input, bool plain, T* stored, std::int64_t at,
                   std::int64_t rows, std::int64_t channels) {
  if constexpr (std::is_same_v<T, A>) {
    if (plain && !stored) return input.x1 + at;
    T* value = stored ? stored + at : scratch<T>(Slot::input, rows * channels);
    operand_rows(input.at(at), rows, channels, value, static_cast<T*>(nullptr));
    return value;
  } else {
    A* value = scratch<A>(Slot::input, rows * channels);
    operand_rows(input.at(at), rows, channels, value, stored ? stored + at : nullptr);
    return value;
  }
}

// Likewise for a gradient.
template <class T, class A>
const A* read_tile(const GradientRows<T>& gradient, bool plain, T* stored, std::int64_t at,
                   std::int64_t rows, std::int64_t channels) {
  if constexpr (std::is_same_v<T, A>) {
    if (plain && !stored) return gradient.g + at;
    T* value = stored ? stored + at : scratch<T>(Slot::gradient, rows * channels);
    gradient_rows(gradient.at(at), rows, channels, value, static_cast<T*>(nullptr));
    return value;
  } else {
    A* value = scratch<A>(Slot::gradient, rows * channels);
    gradient_rows(gradient.at(at), rows, channels, value, stored ? stored + at : nullptr);
    return value;
  }
}

template <class T, class A>
void forward(const Conv2d& conv, const ConvForward& args) {
  using W = Wide<T>;
  constexpr bool through_tile = !std::is_same_v<T, A>;  // the result is narrowed
  const Shape& shape = args.input.shape();
  ConvGeometry g = geometry_of(conv, shape, args.weights.shape());
  const std::int64_t images = shape[0] * cut_rows(conv, sizeof(W), g);
  const std::int64_t in_rows = g.h * g.w, out_rows = g.p * g.q;
  const int tile = tile_of(g, sizeof(W), images);
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
  const ConvKernel<A>& kernel = conv_kernel<A>(ConvPass::forward, g, tile, epilogue);
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
    for_tiles(images, lane, tile, [&](std::int64_t first, int count) {
      const A* x =
          read_tile<T, A>(input, plain, stored, first * g.input_size(), count * in_rows, g.i);
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

// The sums of every lane, merged in lane order: `count` doubles a lane.
class LaneSums {
 public:
  LaneSums(double* space, std::int64_t count) : space_(space), count_(count) {
    std::fill_n(space_, count_ * lanes(), 0.0);
  }
  double* of(int lane) const { return space_ + lane * count_; }
  double total(std::int64_t k) const {
    double sum = 0;
    for (int lane = 0; lane < lanes(); ++lane) sum += of(lane)[k];
    return sum;
  }

 private:
  double* space_;
  std::int64_t count_;
};

// Lane partials of the weights' gradient, merged in lane order and added to d_weights.
template <class A>
void merge_weights(const ConvKernel<A>& kernel, const ConvBackward& args, std::int64_t images,
                   Wide<A>* partials) {
  using W = Wide<A>;
  const std::int64_t size = kernel.packed_size();
  std::vector<int> used;
  for (int lane = 0; lane < lanes(); ++lane) {
    if (lane_range(images, lanes(), lane).size() > 0) used.push_back(lane);
  }
  const std::int64_t chunk = 4096;
  parallel_for(static_cast<int>((size + chunk - 1) / chunk), [&](int at) {
    const std::int64_t begin = at * chunk, end = std::min(size, begin + chunk);
    W* total = partials + used.front() * size;
    for (std::size_t k = 1; k < used.size(); ++k) {
      const W* part = partials + used[k] * size;
      for (std::int64_t e = begin; e < end; ++e) total[e] += part[e];
    }
  });
  kernel.unpack_add(partials + used.front() * size, static_cast<W>(args.alpha),
                    args.d_weights.data<W>());
}

template <class T, class A>
void backward(const Conv2d& conv, const ConvBackward& args) {
  using W = Wide<T>;
  const Shape& shape = args.input.shape();
  ConvGeometry g = geometry_of(conv, shape, args.weights.shape());
  const std::int64_t images = shape[0] * cut_rows(conv, sizeof(W), g);
  if (images == 0) return;
  const std::int64_t in_rows = g.h * g.w, out_rows = g.p * g.q;
  const int tile = tile_of(g, sizeof(W), images);

  // bf16: what is masked or added to comes in f32, and is rounded once.
  const bool wide = !std::is_same_v<A, W> &&
                    (args.input.act == Activation::relu || args.shortcut || args.alpha != 1);
  const ConvKernel<A>* data_kernel = nullptr;
  const A* packed = nullptr;
  if (args.d_input) {
    data_kernel = &conv_kernel<A>(ConvPass::backward_data, g, tile, {false, false, wide});
    packed = packed_weights<T>(*data_kernel, args.weights.data<W>(), args.weights.size());
  }
  const ConvKernel<A>* weights_kernel = nullptr;
  W* partials = nullptr;
  if (args.d_weights) {
    weights_kernel = &conv_kernel<A>(ConvPass::backward_weights, g, tile);
    partials = scratch<W>(Slot::partial, weights_kernel->packed_size() * lanes());
  }
  const bool reduce[2] = {args.d_input && args.reductions[0].sums,
                          args.d_input && args.reductions[1].sums};
  const LaneSums sums(scratch<double>(Slot::vector, (4 * g.i + g.o) * lanes()), 4 * g.i + g.o);

  const GradientRows<T> gradient(args.gradient);
  const OperandRows<T> input(args.input);
  T* stored_gradient = args.gradient.stored ? args.gradient.stored.data<T>() : nullptr;
  const T* stored_input = pointer<T>(args.input.stored);
  OperandRows<T> value = input;  // what the weights' gradient reads
  const bool value_plain = stored_input || args.input.plain();
  if (stored_input) {
    value = {};
    value.x1 = stored_input;
  }
  const T* shortcut = pointer<T>(args.shortcut);
  const T* against[2] = {pointer<T>(args.reductions[0].against),
                         pointer<T>(args.reductions[1].against)};
  const W* center[2] = {pointer<W>(args.reductions[0].center),
                        pointer<W>(args.reductions[1].center)};

  parallel_for(lanes(), [&](int lane) {
    bool first_tile = true;
    for_tiles(images, lane, tile, [&](std::int64_t first, int count) {
      const std::int64_t in_at = first * g.input_size(), out_at = first * g.output_size();
      const A* dy = read_tile<T, A>(gradient, args.gradient.plain(), stored_gradient, out_at,
                                    count * out_rows, g.o);
      if (args.d_bias) {
        reduce_rows(dy, ReductionRows<A>{nullptr, nullptr, sums.of(lane) + 4 * g.i},
                    count * out_rows, g.o);
      }
      // The operand's value: needed for the weights, and then the mask is read off it.
      const A* x = nullptr;
      if (args.d_weights)
        x = read_tile<T, A>(value, value_plain, nullptr, in_at, count * in_rows, g.i);
      if (args.d_weights) {
        const std::int64_t size = weights_kernel->packed_size();
        W* partial = partials + lane * size;
        if (first_tile) {
          weights_kernel->run_weights(count, x, dy, partial);
        } else {
          W* more = scratch<W>(Slot::update, size);
          weights_kernel->run_weights(count, x, dy, more);
          for (std::int64_t k = 0; k < size; ++k) partial[k] += more[k];
        }
        first_tile = false;
      }
      if (!args.d_input) return;
      T* dx = args.d_input.data<T>() + in_at;
      const auto mask = [&](const auto* from) {
        const auto finish = [&](const auto* seen) {
          mask_rows(input.at(in_at), seen, shortcut ? shortcut + in_at : nullptr,
                    static_cast<W>(args.alpha), count * in_rows, g.i, from, dx);
        };
        // From the tile where it was made, else from memory where it was stored.
        x || !stored_input ? finish(x) : finish(stored_input + in_at);
      };
      if constexpr (!std::is_same_v<T, W>) {
        if (!std::is_same_v<T, A> || wide) {
          W* result = scratch<W>(Slot::output, count * g.input_size());
          data_kernel->run_wide(count, dy, packed, result);
          mask(result);
        }
      }
      if constexpr (std::is_same_v<T, A>) {
        if (!wide) {
          data_kernel->run(count, dy, packed, dx);
          mask(dx);
        }
      }
      for (int k = 0; k < 2; ++k) {
        if (!reduce[k]) continue;
        reduce_rows(dx,
                    ReductionRows<T>{against[k] ? against[k] + in_at : nullptr, center[k],
                                     sums.of(lane) + 2 * k * g.i},
                    count * in_rows, g.i);
      }
    });
  });

  for (int k = 0; k < 2; ++k) {
    if (!reduce[k]) continue;
    double* out = args.reductions[static_cast<std::size_t>(k)].sums.data<double>();
    for (std::int64_t c = 0; c < 2 * g.i; ++c) out[c] = sums.total(2 * k * g.i + c);
  }
  if (args.d_bias) {
    W* out = args.d_bias.data<W>();
    for (std::int64_t c = 0; c < g.o; ++c) {
      out[c] += static_cast<W>(args.alpha * sums.total(4 * g.i + c));
    }
  }
  if (args.d_weights) merge_weights(*weights_kernel, args, images, partials);
}

// f with the types of activations and of tiles.
template <class F>
void with_arithmetic(Dtype dtype, const char* who, F f) {
  with_activation(dtype, who, [&]<class T>() {
    if constexpr (std::is_same_v<T, bfloat16>) {
      if (bf16_arithmetic() == Bf16::widened) return f.template operator()<T, float>();
    }
    f.template operator()<T, T>();
  });
}

}  // namespace

void conv_forward(const Conv2d& conv, const ConvForward& args) {
  with_arithmetic(args.input.x1.dtype(), "conv_forward",
                  [&]<class T, class A>() { forward<T, A>(conv, args); });
}

void conv_backward(const Conv2d& conv, const ConvBackward& args) {
  with_arithmetic(args.input.x1.dtype(), "conv_backward",
                  [&]<class T, class A>() { backward<T, A>(conv, args); });
}

}  // namespace rn::ops::cpu
