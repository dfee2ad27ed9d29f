// Reversible streams on the GPU.
#include "ops/cuda/elements.h"
#include "ops/cuda/rows.h"
#include "ops/cuda/stream.h"

namespace rn::ops::cuda {
namespace {

// The nearest multiple of a power of two, ties to even.
template <class W>
struct Grid {
  W step, inverse;
  explicit Grid(double grid)
      : step(static_cast<W>(grid > 0 ? grid : 1)),
        inverse(static_cast<W>(grid > 0 ? 1 / grid : 1)) {}
  __device__ W operator()(W x) const { return rint(x * inverse) * step; }
};

// A NaN is not larger than anything.
__device__ inline double larger(double most, double x) { return x > most ? x : most; }

__device__ inline double merge_block_largest(double most, int thread, double* shared) {
  __syncthreads();
  shared[thread] = most;
  __syncthreads();
  if (thread == 0) {
    for (int k = 1; k < block_threads; ++k) most = larger(most, shared[k]);
  }
  return most;
}

__global__ void merge_largest_kernel(std::int64_t parts, const double* partial, double* merged) {
  __shared__ double shared[block_threads];
  double most = 0;
  for (std::int64_t k = threadIdx.x; k < parts; k += block_threads) most = larger(most, partial[k]);
  most = merge_block_largest(most, static_cast<int>(threadIdx.x), shared);
  if (threadIdx.x == 0) *merged = most;
}

template <class T>
struct SplitAt {
  OperandAt<T> in;
  T* stored;
  Wide<T>*first, *second;
};

template <class T>
__global__ void split_kernel(Tiles tiles, SplitAt<T> at, Grid<Wide<T>> round, double* largest) {
  __shared__ double shared[block_threads];
  const std::int64_t c = tiles.channel(), half = tiles.channels / 2;
  double most = 0;
  if (c < tiles.channels) {
    const OperandChannel<T> value(at.in, c);
    Wide<T>* to = c < half ? at.first + c : at.second + (c - half);
    for (std::int64_t row = tiles.first_row(); row < tiles.last_row(); row += tiles.ty) {
      const std::int64_t i = row * tiles.channels + c;
      Wide<T> v = value(i);
      if (at.in.relu) v = rectify(v);
      if (at.stored) at.stored[i] = stored_as<T>(v);
      if (largest) {
        v = round(v);
        most = larger(most, fabs(static_cast<double>(v)));
      }
      to[row * half] = v;
    }
  }
  if (!largest) return;
  most = merge_block_largest(most, tiles.thread(), shared);
  if (tiles.thread() == 0) largest[blockIdx.y * gridDim.x + blockIdx.x] = most;
}

// What `parts` blocks have found, once the stream is done.
double merged_largest(const char* op, const double* partial, std::int64_t parts, double* merged,
                      Stream& stream) {
  launch(op, merge_largest_kernel, dim3(1), dim3(block_threads), stream, parts, partial, merged);
  double result = 0;
  copy_async(&result, rn::cpu, merged, stream.device(), sizeof result, stream);
  stream.synchronize();
  return result;
}

std::int64_t blocks_of(const Tiles& tiles) { return std::int64_t{tiles.grid().x} * tiles.grid().y; }

template <class T>
struct JoinAt {
  const Wide<T>*first, *second;
  std::int64_t channels;
  T* y;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t half = channels / 2, row = i / channels, c = i % channels;
    y[i] = stored_as<T>(c < half ? first[row * half + c] : second[row * half + c - half]);
  }
};

template <class T>
struct AddAt {
  using W = Wide<T>;
  const W* x;
  const T* branch;
  W alpha, beta;
  bool rounds;
  W* y;
};

template <class T>
__global__ void add_kernel(Tiles tiles, AddAt<T> at, Grid<Wide<T>> round, PartMoments parts,
                           double* largest) {
  using W = Wide<T>;
  __shared__ double shared[3 * block_threads];
  const std::int64_t c = tiles.channel();
  const bool live = c < tiles.channels;
  ThreadMoments<W> moments;
  double most = 0;
  if (live) {
    for (std::int64_t row = tiles.first_row(); row < tiles.last_row(); row += tiles.ty) {
      const std::int64_t i = row * tiles.channels + c;
      W z = at.branch ? at.alpha * widen(at.branch[i]) : W(0);
      if (at.rounds) z = round(z);
      const W y = at.x ? at.beta * at.x[i] + z : z;
      at.y[i] = y;
      if (largest) most = larger(most, fabs(static_cast<double>(y)));
      if (parts.at) moments.add(y);
    }
  }
  const int thread = tiles.thread();
  if (largest) {
    most = merge_block_largest(most, thread, shared);
    if (thread == 0) largest[blockIdx.y * gridDim.x + blockIdx.x] = most;
  }
  if (!parts.at) return;
  const Sample sample =
      merge_block_moments(moments.finish(), thread, tiles.tx, block_threads, shared);
  if (thread < tiles.tx && live) parts.set(blockIdx.x, c, sample);
}

template <class T, class Y>
struct ConvertAt {
  OperandAt<T> in;
  std::int64_t channels;
  Y* y;
  __device__ void operator()(std::int64_t i) const {
    const OperandChannel<T> value(in, i % channels);
    const Wide<T> v = value(i);
    y[i] = stored_as<Y>(in.relu ? rectify(v) : v);
  }
};

// f with T the type of `x`, which is W or, beside f32, bf16.
template <class W, class F>
void with_beside(Dtype dtype, F&& f) {
  if constexpr (std::is_same_v<W, float>) {
    if (dtype == Dtype::bf16) return f.template operator()<bfloat16>();
  }
  f.template operator()<W>();
}

}  // namespace

