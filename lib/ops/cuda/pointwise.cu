// Pointwise ops on the GPU: one pass over memory, with moments and sums taken on the way.
#include "ops/cuda/elements.h"
#include "ops/cuda/ops.h"
#include "ops/cuda/pack_sums.h"
#include "ops/cuda/rows.h"

namespace rn::ops::cuda {
namespace {

constexpr int ahead = 2;  // rows under way at once

// Calls fetch(u, i) for up to `ahead` rows of a block, then use(u, i), and so on.
template <class Fetch, class Use>
__device__ void each_row(const PackTiles& tiles, std::int64_t c, Fetch fetch, Use use) {
  const std::int64_t end = tiles.last_row();
  for (std::int64_t row = tiles.first_row(); row < end; row += ahead * tiles.ty) {
#pragma unroll
    for (int u = 0; u < ahead; ++u) {
      const std::int64_t at = row + u * tiles.ty;
      if (at < end) fetch(u, at * tiles.channels + c);
    }
#pragma unroll
    for (int u = 0; u < ahead; ++u) {
      const std::int64_t at = row + u * tiles.ty;
      if (at < end) use(u, at * tiles.channels + c);
    }
  }
}

template <class T, bool whole>
__global__ void __launch_bounds__(block_threads)
    operand_kernel(PackTiles tiles, OperandAt<T> in, T* y, T* stored, PartMoments parts) {
  using Read = OperandPack<T, whole>;
  __shared__ Wide<T> shared[PackTiles::shared_size<T>];
  const std::int64_t c = tiles.channel();
  const int count = tiles.count(c);
  PackMoments<T> moments;
  if (parts.at) {
    if (count > 0) {
      const Read read(in, c, count);
      // The part's first row, of whoever takes it.
      Pack<T> first = read(blockIdx.x * tiles.block_rows * tiles.channels + c);
      first.unpack(first.packed());
      moments.start(first);
    }
    __syncthreads();  // y may be x1
  }
  if (count > 0) {
    const Read read(in, c, count);
    typename Read::Raw raw[ahead];
    each_row(
        tiles, c, [&](int u, std::int64_t i) { raw[u] = read.fetch(i); },
        [&](int u, std::int64_t i) {
          Pack<T> value = read.value(raw[u]);
          const Words4 words = value.packed();
          put<whole>(words, y + i, count);
          if (stored) put<whole>(words, stored + i, count);
          if (!parts.at) return;
          value.unpack(words);
          moments.add(value);
        });
  }
  if (!parts.at) return;
  moments.finish(parts, blockIdx.x, tiles.first_channel(), tiles.packs, block_threads, shared);
}

template <class T>
struct BackwardAt {
  GradientAt<T> gradient;
  OperandAt<T> input;
  const T* value;  // the operand's, where it is known
  T *d, *stored;
};

template <class T, bool whole>
__global__ void __launch_bounds__(block_threads)
    gradient_kernel(PackTiles tiles, BackwardAt<T> at, ReductionsAt<T> reductions) {
  __shared__ Wide<T> shared[PackTiles::shared_size<T>];
  const std::int64_t c = tiles.channel();
  const int count = tiles.count(c);
  using Sums = PackReductions<T>;
  Sums sums;
  const typename Sums::Centers centers(reductions, c, count);
  if (count > 0) {
    const GradientPack<T, whole> gradient(at.gradient, c, count);
    const OperandPack<T, whole> input(at.input, c, count);
    typename GradientPack<T, whole>::Raw raw[ahead];
    typename OperandPack<T, whole>::Raw of_input[ahead];
    typename Sums::Raw of_sums[ahead];
    each_row(
        tiles, c,
        [&](int u, std::int64_t i) {
          raw[u] = gradient.fetch(i);
          if (at.input.relu && at.value) {
            of_input[u].x1 = Pack<T>::template fetch<whole>(at.value + i, count);
          } else if (at.input.relu) {
            of_input[u] = input.fetch(i);
          }
          of_sums[u] = Sums::template fetch<whole>(reductions, i, count);
        },
        [&](int u, std::int64_t i) {
          Pack<T> d = gradient.value(raw[u]);
          Words4 words = d.packed();
          if (at.stored) put<whole>(words, at.stored + i, count);
          d.unpack(words);
          if (at.input.relu) {
            Pack<T> value;
            if (at.value) {
              value.unpack(of_input[u].x1);
            } else {
              value = input.linear(of_input[u]);
            }
            for (int k = 0; k < Pack<T>::width; ++k) {
              if (value.v[k] <= Wide<T>(0)) d.v[k] = 0;
            }
            words = d.packed();
          }
          if (at.d) put<whole>(words, at.d + i, count);
          sums.add(reductions, centers, d, of_sums[u]);
        });
  }
  sums.finish(reductions, blockIdx.x, tiles.first_channel(), tiles.packs, block_threads, shared);
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
  const PackTiles tiles(gradient.g.size() / shape.back(), shape.back(), pack_width<T>);
  const BackwardAt<T> at{GradientAt<T>(gradient), OperandAt<T>(input), pointer<T>(input.stored),
                         pointer<T>(d), pointer<T>(gradient.stored)};
  ReductionsAt<T> sums(reductions, tiles.blocks, tiles.channels);
  if (sums.wanted > 0) sums.partial.at = scratch<double>(stream, sums.partial.doubles());
  if (tiles.blocks > 0) {
    launch(op, tiles.whole() ? gradient_kernel<T, true> : gradient_kernel<T, false>, tiles.grid(),
           tiles.block(), stream, tiles, at, sums);
  }
  sums.merge(op, reductions, stream);
}

}  // namespace

void operand_forward(const Operand& input, const Tensor& output, Moments* moments, Stream& stream) {
  with_activation(output.dtype(), "operand_forward", [&]<class T>() {
    const PackTiles tiles(output.size() / output.dim(-1), output.dim(-1), pack_width<T>);
    PartMoments parts(tiles.blocks, tiles.channels);
    if (moments) parts.at = scratch<double>(stream, parts.doubles());
    T* stored =
        input.stored && input.stored.raw() != output.raw() ? pointer<T>(input.stored) : nullptr;
    if (tiles.blocks > 0) {
      launch("operand_forward", tiles.whole() ? operand_kernel<T, true> : operand_kernel<T, false>,
             tiles.grid(), tiles.block(), stream, tiles, OperandAt<T>(input), pointer<T>(output),
             stored, parts);
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
    const PackTiles tiles(gradient.g.size() / channels, channels, pack_width<T>);
    ReductionsAt<T> sums;
    sums.wanted = 1;
    sums.partial.parts = tiles.blocks;
    sums.partial.channels = channels;
    sums.partial.quantities = 2;
    sums.partial.at = scratch<double>(stream, sums.partial.doubles() + 2 * channels);
    double* total = sums.partial.at + sums.partial.doubles();
    Gradient from = gradient;
    from.stored = Tensor();
    const BackwardAt<T> at{GradientAt<T>(from), OperandAt<T>(), nullptr, nullptr, nullptr};
    if (tiles.blocks > 0) {
      launch("conv_backward", tiles.whole() ? gradient_kernel<T, true> : gradient_kernel<T, false>,
             tiles.grid(), tiles.block(), stream, tiles, at, sums);
    }
    launch("conv_backward", merge_sums_kernel<2>, dim3(static_cast<unsigned>(channels)),
           dim3(merge_threads), stream, sums.partial, total, nullptr);
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
