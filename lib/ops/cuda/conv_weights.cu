// The convolution's backward pass to its weights, and their gradients image by image (ops/stack.h).
#include "ops/cuda/conv_passes.h"
#include "ops/cuda/conv_weights.h"

namespace rn::ops::cuda {
namespace {

constexpr std::int64_t parts_bytes = 8 << 20;   // of all parts' sums, as far as one is not larger
constexpr std::int64_t stack_bytes = 64 << 20;  // of the gradients of single images

constexpr int merge_weights = 32, merge_rows = 8;  // of a block: weights, shares of the parts

// d_weights[k] += alpha * sum over parts, in a fixed order: shares of them, then the shares.
template <class W>
__global__ void merge_weights_kernel(std::int64_t parts, std::int64_t size, const W* from, W alpha,
                                     W* d_weights) {
  __shared__ W shared[merge_rows][merge_weights];
  const std::int64_t k = static_cast<std::int64_t>(blockIdx.x) * merge_weights + threadIdx.x;
  W sum = 0;
  if (k < size) {
#pragma unroll 4
    for (std::int64_t part = threadIdx.y; part < parts; part += merge_rows) {
      sum += from[part * size + k];
    }
  }
  shared[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || k >= size) return;
  for (int row = 1; row < merge_rows; ++row) sum += shared[row][threadIdx.x];
  d_weights[k] += alpha * sum;
}

template <class T, int TT>
struct WeightsPlan {
  WeightsAt<T> at;
  std::int64_t size;  // of the weights

