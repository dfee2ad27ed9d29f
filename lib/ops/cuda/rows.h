// Device code over rows of channels: a thread keeps one channel and walks down the rows, so that
// per-channel coefficients stay in registers and neighbouring threads read neighbouring values.
//
// How rows are cut into blocks depends on the shape alone, partial results are merged in a fixed
// order, and no atomics add: the same bytes on every run. Sums and moments run in T over at most
// 256 values (shifted, for moments), then in double, as on the CPU.
#pragma once

#include <algorithm>

#include "ops/cuda/launch.h"
#include "ops/operand.h"

namespace rn::ops::cuda {

constexpr int block_threads = 256;
constexpr int chunk_values = 256;
constexpr int merge_parts = 32;

// A block is tx channels by ty threads and takes block_rows rows.
struct Tiles {
  std::int64_t rows, channels, block_rows;
  int tx, ty, blocks;

  Tiles(std::int64_t of_rows, std::int64_t of_channels)
      : rows(of_rows), channels(of_channels), tx(1) {
    while (tx < channels && tx < 32) tx *= 2;
    ty = block_threads / tx;
    block_rows = std::max<std::int64_t>(16 * ty, (rows + 511) / 512);
    blocks = static_cast<int>((rows + block_rows - 1) / block_rows);
  }
  dim3 grid() const {
    return dim3(static_cast<unsigned>(blocks), static_cast<unsigned>((channels + tx - 1) / tx));
  }
  dim3 block() const { return dim3(static_cast<unsigned>(tx), static_cast<unsigned>(ty)); }

  __device__ std::int64_t channel() const {
    return static_cast<std::int64_t>(blockIdx.y) * tx + threadIdx.x;
  }
  __device__ std::int64_t first_row() const { return blockIdx.x * block_rows + threadIdx.y; }
  __device__ std::int64_t last_row() const {
    const std::int64_t end = (blockIdx.x + 1) * block_rows;
    return end < rows ? end : rows;
  }
  // Rows of a block: what its partial moments count.
  __device__ std::int64_t count(int block) const {
    const std::int64_t begin = block * block_rows, end = begin + block_rows;
    return (end < rows ? end : rows) - begin;
  }
  __device__ std::int64_t partial(std::int64_t channel) const {
    return blockIdx.x * channels + channel;
  }
};

template <class T>
struct OperandAt {
  const T *x1, *a1, *b1, *x2, *a2, *b2;
  bool relu;
  explicit OperandAt(const Operand& in)
      : x1(pointer<T>(in.x1)),
        a1(pointer<T>(in.f1.scale)),
        b1(pointer<T>(in.f1.shift)),
        x2(pointer<T>(in.x2)),
        a2(pointer<T>(in.f2.scale)),
        b2(pointer<T>(in.f2.shift)),
        relu(in.act == Activation::relu) {}
};

template <class T>
struct GradientAt {
  const T *g, *p, *c, *q, *r, *add;
  explicit GradientAt(const Gradient& in)
      : g(pointer<T>(in.g)),
        p(pointer<T>(in.p)),
        c(in.q ? pointer<T>(in.c) : nullptr),
        q(pointer<T>(in.q)),
        r(pointer<T>(in.r)),
        add(pointer<T>(in.add)) {}
};

// max(x, 0); NaN stays NaN.
template <class T>
__device__ T rectify(T x) {
  return x <= T(0) ? T(0) : x;
}

// The operand of one channel, before its activation.
template <class T>
class OperandChannel {
 public:
  __device__ OperandChannel(const OperandAt<T>& in, std::int64_t c)
      : x1_(in.x1),
        x2_(in.x2),
        a1_(in.a1 ? in.a1[c] : T(1)),
        a2_(in.a2 ? in.a2[c] : T(1)),
        b_((in.b1 ? in.b1[c] : T(0)) + (in.b2 ? in.b2[c] : T(0))) {}
  __device__ T operator()(std::int64_t i) const {
    const T value = a1_ * x1_[i] + b_;
    return x2_ ? value + a2_ * x2_[i] : value;
  }

