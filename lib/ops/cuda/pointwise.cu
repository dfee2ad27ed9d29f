// Pointwise ops on the GPU: one pass over memory, with moments and sums taken on the way.
#include "ops/cuda/ops.h"
#include "ops/cuda/rows.h"

namespace rn::ops::cuda {
namespace {

template <class T>
__global__ void operand_kernel(Tiles tiles, OperandAt<T> in, T* y, T* stored, double* mean,
                               double* m2) {
  const std::int64_t c = tiles.channel();
  const bool live = c < tiles.channels;
  ThreadMoments<T> moments;
  if (live) {
    const OperandChannel<T> value(in, c);
    for (std::int64_t row = tiles.first_row(); row < tiles.last_row(); row += tiles.ty) {
      const std::int64_t i = row * tiles.channels + c;
      T v = value(i);
      if (in.relu) v = rectify(v);
      y[i] = v;
      if (stored) stored[i] = v;
      if (mean) moments.add(v);
    }
  }
  if (!mean) return;
  __shared__ double shared[3][block_threads];
  const int at = threadIdx.y * tiles.tx + threadIdx.x;
  Sample sample = moments.finish();
  shared[0][at] = sample.count;
  shared[1][at] = sample.mean;
  shared[2][at] = sample.m2;
  __syncthreads();
  if (threadIdx.y != 0 || !live) return;
  for (int k = at + tiles.tx; k < block_threads; k += tiles.tx) {
    sample.merge({shared[0][k], shared[1][k], shared[2][k]});
  }
  mean[tiles.partial(c)] = sample.mean;
  m2[tiles.partial(c)] = sample.m2;
}

// Sums of one Reduction; partial is [2, blocks, C], null where none is wanted.
template <class T>
struct ReductionAt {
  const T *against, *center;
  double* partial;
};

template <class T>
struct BackwardAt {
  GradientAt<T> gradient;
  OperandAt<T> input;
  const T* value;  // the operand's, where it is known
  T *d, *stored;
  ReductionAt<T> reductions[2];
};

template <class T>
__global__ void gradient_kernel(Tiles tiles, BackwardAt<T> at) {
  const std::int64_t c = tiles.channel();
  const bool live = c < tiles.channels;
  ThreadSum<T> sums[2][2];
  if (live) {
    const GradientChannel<T> gradient(at.gradient, c);
    const OperandChannel<T> input(at.input, c);
    T center[2];
    for (int k = 0; k < 2; ++k) {
      center[k] = at.reductions[k].center ? at.reductions[k].center[c] : T(0);
    }
    for (std::int64_t row = tiles.first_row(); row < tiles.last_row(); row += tiles.ty) {
      const std::int64_t i = row * tiles.channels + c;
      T d = gradient(i);
      if (at.stored) at.stored[i] = d;
      if (at.input.relu) {
        const T value = at.value ? at.value[i] : input(i);
        if (value <= T(0)) d = T(0);
      }
      at.d[i] = d;
      for (int k = 0; k < 2; ++k) {
        if (!at.reductions[k].partial) continue;
        sums[k][0].add(d);
        if (at.reductions[k].against) sums[k][1].add(d * (at.reductions[k].against[i] - center[k]));
      }
    }
  }
  __shared__ double shared[block_threads];
  const int thread = threadIdx.y * tiles.tx + threadIdx.x;
  for (int k = 0; k < 2; ++k) {
    if (!at.reductions[k].partial) continue;
    for (int which = 0; which < 2; ++which) {
      double sum = sums[k][which].finish();
      __syncthreads();
      shared[thread] = sum;
      __syncthreads();
      if (threadIdx.y != 0 || !live) continue;
      for (int from = thread + tiles.tx; from < block_threads; from += tiles.tx)
        sum += shared[from];
      const std::int64_t all = static_cast<std::int64_t>(tiles.blocks) * tiles.channels;
      at.reductions[k].partial[which * all + tiles.partial(c)] = sum;
    }
  }
}

template <class T>
__global__ void axpby_kernel(std::int64_t size, T alpha, const T* x, T beta, T* y) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += step) {
    y[i] = beta == T(0) ? alpha * x[i] : alpha * x[i] + beta * y[i];
  }
}

