// The fused convolution on the CPU, backward: gradients of its input, weights and bias in one walk.
#include <vector>

#include "ops/cpu/conv.h"
#include "ops/cpu/conv_tile.h"

namespace rn::ops::cpu {
namespace {

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
  const ConvTiles tiles(conv, args.input.shape(), args.weights.shape(), sizeof(W));
  const ConvGeometry& g = tiles.g;
  if (tiles.images == 0) return;
  const std::int64_t in_rows = g.h * g.w, out_rows = g.p * g.q;

  // bf16: what is masked or added to comes in f32, and is rounded once.
  const bool wide = !std::is_same_v<A, W> &&
                    (args.input.act == Activation::relu || args.shortcut || args.alpha != 1);
  const ConvKernel<A>* data_kernel = nullptr;
  const A* packed = nullptr;
  if (args.d_input) {
    data_kernel = &conv_kernel<A>(ConvPass::backward_data, g, tiles.tile, {false, false, wide});
    packed = packed_weights<T>(*data_kernel, args.weights.data<W>(), args.weights.size());
  }
  const ConvKernel<A>* weights_kernel = nullptr;
  W* partials = nullptr;
  if (args.d_weights) {
    weights_kernel = &conv_kernel<A>(ConvPass::backward_weights, g, tiles.tile);
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
    tiles.of_lane(lane, [&](std::int64_t first, int count) {
      const std::int64_t in_at = first * g.input_size(), out_at = first * g.output_size();
      const A* dy = read_tile<A>(gradient, args.gradient.plain(), stored_gradient, out_at,
                                 count * out_rows, g.o);
      if (args.d_bias) {
        reduce_rows(dy, ReductionRows<A>{nullptr, nullptr, sums.of(lane) + 4 * g.i},
                    count * out_rows, g.o);
      }
      // The operand's value: needed for the weights, and then the mask is read off it.
      const A* x = nullptr;
      if (args.d_weights) {
        x = read_tile<A>(value, value_plain, nullptr, in_at, count * in_rows, g.i);
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
  if (args.d_weights) merge_weights(*weights_kernel, args, tiles.images, partials);
}

}  // namespace

void conv_backward(const Conv2d& conv, const ConvBackward& args) {
  with_arithmetic(args.input.x1.dtype(), "conv_backward",
                  [&]<class T, class A>() { backward<T, A>(conv, args); });
}

}  // namespace rn::ops::cpu
