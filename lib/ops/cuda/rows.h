// Device code over rows of channels: a thread keeps one channel and walks down the rows, so that
// per-channel coefficients stay in registers and neighbouring threads read neighbouring values.
#pragma once

#include <algorithm>

#include "ops/cuda/packs.h"
#include "ops/cuda/sums.h"

namespace rn::ops::cuda {

constexpr int block_threads = 256;

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
  __device__ int thread() const { return static_cast<int>(threadIdx.y) * tx + threadIdx.x; }
};

// The same with packs of neighbouring channels: a block is `packs` of them by 256 / packs rows.
struct PackTiles {
  std::int64_t rows, channels, block_rows;
  int width, packs, ty, blocks;
  static constexpr int most_packs = 16;
  // W that a block's sums need of shared memory (pack_sums.h).
  template <class T>
  static constexpr int shared_size =
      (2 * (block_threads / 32) + 1) * most_packs* pack_width<T> + block_threads / 32;

  PackTiles(std::int64_t of_rows, std::int64_t of_channels, int of_width)
      : rows(of_rows), channels(of_channels), width(of_width), packs(1) {
    while (packs * width < channels && packs < most_packs) packs *= 2;
    ty = block_threads / packs;
    block_rows = std::max<std::int64_t>(4 * ty, (rows + 1055) / 1056);
    blocks = static_cast<int>((rows + block_rows - 1) / block_rows);
  }
  dim3 grid() const {
    const std::int64_t wide = packs * width;
    return dim3(static_cast<unsigned>(blocks), static_cast<unsigned>((channels + wide - 1) / wide));
  }
  dim3 block() const { return dim3(static_cast<unsigned>(block_threads)); }
  bool whole() const { return channels % width == 0; }

  __device__ int count(std::int64_t c) const {  // of the channels of the pack at c
    const std::int64_t left = channels - c;
    return left < 0 ? 0 : left < width ? static_cast<int>(left) : width;
  }
  __device__ std::int64_t first_channel() const {  // of the block
    return static_cast<std::int64_t>(blockIdx.y) * packs * width;
  }
  __device__ std::int64_t channel() const {  // of the thread
    return first_channel() + threadIdx.x % packs * width;
  }
  __device__ std::int64_t first_row() const {
    return blockIdx.x * block_rows + threadIdx.x / packs;
  }
  __device__ std::int64_t last_row() const {
    const std::int64_t end = (blockIdx.x + 1) * block_rows;
    return end < rows ? end : rows;
  }
};

}  // namespace rn::ops::cuda
