// The products of a tile in shared memory: pixels x outputs, over the channels of a chunk and some
// taps. bf16 on tensor cores (m16n8k16), f32 and f64 with ordinary multiply-adds.
#pragma once

#include "ops/cuda/conv_tile.h"

namespace rn::ops::cuda {

// Which taps are in shared memory, and where they look.
struct TapRange {
  int begin, end;
};

// OT outputs a tile. Weights in shared memory: [tap][output][chunk, padded].
template <class T, int OT>
class Product;

// A warp takes 32 pixels and all outputs.
template <int OT>
class Product<bfloat16, OT> {
 public:
  static __host__ __device__ int weights_size(int taps, int chunk) {
    return taps * OT * row_stride<bfloat16>(chunk);
  }
  static __device__ int weight_at(int tap, int output, int k, int chunk) {
    return (tap * OT + output) * row_stride<bfloat16>(chunk) + k;
  }

  __device__ Product(const Tiling& t, int stride_down, int stride_along) {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    for (int half = 0; half < 2; ++half) {
      rows_[half] = patch_row_of(t, warp * 32 + half * 16 + lane % 16, stride_down, stride_along);
    }
  }
  __device__ void clear() {
    for (auto& of_half : sums_) {
      for (auto& of_tile : of_half) {
        for (float& sum : of_tile) sum = 0;
      }
    }
  }
  // Adds tap `tap` of the weights, read at `offset` patch rows from where the pixels stand.
  __device__ void add(const bfloat16* patch, const bfloat16* weights, int offset, int tap,
                      int chunk) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int stride = row_stride<bfloat16>(chunk);
    const bfloat16* a_row[2] = {patch + (rows_[0] + offset) * stride + lane / 16 * 8,
                                patch + (rows_[1] + offset) * stride + lane / 16 * 8};
    const bfloat16* b_row =
        weights + (tap * OT + lane / 16 * 8 + lane % 8) * stride + lane / 8 % 2 * 8;
    for (int k = 0; k < chunk; k += 16) {
      std::uint32_t a[2][4];
      load_matrices(a[0], a_row[0] + k);
      load_matrices(a[1], a_row[1] + k);
#pragma unroll
      for (int n = 0; n < OT / 16; ++n) {
        std::uint32_t b[4];
        load_matrices(b, b_row + n * 16 * stride + k);
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          multiply_add(sums_[half][2 * n], a[half], b[0], b[1]);
          multiply_add(sums_[half][2 * n + 1], a[half], b[2], b[3]);
        }
      }
    }
  }
  // Into shared memory, [tile_pixels][stride].
  __device__ void store(float* to, int stride) const {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int n = 0; n < OT / 8; ++n) {
        float* at = to + (warp * 32 + half * 16 + lane / 4) * stride + n * 8 + lane % 4 * 2;
        at[0] = sums_[half][n][0];
        at[1] = sums_[half][n][1];
        at[8 * stride] = sums_[half][n][2];
        at[8 * stride + 1] = sums_[half][n][3];
      }
    }
  }

 private:
  int rows_[2];
  float sums_[2][OT / 8][4];
};

// Ordinary arithmetic: a thread takes 8 pixels and OT / 8 outputs. Weights: [tap][chunk][output].
template <class T, int OT>
class PlainProduct {
 public:
  static __host__ __device__ int weights_size(int taps, int chunk) { return taps * OT * chunk; }
  static __device__ int weight_at(int tap, int output, int k, int chunk) {
    return (tap * chunk + k) * OT + output;
  }

  __device__ PlainProduct(const Tiling& t, int stride_down, int stride_along) {
    for (int j = 0; j < 8; ++j) {
      rows_[j] =
          patch_row_of(t, static_cast<int>(threadIdx.x) / 8 + 16 * j, stride_down, stride_along);
    }
  }
  __device__ void clear() {
    for (auto& of_pixel : sums_) {
      for (T& sum : of_pixel) sum = 0;
    }
  }
  __device__ void add(const T* patch, const T* weights, int offset, int tap, int chunk) {
    constexpr int step = 16 / static_cast<int>(sizeof(T));  // channels that one load brings
    const int stride = row_stride<T>(chunk);
    const T* b = weights + tap * chunk * OT + static_cast<int>(threadIdx.x) % 8 * outputs;
    for (int k = 0; k < chunk; k += step) {
      T w[step][outputs];
#pragma unroll
      for (int s = 0; s < step; ++s) load(w[s], b + (k + s) * OT);
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        T a[step];
        load(a, patch + (rows_[j] + offset) * stride + k);
#pragma unroll
        for (int s = 0; s < step; ++s) {
#pragma unroll
          for (int n = 0; n < outputs; ++n) sums_[j][n] += a[s] * w[s][n];
        }
      }
    }
  }
  __device__ void store(T* to, int stride) const {
    T* at = to + static_cast<int>(threadIdx.x) / 8 * stride +
            static_cast<int>(threadIdx.x) % 8 * outputs;
#pragma unroll
    for (int j = 0; j < 8; ++j) {
#pragma unroll
      for (int n = 0; n < outputs; ++n) at[16 * j * stride + n] = sums_[j][n];
    }
  }

 private:
  static constexpr int outputs = OT / 8;
  // Shared memory of aligned addresses, as few loads as it takes.
  template <int N>
  static __device__ void load(T (&to)[N], const T* from) {
    struct __align__(N * sizeof(T) < 16 ? N * sizeof(T) : 16) Block {
      T v[N * sizeof(T) < 16 ? N : 16 / sizeof(T)];
    };
    constexpr int width = sizeof(Block) / sizeof(T);
#pragma unroll
    for (int k = 0; k < N; k += width) {
      const Block block = *reinterpret_cast<const Block*>(from + k);
#pragma unroll
      for (int i = 0; i < width; ++i) to[k + i] = block.v[i];
    }
  }
  int rows_[8];
  T sums_[8][outputs];
};

template <int OT>
class Product<float, OT> : public PlainProduct<float, OT> {
  using PlainProduct<float, OT>::PlainProduct;
};
template <int OT>
class Product<double, OT> : public PlainProduct<double, OT> {
  using PlainProduct<double, OT>::PlainProduct;
};

}  // namespace rn::ops::cuda
