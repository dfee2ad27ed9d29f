// Sums and moments per channel: in a thread, over a block, over blocks. How values are cut into
// parts depends on shapes alone, parts are merged in a fixed order, and no atomics add: the same
// bytes on every run. Sums and moments run in W over at most 256 values (shifted, for moments),
// then in double, as on the CPU.
#pragma once

#include "ops/cuda/launch.h"
#include "ops/cuda/values.h"

namespace rn::ops::cuda {

constexpr int chunk_values = 256;
constexpr int merge_parts = 32;
constexpr int merge_threads = 256;

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
template <class W>
class ThreadMoments {
 public:
  __device__ void add(W value) {
    if (n_ == 0) shift_ = value;
    const W delta = value - shift_;
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
    sum_ = square_ = W(0);
  }
  Sample all_;
  W shift_ = W(0), sum_ = W(0), square_ = W(0);
  int n_ = 0;
};

template <class W>
class ThreadSum {
 public:
  __device__ void add(W value) {
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
    chunk_ = W(0);
    n_ = 0;
  }
  double all_ = 0;
  W chunk_ = W(0);
  int n_ = 0;
};

// The threads of a block lie over channels: thread t sees channel t % width. Merges what threads
// of one channel have; thread t < width gets its channel's. Needs 3 * blockDim doubles; starts and
// ends with a barrier.
__device__ inline Sample merge_block_moments(Sample sample, int thread, int width, int threads,
                                             double* shared) {
  __syncthreads();
  shared[3 * thread] = sample.count;
  shared[3 * thread + 1] = sample.mean;
  shared[3 * thread + 2] = sample.m2;
  __syncthreads();
  if (thread < width) {
    for (int k = thread + width; k < threads; k += width) {
      sample.merge({shared[3 * k], shared[3 * k + 1], shared[3 * k + 2]});
    }
  }
  __syncthreads();
  return sample;
}

__device__ inline double merge_block_sums(double sum, int thread, int width, int threads,
                                          double* shared) {
  __syncthreads();
  shared[thread] = sum;
  __syncthreads();
  if (thread < width) {
    for (int k = thread + width; k < threads; k += width) sum += shared[k];
  }
  __syncthreads();
  return sum;
}

// Parts' moments: three arrays [parts, C], count, mean and M2, one behind the other.
struct PartMoments {
  double* at = nullptr;
  std::int64_t parts = 0, channels = 0;
  std::int64_t doubles() const { return 3 * parts * channels; }
  __device__ void set(std::int64_t part, std::int64_t c, const Sample& sample) const {
    double* to = at + part * channels + c;
    to[0] = sample.count;
    to[parts * channels] = sample.mean;
    to[2 * parts * channels] = sample.m2;
  }
  __device__ Sample get(std::int64_t part, std::int64_t c) const {
    const double* from = at + part * channels + c;
    return {from[0], from[parts * channels], from[2 * parts * channels]};
  }
};

// merged[c] of all parts: a block takes blockDim.y channels, merge_parts threads each.
static __global__ void merge_moments_kernel(PartMoments from, double* mean, double* m2) {
  __shared__ double shared[3][merge_threads];
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  const int part = threadIdx.x, at = threadIdx.y * merge_parts + part;
  Sample sample;
  if (c < from.channels) {
    const std::int64_t end = from.parts * (part + 1) / merge_parts;
    for (std::int64_t b = from.parts * part / merge_parts; b < end; ++b) {
      sample.merge(from.get(b, c));
    }
  }
  shared[0][at] = sample.count;
  shared[1][at] = sample.mean;
  shared[2][at] = sample.m2;
  __syncthreads();
  if (part != 0 || c >= from.channels) return;
  for (int k = 1; k < merge_parts; ++k) {
    sample.merge({shared[0][at + k], shared[1][at + k], shared[2][at + k]});
  }
  mean[c] = sample.mean;
  m2[c] = sample.m2;
}

// merged[c] := the sum of partial [parts, C] over parts.
static __global__ void merge_sums_kernel(std::int64_t parts, std::int64_t channels,
                                         const double* partial, double* merged) {
  __shared__ double shared[merge_threads];
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  const int part = threadIdx.x, at = threadIdx.y * merge_parts + part;
  double sum = 0;
  if (c < channels) {
    const std::int64_t end = parts * (part + 1) / merge_parts;
    for (std::int64_t b = parts * part / merge_parts; b < end; ++b)
      sum += partial[b * channels + c];
  }
  shared[at] = sum;
  __syncthreads();
  if (part != 0 || c >= channels) return;
  for (int k = 1; k < merge_parts; ++k) sum += shared[at + k];
  merged[c] = sum;
}

inline dim3 merge_grid(std::int64_t channels) {
  constexpr int per_block = merge_threads / merge_parts;
  return dim3(static_cast<unsigned>((channels + per_block - 1) / per_block));
}
inline dim3 merge_block() { return dim3(merge_parts, merge_threads / merge_parts); }

inline void merge_moments(const char* op, const PartMoments& parts, const Moments& to,
                          Stream& stream) {
  launch(op, merge_moments_kernel, merge_grid(parts.channels), merge_block(), stream, parts,
         pointer<double>(to.mean), pointer<double>(to.m2));
}

// The sums of the reductions of a gradient d. A part's sums are [4][parts, C]: of d and of d *
// (against - center), for either reduction.
template <class T>
struct ReductionsAt {
  const T* against[2] = {nullptr, nullptr};
  const Wide<T>* center[2] = {nullptr, nullptr};
  bool wanted[2] = {false, false};
  double* partial = nullptr;
  std::int64_t parts = 0, channels = 0;