 private:
  const T *x1_, *x2_;
  T a1_, a2_, b_;
};

template <class T>
class GradientChannel {
 public:
  __device__ GradientChannel(const GradientAt<T>& in, std::int64_t c)
      : g_(in.g),
        c_(in.c),
        add_(in.add),
        p_(in.p ? in.p[c] : T(1)),
        q_(in.q ? in.q[c] : T(0)),
        r_(in.r ? in.r[c] : T(0)) {}
  __device__ T operator()(std::int64_t i) const {
    T value = p_ * g_[i] + r_;
    if (c_) value += q_ * c_[i];
    return add_ ? value + add_[i] : value;
  }

 private:
  const T *g_, *c_, *add_;
  T p_, q_, r_;
};

struct Sample {
  double count = 0, mean = 0, m2 = 0;
  __device__ void merge(const Sample& other) {  // Chan, Golub, LeVeque 1979
    if (other.count == 0) return;
    const double total = count + other.count, delta = other.mean - mean;
    m2 += other.m2 + delta * delta * count * other.count / total;
    mean += delta * other.count / total;
    count = total;
  }
};

// Moments of the values that one thread sees.
template <class T>
class ThreadMoments {
 public:
  __device__ void add(T value) {
    if (n_ == 0) shift_ = value;
    const T delta = value - shift_;
    sum_ += delta;
    square_ += delta * delta;
    if (++n_ == chunk_values) flush();
  }
  __device__ Sample finish() {
    if (n_ > 0) flush();
    return all_;
  }

 private:
  __device__ void flush() {
    const double n = n_, sum = sum_;
    all_.merge({n, shift_ + sum / n, square_ - sum * sum / n});
    n_ = 0;
    sum_ = square_ = T(0);
  }
  Sample all_;
  T shift_ = T(0), sum_ = T(0), square_ = T(0);
  int n_ = 0;
};

template <class T>
class ThreadSum {
 public:
  __device__ void add(T value) {
    chunk_ += value;
    if (++n_ == chunk_values) flush();
  }
  __device__ double finish() {
    flush();
    return all_;
  }

 private:
  __device__ void flush() {
    all_ += chunk_;
    chunk_ = T(0);
    n_ = 0;
  }
  double all_ = 0;
  T chunk_ = T(0);
  int n_ = 0;
};

// merged[c] of the blocks' partials [blocks, C]: block.y channels of merge_parts threads each.
static __global__ void merge_moments_kernel(Tiles tiles, const double* mean, const double* m2,
                                            double* merged_mean, double* merged_m2) {
  __shared__ double shared[3][block_threads];
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  const int part = threadIdx.x, at = threadIdx.y * merge_parts + part;
  Sample sample;
  if (c < tiles.channels) {
    const int end = tiles.blocks * (part + 1) / merge_parts;
    for (int b = tiles.blocks * part / merge_parts; b < end; ++b) {
      const std::int64_t from = b * tiles.channels + c;
      sample.merge({static_cast<double>(tiles.count(b)), mean[from], m2[from]});
    }
  }
  shared[0][at] = sample.count;
  shared[1][at] = sample.mean;
  shared[2][at] = sample.m2;
  __syncthreads();
  if (part != 0 || c >= tiles.channels) return;
  for (int k = 1; k < merge_parts; ++k) {
    sample.merge({shared[0][at + k], shared[1][at + k], shared[2][at + k]});
  }
  merged_mean[c] = sample.mean;
  merged_m2[c] = sample.m2;
}

static __global__ void merge_sums_kernel(Tiles tiles, const double* partial, double* merged) {
  __shared__ double shared[block_threads];
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  const int part = threadIdx.x, at = threadIdx.y * merge_parts + part;
  double sum = 0;
  if (c < tiles.channels) {
    const int end = tiles.blocks * (part + 1) / merge_parts;
    for (int b = tiles.blocks * part / merge_parts; b < end; ++b) {
      sum += partial[b * tiles.channels + c];
    }
  }
  shared[at] = sum;
  __syncthreads();
  if (part != 0 || c >= tiles.channels) return;
  for (int k = 1; k < merge_parts; ++k) sum += shared[at + k];
  merged[c] = sum;
}

inline dim3 merge_grid(std::int64_t channels) {
  constexpr int per_block = block_threads / merge_parts;
  return dim3(static_cast<unsigned>((channels + per_block - 1) / per_block));
}
inline dim3 merge_block() { return dim3(merge_parts, block_threads / merge_parts); }

}  // namespace rn::ops::cuda
