// Device code over rows of channels: a thread keeps one channel and walks down the rows, so that
// per-channel coefficients stay in registers and neighbouring threads read neighbouring values.
#pragma once

#include <algorithm>

#include "ops/cuda/sums.h"
#include "ops/cuda/values.h"

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

}  // namespace rn::ops::cuda