  ReductionsAt() = default;
  ReductionsAt(const Reductions& from, std::int64_t of_parts, std::int64_t of_channels)
      : parts(of_parts), channels(of_channels) {
    for (int k = 0; k < 2; ++k) {
      const Reduction& reduction = from[static_cast<std::size_t>(k)];
      wanted[k] = reduction.sums.defined();
      if (!wanted[k]) continue;
      against[k] = pointer<T>(reduction.against);
      center[k] = pointer<Wide<T>>(reduction.center);
    }
  }
  bool any() const { return wanted[0] || wanted[1]; }
  std::int64_t doubles() const { return any() ? 4 * parts * channels : 0; }

  void merge(const char* op, const Reductions& to, Stream& stream) const {
    for (int k = 0; k < 2; ++k) {
      for (int which = 0; wanted[k] && which < 2; ++which) {
        double* sums = pointer<double>(to[static_cast<std::size_t>(k)].sums) + which * channels;
        launch(op, merge_sums_kernel, merge_grid(channels), merge_block(), stream, parts, channels,
               partial + (2 * k + which) * parts * channels, sums);
      }
    }
  }
};

// A thread's share of the reductions, for its one channel.
template <class T>
class ThreadReductions {
 public:
  using W = Wide<T>;
  __device__ ThreadReductions(const ReductionsAt<T>& at, std::int64_t c, bool live) : at_(at) {
    for (int k = 0; k < 2; ++k) center_[k] = live && at.center[k] ? at.center[k][c] : W(0);
  }
  __device__ void add(W d, std::int64_t i) {
    for (int k = 0; k < 2; ++k) {
      if (!at_.wanted[k]) continue;
      sums_[k][0].add(d);
      if (at_.against[k]) sums_[k][1].add(d * (widen(at_.against[k][i]) - center_[k]));
    }
  }
  // By all threads of the block, `live` those that have a channel.
  __device__ void finish(std::int64_t part, std::int64_t c, bool live, int thread, int width,
                         int threads, double* shared) {
    for (int k = 0; k < 2; ++k) {
      if (!at_.wanted[k]) continue;
      for (int which = 0; which < 2; ++which) {
        const double sum =
            merge_block_sums(sums_[k][which].finish(), thread, width, threads, shared);
        if (thread < width && live) {
          at_.partial[((2 * k + which) * at_.parts + part) * at_.channels + c] = sum;
        }
      }
    }
  }

 private:
  const ReductionsAt<T>& at_;
  ThreadSum<W> sums_[2][2];
  W center_[2];
};

}  // namespace rn::ops::cuda
