// The fused convolution on the CPU. The batch is cut into lanes; a lane works through its images in
// tiles small enough that the transformed input, the primitive's output and the sums over it stay
// in the L2 cache: each activation travels to and from memory once.
#include "ops/cpu/conv.h"

#include <cmath>
#include <type_traits>
#include <vector>

#include "base/parallel.h"
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

// body(first image, number of images) for the tiles of one lane.
template <class F>
void for_tiles(std::int64_t images, int lane, int tile, F body) {
  const Range range = lane_range(images, lanes(), lane);
  for (std::int64_t n = range.begin; n < range.end; n += tile) {
    body(n, static_cast<int>(std::min<std::int64_t>(tile, range.end - n)));
  }
}

template <class T>
const T* pointer(const Tensor& tensor) {
  return tensor ? tensor.data<T>() : nullptr;
}

template <class T>
void relu_rows(std::int64_t rows, std::int64_t channels, T* y) {
  OperandRows<T> value;
  value.x1 = y;
  value.relu = true;
  operand_rows(value, rows, channels, y, static_cast<T*>(nullptr));
}

// What becomes of conv(input), per output channel: scale * conv + shift [+ beta * residual], with
// alpha, the bias and the frozen batch norm in scale and shift.
template <class T>
struct Finish {
  std::vector<T> scale, shift, beta;  // empty: 1, 0, 1
  explicit Finish(const ConvForward& args, std::int64_t channels) {
    const T *bias = pointer<T>(args.bias), *after_scale = pointer<T>(args.after.scale),
            *after_shift = pointer<T>(args.after.shift);
    const auto size = static_cast<std::size_t>(channels);
    if (args.alpha != 1 || after_scale) scale.resize(size);
    if (bias || after_shift) shift.resize(size);
    for (std::size_t c = 0; c < size; ++c) {
      const double by = after_scale ? after_scale[c] : 1;
      const double from = (bias ? by * bias[c] : 0) + (after_shift ? after_shift[c] : 0);
      if (!scale.empty()) scale[c] = static_cast<T>(args.alpha * by);
      if (!shift.empty()) shift[c] = static_cast<T>(args.alpha * from);
    }
    if (args.residual && args.beta != 1) beta.assign(size, static_cast<T>(args.beta));
  }
  const T* scale_or_null() const { return scale.empty() ? nullptr : scale.data(); }
  const T* shift_or_null() const { return shift.empty() ? nullptr : shift.data(); }
};

// y := act(round(scale * y + shift + beta * residual))
template <class T>
void finish_rows(const ConvForward& args, const Finish<T>& finish, const T* residual,
                 std::int64_t rows, std::int64_t channels, T* y) {
  GradientRows<T> affine;  // p*g + q*c + r has the same shape as this
  affine.g = y;
  affine.p = finish.scale_or_null();
  affine.r = finish.shift_or_null();
  if (residual && finish.beta.empty()) affine.add = residual;
  if (residual && !finish.beta.empty()) {
    affine.c = residual;
    affine.q = finish.beta.data();
  }
  if (affine.p || affine.r || residual) {
    gradient_rows(affine, rows, channels, y, static_cast<T*>(nullptr));
  }
  if (args.grid > 0) {
    const T grid = static_cast<T>(args.grid), inverse = static_cast<T>(1 / args.grid);
    for (std::int64_t k = 0; k < rows * channels; ++k) y[k] = std::nearbyint(y[k] * inverse) * grid;
  }
  if (args.act == Activation::relu) relu_rows(rows, channels, y);
}

// y := beta * residual, for a kernel that adds to y.
template <class T>
void begin_rows(const Finish<T>& finish, const T* residual, std::int64_t rows,
                std::int64_t channels, T* y) {
  if (finish.beta.empty()) {
    std::copy_n(residual, rows * channels, y);
  } else {
    for (std::int64_t k = 0; k < rows * channels; ++k) y[k] = finish.beta[0] * residual[k];
  }
}

