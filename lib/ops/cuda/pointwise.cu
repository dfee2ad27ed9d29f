// Pointwise ops on the GPU: one pass over memory, with moments and sums taken on the way.
#include "ops/cuda/elements.h"
#include "ops/cuda/ops.h"
#include "ops/cuda/rows.h"

namespace rn::ops::cuda {
namespace {

template <class T>
__global__ void operand_kernel(Tiles tiles, OperandAt<T> in, T* y, T* stored, PartMoments parts) {
  __shared__ double shared[3 * block_threads];
  const std::int64_t c = tiles.channel();
  const bool live = c < tiles.channels;
  ThreadMoments<Wide<T>> moments;
  if (live) {
    const OperandChannel<T> value(in, c);
    for (std::int64_t row = tiles.first_row(); row < tiles.last_row(); row += tiles.ty) {
      const std::int64_t i = row * tiles.channels + c;
      const Wide<T> v = value(i);
      const T rounded = stored_as<T>(in.relu ? rectify(v) : v);
      y[i] = rounded;
      if (stored) stored[i] = rounded;
      if (parts.at) moments.add(widen(rounded));
    }
  }
  if (!parts.at) return;
  const int thread = tiles.thread();
  const Sample sample =
      merge_block_moments(moments.finish(), thread, tiles.tx, block_threads, shared);
  if (thread < tiles.tx && live) parts.set(blockIdx.x, c, sample);
}

template <class T>
struct BackwardAt {
  GradientAt<T> gradient;
  OperandAt<T> input;
  const T* value;  // the operand's, where it is known
  T *d, *stored;
};

template <class T>
__global__ void gradient_kernel(Tiles tiles, BackwardAt<T> at, ReductionsAt<T> reductions) {
  __shared__ double shared[block_threads];
  const std::int64_t c = tiles.channel();
  const bool live = c < tiles.channels;
  ThreadReductions<T> sums(reductions, c, live);
  if (live) {
    const GradientChannel<T> gradient(at.gradient, c);
    const OperandChannel<T> input(at.input, c);
    for (std::int64_t row = tiles.first_row(); row < tiles.last_row(); row += tiles.ty) {
      const std::int64_t i = row * tiles.channels + c;
      T d = stored_as<T>(gradient(i));
      if (at.stored) at.stored[i] = d;
      if (at.input.relu) {
        const Wide<T> value = at.value ? widen(at.value[i]) : input(i);
        if (value <= Wide<T>(0)) d = stored_as<T>(Wide<T>(0));
      }
      if (at.d) at.d[i] = d;
      sums.add(widen(d), i);
    }
  }
  sums.finish(blockIdx.x, c, live, tiles.thread(), tiles.tx, block_threads, shared);
}

template <class T>
__global__ void axpby_kernel(std::int64_t size, Wide<T> alpha, const T* x, Wide<T> beta, T* y) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += step) {
    const Wide<T> ax = alpha * widen(x[i]);
    y[i] = stored_as<T>(beta == Wide<T>(0) ? ax : ax + beta * widen(y[i]));
  }
}

template <class T>
struct ProductAt {
  Wide<T> gate;
  const T *a, *m;
  T* y;
  __device__ void operator()(std::int64_t i) const {
    y[i] = stored_as<T>(widen(a[i]) * (Wide<T>(1) - gate + gate * widen(m[i])));
  }
};

template <class T>
struct ProductBackwardAt {
  Wide<T> gate;
  const T *d, *a, *m;
  T *d_a, *d_m;
  __device__ void operator()(std::int64_t i) const {
    const Wide<T> from = widen(d[i]);
    d_a[i] = stored_as<T>(from * (Wide<T>(1) - gate + gate * widen(m[i])));
    d_m[i] = stored_as<T>(gate * from * widen(a[i]));
  }
};

template <class T>
__global__ void add_scaled_kernel(std::int64_t size, double alpha, const double* x, T* y) {
  for (std::int64_t i = threadIdx.x; i < size; i += blockDim.x)
    y[i] += static_cast<T>(alpha * x[i]);
}

template <class T>
void backward(const char* op, const Gradient& gradient, const Operand& input, const Tensor& d,
              const Reductions& reductions, Stream& stream) {
  const Shape& shape = gradient.shape();
  const Tiles tiles(gradient.g.size() / shape.back(), shape.back());
  const BackwardAt<T> at{GradientAt<T>(gradient), OperandAt<T>(input), pointer<T>(input.stored),
                         pointer<T>(d), pointer<T>(gradient.stored)};
  ReductionsAt<T> sums(reductions, tiles.blocks, tiles.channels);
  if (sums.any()) sums.partial = scratch<double>(stream, sums.doubles());
  if (tiles.blocks > 0) {
    launch(op, gradient_kernel<T>, tiles.grid(), tiles.block(), stream, tiles, at, sums);
  }
  sums.merge(op, reductions, stream);
}

}  // namespace