  WeightsPlan(const Conv2d& conv, const Operand& input, const Gradient& gradient,
              const Shape& weights) {
    const Shape &x = input.shape(), &y = gradient.shape();
    const Axes axes(conv, x, y, weights, false);
    at.down = axes.down;
    at.along = axes.along;
    at.images = static_cast<int>(x[0]);
    at.inputs = static_cast<int>(x[3]);
    at.outputs = static_cast<int>(y[3]);
    at.tiling = tile_for(axes.down, axes.along, at.images, "conv_backward", weights_bytes<T, TT>);
    at.input_tiles = ceil_div(at.inputs, TT);
    at.tap_groups = ceil_div(axes.down.kernel * axes.along.kernel, weight_taps);
    at.input = OperandAt<T>(input);
    at.gradient = GradientAt<T>(gradient);
    size = element_count(weights);
  }
  int blocks_a_part() const { return ceil_div(at.outputs, TT) * at.input_tiles * at.tap_groups; }
  void launch_parts(const char* op, std::int64_t parts, Stream& stream) const {
    constexpr int width = pack_width<T>;
    const auto kernel = at.inputs % width == 0 && at.outputs % width == 0
                            ? weights_kernel<T, TT, true>
                            : weights_kernel<T, TT, false>;
    allow_shared(op, kernel, shared_limit);
    launch_with(op, kernel,
                dim3(static_cast<unsigned>(parts),
                     static_cast<unsigned>(ceil_div(at.outputs, TT) * at.input_tiles),
                     static_cast<unsigned>(at.tap_groups)),
                dim3(conv_threads), weights_bytes<T, TT>(at.tiling), stream, at);
  }
};

template <class T, int TT>
void weights(const Conv2d& conv, const Gradient& gradient, const Operand& input, double alpha,
             const Tensor& d_weights, Stream& stream) {
  using W = Wide<T>;
  const char* op = "conv_backward";
  WeightsPlan<T, TT> plan(conv, input, gradient, d_weights.shape());
  const int tiles = plan.at.tiling.tiles;
  if (tiles == 0 || plan.size == 0) return;
  const std::int64_t fitting = parts_bytes / (plan.size * static_cast<std::int64_t>(sizeof(W)));
  const std::int64_t wanted = std::clamp<std::int64_t>(
      std::min<std::int64_t>(528 / plan.blocks_a_part(), fitting), 1, tiles);
  plan.at.tiles_per_part = ceil_div(tiles, wanted);
  const std::int64_t parts = ceil_div(tiles, plan.at.tiles_per_part);
  plan.at.parts = scratch<W>(stream, parts * plan.size);
  plan.launch_parts(op, parts, stream);
  launch(op, merge_weights_kernel<W>,
         dim3(static_cast<unsigned>((plan.size + merge_weights - 1) / merge_weights)),
         dim3(merge_weights, merge_rows), stream, parts, plan.size, plan.at.parts,
         static_cast<W>(alpha), pointer<W>(d_weights));
}

// squares[n] += by * |a[n]|^2, dots[n] += by * <a[n], b[n]>, a block for each image.
template <class T>
__global__ void products_kernel(std::int64_t size, const T* a, const T* b, double by,
                                double* squares, double* dots) {
  __shared__ double shared[256];
  const T *x = a + blockIdx.x * size, *y = b + blockIdx.x * size;
  double square = 0, dot = 0;
  for (std::int64_t i = threadIdx.x; i < size; i += blockDim.x) {
    square += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    dot += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  }
  const int thread = static_cast<int>(threadIdx.x);
  square = merge_block_sums(square, thread, 1, 256, shared);
  dot = merge_block_sums(dot, thread, 1, 256, shared);
  if (thread != 0) return;
  squares[blockIdx.x] += by * square;
  dots[blockIdx.x] += by * dot;
}

template <class T, int TT>
void stack(const Conv2d& conv, const ConvStackWeights& args, Stream& stream) {
  const char* op = "conv_stack_weights";
  const std::int64_t images = args.images, gradients = args.squares.dim(0);
  const std::int64_t size = element_count(args.weights);
  const std::int64_t most = std::clamp<std::int64_t>(
      stack_bytes / (2 * std::max<std::int64_t>(size, 1) * static_cast<std::int64_t>(sizeof(T))), 1,
      images);
  T* both = scratch<T>(stream, 2 * most * size);
  for (std::int64_t first = 0; first < images; first += most) {
    const std::int64_t count = std::min(most, images - first);
    Operand input = args.input.stored ? operand(args.input.stored) : args.input;
    input.x1 = input.x1.slice(first, first + count);
    if (input.x2) input.x2 = input.x2.slice(first, first + count);
    const auto gradient_of = [&](std::int64_t k, T* to) {
      const std::int64_t at = k * images + first;
      Gradient g = gradient(args.g.slice(at, at + count));
      g.p = args.p;
      // A tile lies in one image, and a part is one image.
      WeightsPlan<T, TT> plan(conv, input, g, args.weights);
      plan.at.tiling.images = 1;
      plan.at.tiling.groups = plan.at.images;
      plan.at.tiles_per_part = plan.at.tiling.tiles_down * plan.at.tiling.tiles_along;
      plan.at.tiling.tiles = static_cast<int>(count) * plan.at.tiles_per_part;
      plan.at.parts = to;
      plan.launch_parts(op, count, stream);
    };
    gradient_of(args.total, both);
    for (std::int64_t k = 0; k < gradients; ++k) {
      T* own = k == args.total ? both : both + most * size;
      if (k != args.total) gradient_of(k, own);
      const std::int64_t at = k * images + first;
      launch(op, products_kernel<T>, dim3(static_cast<unsigned>(count)), dim3(256), stream, size,
             own, both, args.alpha * args.alpha, pointer<double>(args.squares) + at,
             pointer<double>(args.dots) + at);
    }
  }
}

}  // namespace

void conv_weights_pass(const Conv2d& conv, const Gradient& gradient, const Operand& input,
                       double alpha, const Tensor& d_weights, Stream& stream) {
  const bool small = std::max(gradient.shape()[3], input.shape()[3]) <= 16;
  with_activation(gradient.g.dtype(), "conv_backward", [&]<class T>() {
    if constexpr (!std::is_same_v<T, double>) {
      if (!small) return weights<T, 32>(conv, gradient, input, alpha, d_weights, stream);
    }
    weights<T, 16>(conv, gradient, input, alpha, d_weights, stream);
  });
}

void conv_stack_products(const Conv2d& conv, const ConvStackWeights& args, Stream& stream) {
  if (args.images == 0) return;
  with_float(args.g.dtype(), "conv_stack_weights",
             [&]<class T>() { stack<T, 16>(conv, args, stream); });
}

}  // namespace rn::ops::cuda