// OHWI weights times scale, per output channel.
template <class T>
const T* scaled_weights(const Tensor& weights, const Finish<T>& finish) {
  const T* from = weights.data<T>();
  if (finish.scale.empty()) return from;
  T* to = scratch<T>(Slot::update, weights.size());
  const std::int64_t row = weights.size() / weights.dim(0);
  for (std::int64_t k = 0; k < weights.size(); ++k) {
    to[k] = from[k] * finish.scale[static_cast<std::size_t>(k / row)];
  }
  return to;
}

template <class T>
void forward(const Conv2d& conv, const ConvForward& args) {
  const Shape& shape = args.input.shape();
  const ConvGeometry g = geometry_of(conv, shape, args.weights.shape());
  const std::int64_t images = shape[0];
  const std::int64_t in_rows = g.h * g.w, out_rows = g.p * g.q;
  const int tile = tile_of(g, sizeof(T), images);
  // oneDNN has scale, shift and residual in registers; its ReLU would turn NaN into 0, so that is
  // ours. Rounding, and f64, go over the results once more.
  const Finish<T> finish(args, g.o);
  const bool fused = std::is_same_v<T, float> && args.grid == 0;
  Epilogue epilogue;
  if (fused) {
    epilogue = {!finish.shift.empty(), args.residual.defined()};
  }
  const ConvKernel<T>& kernel = conv_kernel<T>(ConvPass::forward, g, tile, epilogue);
  T* packed = scratch<T>(Slot::weights, kernel.packed_size());
  kernel.pack(fused ? scaled_weights(args.weights, finish) : args.weights.data<T>(), packed);

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
      const T* x = input.x1 + first * g.input_size();
      if (!plain || stored) {
        T* value = stored ? stored + first * g.input_size()
                          : scratch<T>(Slot::input, tile * g.input_size());
        operand_rows(input.at(first * g.input_size()), count * in_rows, g.i, value,
                     static_cast<T*>(nullptr));
        x = value;
      }
      T* y = output + first * g.output_size();
      const T* add = residual ? residual + first * g.output_size() : nullptr;
      if (fused && add) begin_rows(finish, add, count * out_rows, g.o, y);
      kernel.run(count, x, packed, y, finish.shift_or_null());
      if (fused && args.act == Activation::relu) relu_rows(count * out_rows, g.o, y);
      if (!fused) finish_rows(args, finish, add, count * out_rows, g.o, y);
      if (args.moments) {
        moments_rows(y, count * out_rows, g.o, moments[static_cast<std::size_t>(lane)]);
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
template <class T>
void merge_weights(const ConvKernel<T>& kernel, const ConvBackward& args, std::int64_t images,
                   T* partials) {
  const std::int64_t size = kernel.packed_size();
  std::vector<int> used;
  for (int lane = 0; lane < lanes(); ++lane) {
    if (lane_range(images, lanes(), lane).size() > 0) used.push_back(lane);
  }
  const std::int64_t chunk = 4096;
  parallel_for(static_cast<int>((size + chunk - 1) / chunk), [&](int at) {
    const std::int64_t begin = at * chunk, end = std::min(size, begin + chunk);
    T* total = partials + used.front() * size;
    for (std::size_t k = 1; k < used.size(); ++k) {
      const T* part = partials + used[k] * size;
      for (std::int64_t e = begin; e < end; ++e) total[e] += part[e];
    }
  });
  kernel.unpack_add(partials + used.front() * size, static_cast<T>(args.alpha),
                    args.d_weights.data<T>());
}

template <class T>
void backward(const Conv2d& conv, const ConvBackward& args) {
  const Shape& shape = args.input.shape();
  const ConvGeometry g = geometry_of(conv, shape, args.weights.shape());
  const std::int64_t images = shape[0];
  if (images == 0) return;
  const std::int64_t in_rows = g.h * g.w, out_rows = g.p * g.q;
  const int tile = tile_of(g, sizeof(T), images);

  const ConvKernel<T>* data_kernel = nullptr;
  T* packed = nullptr;
  if (args.d_input) {
    data_kernel = &conv_kernel<T>(ConvPass::backward_data, g, tile);
    packed = scratch<T>(Slot::output, data_kernel->packed_size());
    data_kernel->pack(args.weights.data<T>(), packed);
  }
  const ConvKernel<T>* weights_kernel = nullptr;
  T* partials = nullptr;
  if (args.d_weights) {
    weights_kernel = &conv_kernel<T>(ConvPass::backward_weights, g, tile);
    partials = scratch<T>(Slot::partial, weights_kernel->packed_size() * lanes());
  }
  const bool reduce[2] = {args.d_input && args.reductions[0].sums,
                          args.d_input && args.reductions[1].sums};
  const LaneSums sums(scratch<double>(Slot::vector, (4 * g.i + g.o) * lanes()), 4 * g.i + g.o);

  const GradientRows<T> gradient(args.gradient);
  const OperandRows<T> input(args.input);
  T* stored_gradient = args.gradient.stored ? args.gradient.stored.data<T>() : nullptr;
  const T* stored_input = pointer<T>(args.input.stored);
  const T* shortcut = pointer<T>(args.shortcut);
  const T* against[2] = {pointer<T>(args.reductions[0].against),
                         pointer<T>(args.reductions[1].against)};
  const T* center[2] = {pointer<T>(args.reductions[0].center),
                        pointer<T>(args.reductions[1].center)};

  parallel_for(lanes(), [&](int lane) {
    bool first_tile = true;
    for_tiles(images, lane, tile, [&](std::int64_t first, int count) {
      const std::int64_t in_at = first * g.input_size(), out_at = first * g.output_size();
      const T* dy = gradient.g + out_at;
      if (!args.gradient.plain() || stored_gradient) {
        T* value = stored_gradient ? stored_gradient + out_at
                                   : scratch<T>(Slot::gradient, tile * g.output_size());
        gradient_rows(gradient.at(out_at), count * out_rows, g.o, value, static_cast<T*>(nullptr));
        dy = value;
      }
      if (args.d_bias) {
        reduce_rows(dy, ReductionRows<T>{nullptr, nullptr, sums.of(lane) + 4 * g.i},
                    count * out_rows, g.o);
      }
      // The operand's value: needed for the weights, and then the mask is read off it.
      const T* x = stored_input ? stored_input + in_at : nullptr;
      if (!x && args.input.plain()) x = input.x1 + in_at;
      if (args.d_weights) {
        if (!x) {
          T* value = scratch<T>(Slot::input, tile * g.input_size());
          operand_rows(input.at(in_at), count * in_rows, g.i, value, static_cast<T*>(nullptr));
          x = value;
        }
        const std::int64_t size = weights_kernel->packed_size();
        T* partial = partials + lane * size;
        if (first_tile) {
          weights_kernel->run_weights(count, x, dy, partial);
        } else {
          T* more = scratch<T>(Slot::update, size);
          weights_kernel->run_weights(count, x, dy, more);
          for (std::int64_t k = 0; k < size; ++k) partial[k] += more[k];
        }
        first_tile = false;
      }
      if (!args.d_input) return;
      T* dx = args.d_input.data<T>() + in_at;
      data_kernel->run(count, dy, packed, dx);
      mask_rows(input.at(in_at), x, shortcut ? shortcut + in_at : nullptr,
                static_cast<T>(args.alpha), count * in_rows, g.i, dx);
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
    T* out = args.d_bias.data<T>();
    for (std::int64_t c = 0; c < g.o; ++c) {
      out[c] += static_cast<T>(args.alpha * sums.total(4 * g.i + c));
    }
  }
  if (args.d_weights) merge_weights(*weights_kernel, args, images, partials);
}

}  // namespace

void conv_forward(const Conv2d& conv, const ConvForward& args) {
  with_float(args.input.x1.dtype(), "conv_forward", [&]<class T>() { forward<T>(conv, args); });
}

void conv_backward(const Conv2d& conv, const ConvBackward& args) {
  with_float(args.input.x1.dtype(), "conv_backward", [&]<class T>() { backward<T>(conv, args); });
}

}  // namespace rn::ops::cpu
