// Stacks of gradients on the GPU: the passes of one gradient, gradient by gradient.
#include "ops/cuda/conv_passes.h"
#include "ops/cuda/ops.h"
#include "ops/cuda/rows.h"
#include "ops/cuda/stack.h"

namespace rn::ops::cuda {
namespace {

template <class T>
__global__ void stack_products_kernel(std::int64_t size, std::int64_t images, std::int64_t total,
                                      const T* x, double* squares, double* dots) {
  __shared__ double shared[block_threads];
  const std::int64_t row = blockIdx.x;
  const T *a = x + row * size, *b = x + (total * images + row % images) * size;
  double square = 0, dot = 0;
  for (std::int64_t i = threadIdx.x; i < size; i += blockDim.x) {
    square += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    dot += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  }
  const int thread = static_cast<int>(threadIdx.x);
  square = merge_block_sums(square, thread, 1, block_threads, shared);
  dot = merge_block_sums(dot, thread, 1, block_threads, shared);
  if (thread != 0) return;
  squares[row] = square;
  dots[row] = dot;
}

// One block per image and pair i <= j of its rows of a stack.
template <class T>
__global__ void stack_gram_kernel(std::int64_t size, std::int64_t images, std::int64_t count,
                                  const T* x, double* gram) {
  __shared__ double shared[block_threads];
  const std::int64_t i = blockIdx.x, j = blockIdx.y, image = blockIdx.z;
  if (j < i) return;
  const T *a = x + (i * images + image) * size, *b = x + (j * images + image) * size;
  double dot = 0;
  for (std::int64_t at = threadIdx.x; at < size; at += blockDim.x)
    dot += static_cast<double>(a[at]) * static_cast<double>(b[at]);
  const int thread = static_cast<int>(threadIdx.x);
  dot = merge_block_sums(dot, thread, 1, block_threads, shared);
  if (thread != 0) return;
  double* out = gram + image * count * count;
  out[i * count + j] = dot;
  out[j * count + i] = dot;
}

Tensor gradient_at(const Tensor& stack, std::int64_t at, std::int64_t images) {
  return stack.slice(at * images, (at + 1) * images);
}

}  // namespace

void conv_stack_backward(const Conv2d& conv, const ConvStack& args, Stream& stream) {
  for (std::size_t j = 0; j < args.rows.size(); ++j) {
    const StackRow& row = args.rows[j];
    const Tensor d = gradient_at(args.d_input, static_cast<std::int64_t>(j), args.images);
    const Tensor inside =
        args.inside && row.add >= 0 ? gradient_at(args.inside, row.add, args.images) : Tensor();
    if (row.conv >= 0) {
      ConvBackward one;
      one.gradient = gradient(gradient_at(args.g, row.conv, args.images));
      one.gradient.p = args.p;
      one.input = args.input;
      one.weights = args.weights;
      one.alpha = args.alpha;
      one.shortcut = inside;
      one.d_input = d;
      conv_data_pass(conv, one, stream);
    } else if (inside) {
      operand_backward(gradient(inside), args.input, d, {}, stream);
    } else {
      d.zero(stream);
    }
    const bool outside = args.outside && row.add >= 0;
    if (!args.scale && !outside) continue;
    Gradient last = gradient(d);
    last.p = args.scale;
    if (outside) last.add = gradient_at(args.outside, row.add, args.images);
    gradient_forward(last, d, stream);
  }
}

void conv_stack_weights(const Conv2d& conv, const ConvStackWeights& args, Stream& stream) {
  conv_stack_products(conv, args, stream);
}

void stack_products(const Tensor& x, std::int64_t images, std::int64_t total, const Tensor& squares,
                    const Tensor& dots, Stream& stream) {
  if (x.dim(0) == 0) return;
  with_float(x.dtype(), "stack_products", [&]<class T>() {
    launch("stack_products", stack_products_kernel<T>, dim3(static_cast<unsigned>(x.dim(0))),
           dim3(block_threads), stream, x.size() / x.dim(0), images, total, pointer<T>(x),
           pointer<double>(squares), pointer<double>(dots));
  });
}

void stack_gram(const Tensor& x, std::int64_t images, const Tensor& gram, Stream& stream) {
  if (x.size() == 0) return gram.zero(stream);
  const auto count = static_cast<unsigned>(x.dim(0) / images);
  require(count <= max_grid_yz && images <= max_grid_yz,
          "stack_gram: {} gradients of {} images, more than {} of either", count, images,
          max_grid_yz);
  with_float(x.dtype(), "stack_gram", [&]<class T>() {
    launch("stack_gram", stack_gram_kernel<T>, dim3(count, count, static_cast<unsigned>(images)),
           dim3(block_threads), stream, x.size() / x.dim(0), images,
           static_cast<std::int64_t>(count), pointer<T>(x), pointer<double>(gram));
  });
}

void stack_mask(const Tensor& x, const Operand& input, Stream& stream) {
  const std::int64_t images = input.shape()[0];
  for (std::int64_t at = 0; images > 0 && at < x.dim(0) / images; ++at) {
    const Tensor one = gradient_at(x, at, images);
    operand_backward(gradient(one), input, one, {}, stream);
  }
}

}  // namespace rn::ops::cuda