void operand_forward(const Operand& input, const Tensor& output, Moments* moments, Stream& stream) {
  with_activation(output.dtype(), "operand_forward", [&]<class T>() {
    const Tiles tiles(output.size() / output.dim(-1), output.dim(-1));
    PartMoments parts{nullptr, tiles.blocks, tiles.channels};
    if (moments) parts.at = scratch<double>(stream, parts.doubles());
    T* stored =
        input.stored && input.stored.raw() != output.raw() ? pointer<T>(input.stored) : nullptr;
    if (tiles.blocks > 0) {
      launch("operand_forward", operand_kernel<T>, tiles.grid(), tiles.block(), stream, tiles,
             OperandAt<T>(input), pointer<T>(output), stored, parts);
    }
    if (moments) merge_moments("operand_forward", parts, *moments, stream);
  });
}

void operand_backward(const Gradient& gradient, const Operand& input, const Tensor& d_input,
                      const Reductions& reductions, Stream& stream) {
  with_activation(d_input.dtype(), "operand_backward", [&]<class T>() {
    backward<T>("operand_backward", gradient, input, d_input, reductions, stream);
  });
}

void gradient_forward(const Gradient& gradient, const Tensor& output, Stream& stream) {
  with_activation(output.dtype(), "gradient_forward", [&]<class T>() {
    backward<T>("gradient_forward", gradient, operand(gradient.g), output, {}, stream);
  });
}

void add_gradient_sums(const Gradient& gradient, double alpha, const Tensor& to, Stream& stream) {
  with_activation(gradient.g.dtype(), "add_gradient_sums", [&]<class T>() {
    const std::int64_t channels = to.size();
    const Tiles tiles(gradient.g.size() / channels, channels);
    ReductionsAt<T> sums;
    sums.wanted[0] = true;
    sums.parts = tiles.blocks;
    sums.channels = channels;
    sums.partial = scratch<double>(stream, sums.doubles() + channels);
    double* total = sums.partial + sums.doubles();
    Gradient from = gradient;
    from.stored = Tensor();
    const BackwardAt<T> at{GradientAt<T>(from), OperandAt<T>(), nullptr, nullptr, nullptr};
    if (tiles.blocks > 0) {
      launch("conv_backward", gradient_kernel<T>, tiles.grid(), tiles.block(), stream, tiles, at,
             sums);
    }
    launch("conv_backward", merge_sums_kernel, merge_grid(channels), merge_block(), stream,
           sums.parts, channels, sums.partial, total);
    launch("conv_backward", add_scaled_kernel<Wide<T>>, dim3(1), dim3(256), stream, channels, alpha,
           total, pointer<Wide<T>>(to));
  });
}

void axpby(double alpha, const Tensor& x, double beta, const Tensor& y, Stream& stream) {
  if (x.size() == 0) return;
  with_activation(x.dtype(), "axpby", [&]<class T>() {
    const std::int64_t blocks = std::min<std::int64_t>((x.size() + 255) / 256, 4096);
    launch("axpby", axpby_kernel<T>, dim3(static_cast<unsigned>(blocks)), dim3(256), stream,
           x.size(), static_cast<Wide<T>>(alpha), pointer<T>(x), static_cast<Wide<T>>(beta),
           pointer<T>(y));
  });
}

void gated_product_forward(double gate, const Tensor& a, const Tensor& m, const Tensor& output,
                           Stream& stream) {
  with_activation(a.dtype(), "gated_product_forward", [&]<class T>() {
    const ProductAt<T> body{static_cast<Wide<T>>(gate), pointer<T>(a), pointer<T>(m),
                            pointer<T>(output)};
    launch_elements("gated_product_forward", a.size(), body, stream);
  });
}

void gated_product_backward(double gate, const Tensor& d_output, const Tensor& a, const Tensor& m,
                            const Tensor& d_a, const Tensor& d_m, Stream& stream) {
  with_activation(a.dtype(), "gated_product_backward", [&]<class T>() {
    const ProductBackwardAt<T> body{static_cast<Wide<T>>(gate),
                                    pointer<T>(d_output),
                                    pointer<T>(a),
                                    pointer<T>(m),
                                    pointer<T>(d_a),
                                    pointer<T>(d_m)};
    launch_elements("gated_product_backward", a.size(), body, stream);
  });
}

}  // namespace rn::ops::cuda