double stream_split(const Operand& input, const Tensor& output, double grid, Stream& stream) {
  const char* op = "stream_split";
  const std::int64_t channels = input.shape()[3], rows = input.x1.size() / channels;
  if (rows == 0) return 0;
  const Tiles tiles(rows, channels);
  double* largest = grid > 0 ? scratch<double>(stream, blocks_of(tiles) + 1) : nullptr;
  with_activation(input.x1.dtype(), op, [&]<class T>() {
    using W = Wide<T>;
    const SplitAt<T> at{OperandAt<T>(input), pointer<T>(input.stored), pointer<W>(output),
                        pointer<W>(output) + rows * channels / 2};
    launch(op, split_kernel<T>, tiles.grid(), tiles.block(), stream, tiles, at, Grid<W>(grid),
           largest);
  });
  if (!largest) return 0;
  return merged_largest(op, largest, blocks_of(tiles), largest + blocks_of(tiles), stream);
}

void stream_join(const Tensor& state, const Tensor& output, Stream& stream) {
  const std::int64_t channels = output.dim(3);
  with_activation(output.dtype(), "stream_join", [&]<class T>() {
    const auto* first = pointer<Wide<T>>(state);
    const JoinAt<T> body{first, first + output.size() / 2, channels, pointer<T>(output)};
    launch_elements("stream_join", output.size(), body, stream);
  });
}

double stream_add(const StreamAdd& args, Stream& stream) {
  const char* op = "stream_add";
  const std::int64_t channels = args.output.dim(-1), rows = args.output.size() / channels;
  const Tiles tiles(rows, channels);
  PartMoments parts(tiles.blocks, channels);
  const std::int64_t most_at = args.moments ? parts.doubles() : 0, blocks = blocks_of(tiles);
  double* memory = scratch<double>(stream, most_at + blocks + 1);
  if (args.moments) parts.at = memory;
  double* largest = args.grid > 0 && rows > 0 ? memory + most_at : nullptr;
  with_float(args.output.dtype(), op, [&]<class W>() {
    with_beside<W>(args.branch ? args.branch.dtype() : args.output.dtype(), [&]<class T>() {
      const AddAt<T> at{
          pointer<W>(args.x),        pointer<T>(args.branch), static_cast<W>(args.alpha),
          static_cast<W>(args.beta), args.grid > 0,           pointer<W>(args.output)};
      if (rows == 0) return;
      launch(op, add_kernel<T>, tiles.grid(), tiles.block(), stream, tiles, at, Grid<W>(args.grid),
             parts, largest);
    });
  });
  if (args.moments) {
    args.moments->count = rows;
    merge_moments(op, parts, *args.moments, stream);
  }
  return largest ? merged_largest(op, largest, blocks, largest + blocks, stream) : 0;
}

void convert(const Operand& input, const Tensor& output, Stream& stream) {
  with_activation(input.x1.dtype(), "convert", [&]<class T>() {
    with_beside<Wide<T>>(output.dtype(), [&]<class Y>() {
      const ConvertAt<T, Y> body{OperandAt<T>(input), output.dim(-1), pointer<Y>(output)};
      launch_elements("convert", output.size(), body, stream);
    });
  });
}

}  // namespace rn::ops::cuda
