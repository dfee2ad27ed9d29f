// Sums and moments per channel: in a thread, over a block, over blocks. How values are cut into
// parts depends on shapes alone, parts are merged in a fixed order, and no atomics add: the same
// bytes on every run. Sums and moments run in W over at most 256 values (shifted, for moments),
// then in double, as on the CPU.
#pragma once

#include "ops/cuda/parts.h"

namespace rn::ops::cuda {

constexpr int chunk_values = 256;

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
      if (k >= at_.wanted) continue;
      sums_[k][0].add(d);
      if (at_.against[k]) sums_[k][1].add(d * (widen(at_.against[k][i]) - center_[k]));
    }
  }
  // By all threads of the block, `live` those that have a channel.
  __device__ void finish(std::int64_t part, std::int64_t c, bool live, int thread, int width,
                         int threads, double* shared) {
    for (int k = 0; k < 2; ++k) {
      if (k >= at_.wanted) continue;
      for (int which = 0; which < 2; ++which) {
        const double sum =
            merge_block_sums(sums_[k][which].finish(), thread, width, threads, shared);
        if (thread < width && live) at_.partial.of(2 * k + which, c)[part] = sum;
      }
    }
  }

 private:
  const ReductionsAt<T>& at_;
  ThreadSum<W> sums_[2][2];
  W center_[2];
};

}  // namespace rn::ops::cuda
