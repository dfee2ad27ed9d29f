// Stacks of gradients on the CPU. A lane takes a tile of images through all gradients of the stack,
// one after the other, so that the activations they share stay in the L2 cache. Frozen norms are
// folded into the weights. Each image of each gradient is computed by itself: how the work is cut
// changes no number.
#include "ops/cpu/stack.h"

#include <algorithm>

#include "base/parallel.h"
#include "ops/cpu/conv_tile.h"

namespace rn::ops::cpu {
namespace {

constexpr std::int64_t tile_bytes = 128 << 10;  // of the larger of a tile's input and output

int tile_of(const ConvGeometry& g, std::size_t element, std::int64_t images) {
  const std::int64_t bytes =
      std::max(g.input_size(), g.output_size()) * static_cast<std::int64_t>(element);
  const std::int64_t lane = std::max<std::int64_t>((images + lanes() - 1) / lanes(), 1);
  return static_cast<int>(std::clamp<std::int64_t>(tile_bytes / bytes, 1, lane));
}

// Calls body(first image, images, first gradient, end) for tiles of images, of parts of the stack
// where there are too few images to keep the threads busy.
template <class F>
void for_parts(std::int64_t images, std::int64_t gradients, int tile, F&& body) {
  const auto tiles = static_cast<int>((images + tile - 1) / tile);
  const int parts = std::clamp<int>(8 * threads() / tiles, 1,
                                    static_cast<int>(std::max<std::int64_t>(gradients, 1)));
  parallel_for(tiles * parts, [&](int item) {
    const std::int64_t first = std::int64_t{item / parts} * tile;
    const Range range = lane_range(gradients, parts, item % parts);
    body(first, std::min<std::int64_t>(tile, images - first), range.begin, range.end);
  });
}

// OHWI weights with the factors of their output and input channels.
template <class T>
const T* folded_weights(const ConvStack& args, bool fold_scale) {
  const std::int64_t i = args.weights.dim(3), taps = args.weights.dim(1) * args.weights.dim(2);
  const T *from = args.weights.data<T>(), *p = pointer<T>(args.p),
          *scale = fold_scale ? pointer<T>(args.scale) : nullptr;
  T* to = scratch<T>(Slot::update, args.weights.size());
  for (std::int64_t at = 0; at < args.weights.size(); ++at) {
    double by = args.alpha;
    if (p) by *= static_cast<double>(p[at / (taps * i)]);
    if (scale) by *= static_cast<double>(scale[at % i]);
    to[at] = static_cast<T>(by * static_cast<double>(from[at]));
  }
  return to;
}

template <class T>
void backward(const Conv2d& conv, const ConvStack& args) {
  const ConvGeometry g = geometry_of(conv, args.input.shape(), args.weights.shape());
  const std::int64_t images = args.images, in_rows = g.h * g.w;
  const int tile = tile_of(g, sizeof(T), images);
  const ConvKernel<T>& kernel = conv_kernel<T>(ConvPass::backward_data, g, tile);
  T* packed = scratch<T>(Slot::output, kernel.packed_size());
  const bool fold_scale = !args.inside;
  kernel.pack(folded_weights<T>(args, fold_scale), packed);

  const OperandRows<T> input(args.input);
  const T *stored = pointer<T>(args.input.stored), *inside = pointer<T>(args.inside),
          *outside = pointer<T>(args.outside), *from = args.g.data<T>();
  const T* scale_after = fold_scale ? nullptr : pointer<T>(args.scale);
  const bool masked = args.input.act != Activation::none;
  T* to = args.d_input.data<T>();
  for_parts(images, static_cast<std::int64_t>(args.rows.size()), tile,
            [&](std::int64_t first, std::int64_t count, std::int64_t begin, std::int64_t end) {
              const std::int64_t in_at = first * g.input_size();
              for (std::int64_t j = begin; j < end; ++j) {
                const StackRow& row = args.rows[static_cast<std::size_t>(j)];
                T* dx = to + j * images * g.input_size() + in_at;
                if (row.conv >= 0) {
                  kernel.run(static_cast<int>(count),
                             from + (row.conv * images + first) * g.output_size(), packed, dx);
                } else {
                  std::fill_n(dx, count * g.input_size(), T(0));
                }
                const std::int64_t add_at = row.add * images * g.input_size() + in_at;
                const bool adds = row.add >= 0;
                if (masked || (inside && adds)) {
                  mask_rows(input.at(in_at), stored ? stored + in_at : nullptr,
                            inside && adds ? inside + add_at : nullptr, T(1), count * in_rows, g.i,
                            dx, dx);
                }
                if (scale_after || (outside && adds)) {
                  GradientRows<T> sum;
                  sum.g = dx;
                  sum.p = scale_after;
                  sum.add = outside && adds ? outside + add_at : nullptr;
                  gradient_rows(sum, count * in_rows, g.i, dx, static_cast<T*>(nullptr));
                }
              }
            });
}

template <class T>
double product(const T* a, const T* b, std::int64_t size) {
  constexpr int width = 16;
  double sums[width] = {};
  std::int64_t i = 0;
  for (; i + width <= size; i += width) {
    for (int k = 0; k < width; ++k) {
      sums[k] += static_cast<double>(a[i + k]) * static_cast<double>(b[i + k]);
    }
  }
  for (int k = 0; i < size; ++i, ++k)
    sums[k] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  double all = 0;
  for (const double s : sums) all += s;
  return all;
}

template <class T>
void weights(const Conv2d& conv, const ConvStackWeights& args) {
  const ConvGeometry g = geometry_of(conv, args.input.shape(), args.weights);
  const std::int64_t images = args.images, gradients = args.squares.dim(0);
  const ConvKernel<T>& kernel = conv_kernel<T>(ConvPass::backward_weights, g, 1);
  const std::int64_t size = kernel.packed_size();
  const OperandRows<T> input(args.input);
  const T *stored = pointer<T>(args.input.stored), *p = pointer<T>(args.p),
          *from = args.g.data<T>();
  double *squares = args.squares.data<double>(), *dots = args.dots.data<double>();
  const double by = args.alpha * args.alpha;
  for_parts(images, gradients, 1,
            [&](std::int64_t n, std::int64_t, std::int64_t begin, std::int64_t end) {
              const T* x = stored ? stored + n * g.input_size() : input.x1 + n * g.input_size();
              if (!stored && !args.input.plain()) {
                T* value = scratch<T>(Slot::input, g.input_size());
                operand_rows(input.at(n * g.input_size()), g.h * g.w, g.i, value,
                             static_cast<T*>(nullptr));
                x = value;
              }
              const auto gradient_of = [&](std::int64_t k, T* d_weights) {
                const T* dy = from + (k * images + n) * g.output_size();
                if (p) {
                  GradientRows<T> scaled;
                  scaled.g = dy;
                  scaled.p = p;
                  T* value = scratch<T>(Slot::gradient, g.output_size());
                  gradient_rows(scaled, g.p * g.q, g.o, value, static_cast<T*>(nullptr));
                  dy = value;
                }
                kernel.run_weights(1, x, dy, d_weights);
              };
              T* both = scratch<T>(Slot::update, 2 * size);
              gradient_of(args.total, both);
              for (std::int64_t k = begin; k < end; ++k) {
                gradient_of(k, both + size);
                squares[k * images + n] += by * product(both + size, both + size, size);
                dots[k * images + n] += by * product(both + size, both, size);
              }
            });
}

}  // namespace

void conv_stack_backward(const Conv2d& conv, const ConvStack& args) {
  with_float(args.g.dtype(), "conv_stack_backward", [&]<class T>() { backward<T>(conv, args); });
}

void conv_stack_weights(const Conv2d& conv, const ConvStackWeights& args) {
  with_float(args.g.dtype(), "conv_stack_weights", [&]<class T>() { weights<T>(conv, args); });
}

void stack_products(const Tensor& x, std::int64_t images, std::int64_t total, const Tensor& squares,
                    const Tensor& dots) {
  const std::int64_t rows = x.dim(0), size = x.size() / std::max<std::int64_t>(rows, 1);
  with_float(x.dtype(), "stack_products", [&]<class T>() {
    const T* data = x.data<T>();
    parallel_for(static_cast<int>(rows), [&](int row) {
      const T* a = data + row * size;
      const T* b = data + (total * images + row % images) * size;
      squares.data<double>()[row] = product(a, a, size);
      dots.data<double>()[row] = product(a, b, size);
    });
  });
}

void stack_mask(const Tensor& x, const Operand& input) {
  const std::int64_t images = input.shape()[0], channels = input.shape()[3];
  const std::int64_t rows = input.x1.size() / std::max<std::int64_t>(images * channels, 1);
  with_float(x.dtype(), "stack_mask", [&]<class T>() {
    const OperandRows<T> mask(input);
    const T* stored = pointer<T>(input.stored);
    T* data = x.data<T>();
    parallel_for(static_cast<int>(x.dim(0)), [&](int at) {
      const std::int64_t image = (at % images) * rows * channels;
      mask_rows(mask.at(image), stored ? stored + image : nullptr, static_cast<const T*>(nullptr),
                T(1), rows, channels, data + at * rows * channels, data + at * rows * channels);
    });
  });
}

}  // namespace rn::ops::cpu
