// Sums and moments of threads that have packs of neighbouring channels (values.h), over the block.
#pragma once

#include "ops/cuda/packs.h"
#include "ops/cuda/parts.h"

namespace rn::ops::cuda {

// Lanes of a warp that are `packs` apart share channels, of which the block has packs * width, side
// by side: sums over a warp, then over the block's warps. v[q][k] are a thread's, of channel k of
// its pack; to(channel, sums[q]) is called once for each. Needs quantities * warps * packs * width
// of W in shared memory; begins and ends with a barrier.
template <int quantities, int width, class W, class F>
__device__ void block_sums(W (&v)[quantities][width], int packs, int threads, W* shared, F to) {
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const int warps = threads / 32, channels = packs * width;
  for (int by = packs; by < 32; by *= 2) {
#pragma unroll
    for (int q = 0; q < quantities; ++q) {
#pragma unroll
      for (int k = 0; k < width; ++k) v[q][k] += shuffle_xor(v[q][k], by);
    }
  }
  __syncthreads();
  if (lane < packs) {
#pragma unroll
    for (int q = 0; q < quantities; ++q) {
#pragma unroll
      for (int k = 0; k < width; ++k) {
        shared[(q * warps + warp) * channels + lane * width + k] = v[q][k];
      }
    }
  }
  __syncthreads();
  for (int channel = thread; channel < channels; channel += threads) {
    double sums[quantities];
    for (int q = 0; q < quantities; ++q) {
      sums[q] = 0;
      for (int k = 0; k < warps; ++k) sums[q] += shared[(q * warps + k) * channels + channel];
    }
    to(channel, sums);
  }
  __syncthreads();
}

// Moments of what a thread sees of its pack, all taken from one pivot for the block, so that sums
// stay small beside the spread.
template <class T>
class PackMoments {
 public:
  using W = Wide<T>;
  static constexpr int width = pack_width<T>;
  __device__ void start(const Pack<T>& pivot) { pivot_ = pivot; }
  __device__ void add(const Pack<T>& x) {
    for (int k = 0; k < width; ++k) {
      const W delta = x.v[k] - pivot_.v[k];
      sums_[0][k] += delta;
      sums_[1][k] += delta * delta;
    }
    ++count_;
  }
  // By all threads of the block, of which `threads` there are; channels from c0 on, `channels` in
  // all. Needs (2 * warps + 1) * packs * width + warps of W in shared memory.
  __device__ void finish(const PartMoments& to, std::int64_t part, std::int64_t c0, int packs,
                         int threads, W* shared) {
    const int thread = static_cast<int>(threadIdx.x), warps = threads / 32, own = packs * width;
    W *pivots = shared + 2 * warps * own, *counts = pivots + own;
    W count = static_cast<W>(count_);
    for (int by = packs; by < 32; by *= 2) count += shuffle_xor(count, by);
    __syncthreads();
    if (thread < packs) {
      for (int k = 0; k < width; ++k) pivots[thread * width + k] = pivot_.v[k];
    }
    if (thread % 32 == 0) counts[thread / 32] = count;
    block_sums(sums_, packs, threads, shared, [&](int channel, const double(&sums)[2]) {
      double all = 0;
      for (int k = 0; k < warps; ++k) all += counts[k];
      if (c0 + channel < to.channels) {
        to.set(part, c0 + channel, all, pivots[channel], sums[0], sums[1]);
      }
    });
  }

 private:
  Pack<T> pivot_ = {};
  W sums_[2][width] = {};
  int count_ = 0;
};

// The reductions of the gradients that a thread stores of its pack. What is needed only while
// values are added, the centers, is read for each tile: registers are scarce.
template <class T>
class PackReductions {
 public:
  using W = Wide<T>;
  static constexpr int width = pack_width<T>;
  struct Raw {
    Words4 against[2];
  };
  struct Centers {
    Pack<T> of[2];
    __device__ Centers(const ReductionsAt<T>& at, std::int64_t c, int count) {
      for (int k = 0; k < 2; ++k) of[k] = coefficients<T>(at.center[k], c, count, 0);
    }
  };
  template <bool whole>
  __device__ static Raw fetch(const ReductionsAt<T>& at, std::int64_t i, int count) {
    Raw raw;
    for (int k = 0; k < 2; ++k) {
      if (at.against[k]) raw.against[k] = Pack<T>::template fetch<whole>(at.against[k] + i, count);
    }
    return raw;
  }
  __device__ void add(const ReductionsAt<T>& at, const Centers& centers, const Pack<T>& d,
                      const Raw& raw) {
    if (at.wanted == 0) return;
    for (int i = 0; i < width; ++i) sum_[0][i] += d.v[i];
    for (int k = 0; k < 2; ++k) {
      if (!at.against[k]) continue;
      Pack<T> x;
      x.unpack(raw.against[k]);
      for (int i = 0; i < width; ++i) products_[k][i] += d.v[i] * (x.v[i] - centers.of[k].v[i]);
    }
  }
  __device__ void finish(const ReductionsAt<T>& at, std::int64_t part, std::int64_t c0, int packs,
                         int threads, W* shared) {
    if (at.wanted == 0) return;
    const auto live = [&](int channel) { return c0 + channel < at.partial.channels; };
    block_sums(sum_, packs, threads, shared, [&](int channel, const double(&sums)[1]) {
      for (int k = 0; k < at.wanted; ++k) {
        if (live(channel)) at.partial.of(2 * k, c0 + channel)[part] = sums[0];
      }
    });
    block_sums(products_, packs, threads, shared, [&](int channel, const double(&sums)[2]) {
      for (int k = 0; k < at.wanted; ++k) {
        if (live(channel)) at.partial.of(2 * k + 1, c0 + channel)[part] = sums[k];
      }
    });
  }

 private:
  W sum_[1][width] = {}, products_[2][width] = {};  // products: of either reduction
};

}  // namespace rn::ops::cuda