template <class T>
void backward(const char* op, const Gradient& gradient, const Operand& input, const Tensor& d,
              const Reductions& reductions, Stream& stream) {
  const Tiles tiles(d.size() / d.dim(-1), d.dim(-1));
  const std::int64_t all = tiles.blocks * tiles.channels;
  BackwardAt<T> at{GradientAt<T>(gradient), OperandAt<T>(input),         pointer<T>(input.stored),
                   pointer<T>(d),           pointer<T>(gradient.stored), {}};
  double* partial = nullptr;
  if (reductions[0].sums || reductions[1].sums) partial = scratch<double>(stream, 4 * all);
  for (int k = 0; k < 2; ++k) {
    const Reduction& reduction = reductions[static_cast<std::size_t>(k)];
    if (!reduction.sums) continue;
    at.reductions[k] = {pointer<T>(reduction.against), pointer<T>(reduction.center),
                        partial + 2 * k * all};
  }
  if (tiles.blocks > 0)
    launch(op, gradient_kernel<T>, tiles.grid(), tiles.block(), stream, tiles, at);
  for (int k = 0; k < 2; ++k) {
    const Reduction& reduction = reductions[static_cast<std::size_t>(k)];
    if (!reduction.sums) continue;
    for (int which = 0; which < 2; ++which) {
      launch(op, merge_sums_kernel, merge_grid(tiles.channels), merge_block(), stream, tiles,
             at.reductions[k].partial + which * all,
             pointer<double>(reduction.sums) + which * tiles.channels);
    }
  }
}

}  // namespace

void operand_forward(const Operand& input, const Tensor& output, Moments* moments, Stream& stream) {
  with_float(output.dtype(), "operand_forward", [&]<class T>() {
    const Tiles tiles(output.size() / output.dim(-1), output.dim(-1));
    const std::int64_t all = tiles.blocks * tiles.channels;
    double* partial = moments ? scratch<double>(stream, 2 * all) : nullptr;
    T* stored =
        input.stored && input.stored.raw() != output.raw() ? pointer<T>(input.stored) : nullptr;
    if (tiles.blocks > 0) {
      launch("operand_forward", operand_kernel<T>, tiles.grid(), tiles.block(), stream, tiles,
             OperandAt<T>(input), pointer<T>(output), stored, partial,
             partial ? partial + all : nullptr);
    }
    if (moments) {
      launch("operand_forward", merge_moments_kernel, merge_grid(tiles.channels), merge_block(),
             stream, tiles, partial, partial + all, pointer<double>(moments->mean),
             pointer<double>(moments->m2));
    }
  });
}

void operand_backward(const Gradient& gradient, const Operand& input, const Tensor& d_input,
                      const Reductions& reductions, Stream& stream) {
  with_float(d_input.dtype(), "operand_backward", [&]<class T>() {
    backward<T>("operand_backward", gradient, input, d_input, reductions, stream);
  });
}

void gradient_forward(const Gradient& gradient, const Tensor& output, Stream& stream) {
  with_float(output.dtype(), "gradient_forward", [&]<class T>() {
    backward<T>("gradient_forward", gradient, operand(gradient.g), output, {}, stream);
  });
}

void axpby(double alpha, const Tensor& x, double beta, const Tensor& y, Stream& stream) {
  if (x.size() == 0) return;
  with_float(x.dtype(), "axpby", [&]<class T>() {
    const std::int64_t blocks = std::min<std::int64_t>((x.size() + 255) / 256, 4096);
    launch("axpby", axpby_kernel<T>, dim3(static_cast<unsigned>(blocks)), dim3(256), stream,
           x.size(), static_cast<T>(alpha), pointer<T>(x), static_cast<T>(beta), pointer<T>(y));
  });
}

}  // namespace rn::ops::cuda
