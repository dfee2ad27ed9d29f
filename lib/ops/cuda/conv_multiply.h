// The products of a tile in shared memory: pixels x outputs, over the channels of a chunk and some
// taps. bf16 on tensor cores (m16n8k16), f32 and f64 with ordinary multiply-adds.
#pragma once

#include "ops/cuda/conv_tile.h"

namespace rn::ops::cuda {

// Which taps are in shared memory, and where they look.
struct TapRange {
  int begin, end;
};

// OT outputs a tile, CT channels read. Whether neighbouring weights in memory (OHWI) are
// neighbouring outputs or channels depends on the pass: forward reads inputs, backward writes them.
template <class T, int OT, int CT, bool backward>
class Product;

// A warp takes 32 pixels and all outputs. Weights in shared memory as in memory, rows of either
// kind padded: [tap][output][channel] forward, [tap][channel][output] backward.
template <int OT, int CT, bool backward>
class Product<bfloat16, OT, CT, backward> {
 public:
  static constexpr int row = row_stride<bfloat16>(backward ? OT : CT);
  static constexpr int per_tap = (backward ? CT : OT) * row;
  // Of output n and the pack_width channels, or channel k and the outputs, that come in one
  // reading.
  static __device__ void keep(bfloat16* weights, int tap, int n, int k,
                              const Pack<bfloat16>& pack) {
    pack.store(weights + tap * per_tap + (backward ? k * row + n : n * row + k));
  }

  __device__ Product(const Tiling& t, int stride_down, int stride_along) {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    for (int half = 0; half < 2; ++half) {
      rows_[half] = patch_row_of(t, warp * 32 + half * 16 + lane % 16, stride_down, stride_along) *
                        row_stride<bfloat16>(CT) +
                    lane / 16 * 8;
    }
    weights_ = backward ? (lane / 8 % 2 * 8 + lane % 8) * row + lane / 16 * 8
                        : (lane / 16 * 8 + lane % 8) * row + lane / 8 % 2 * 8;
  }
  __device__ void clear() {
    for (auto& of_half : sums_) {
      for (auto& of_tile : of_half) {
        for (float& sum : of_tile) sum = 0;
      }
    }
  }
  // Adds tap `tap` of the weights, read at `offset` patch rows from where the pixels stand.
  __device__ void add(const bfloat16* patch, const bfloat16* weights, int offset, int tap) {
    const bfloat16* from = patch + offset * row_stride<bfloat16>(CT);
    const bfloat16* b_from = weights + tap * per_tap + weights_;
#pragma unroll
    for (int k = 0; k < CT; k += 16) {
      std::uint32_t a[2][4];
      load_matrices(a[0], from + rows_[0] + k);
      load_matrices(a[1], from + rows_[1] + k);
#pragma unroll
      for (int n = 0; n < OT; n += 16) {
        std::uint32_t b[4];
        if constexpr (backward) {
          load_matrices_transposed(b, b_from + k * row + n);
        } else {
          load_matrices(b, b_from + n * row + k);
        }
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          multiply_add(sums_[half][n / 8], a[half], b[0], b[1]);
          multiply_add(sums_[half][n / 8 + 1], a[half], b[2], b[3]);
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
        put_two(at, sums_[half][n][0], sums_[half][n][1]);
        put_two(at + 8 * stride, sums_[half][n][2], sums_[half][n][3]);
      }
    }
  }

 private:
  static __device__ void put_two(float* to, float first, float second) {
    struct __align__(8) Two {
      float first, second;
    };
    *reinterpret_cast<Two*>(to) = {first, second};
  }
  int rows_[2], weights_;  // in the patch, in the weights
  float sums_[2][OT / 8][4];
};

// Ordinary arithmetic: a thread takes 8 pixels and OT / 8 outputs. Weights: [tap][channel][output].
template <class T, int OT, int CT, bool backward>
class PlainProduct {
 public:
  static constexpr int per_tap = CT * OT;
  static __device__ void keep(T* weights, int tap, int n, int k, const Pack<T>& pack) {
    T* to = weights + tap * per_tap + k * OT + n;
    if constexpr (backward) {
      pack.store(to);
    } else {
      for (int i = 0; i < pack_width<T>; ++i) to[i * OT] = pack.v[i];
    }
  }

  __device__ PlainProduct(const Tiling& t, int stride_down, int stride_along) {
    for (int j = 0; j < 8; ++j) {
      rows_[j] =
          patch_row_of(t, static_cast<int>(threadIdx.x) / 8 + 16 * j, stride_down, stride_along) *
          row_stride<T>(CT);
    }
  }
  __device__ void clear() {
    for (auto& of_pixel : sums_) {
      for (T& sum : of_pixel) sum = 0;
    }
  }
  __device__ void add(const T* patch, const T* weights, int offset, int tap) {
    constexpr int step = 16 / static_cast<int>(sizeof(T));  // channels that one load brings
    const T* from = patch + offset * row_stride<T>(CT);
    const T* b = weights + tap * per_tap + static_cast<int>(threadIdx.x) % 8 * outputs;
#pragma unroll 2
    for (int k = 0; k < CT; k += step) {
      T w[step][outputs];
#pragma unroll
      for (int s = 0; s < step; ++s) load(w[s], b + (k + s) * OT);
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        T a[step];
        load(a, from + rows_[j] + k);
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

template <int OT, int CT, bool backward>
class Product<float, OT, CT, backward> : public PlainProduct<float, OT, CT, backward> {
  using PlainProduct<float, OT, CT, backward>::PlainProduct;
};
template <int OT, int CT, bool backward>
class Product<double, OT, CT, backward> : public PlainProduct<double, OT, CT, backward> {
  using PlainProduct<double, OT, CT, backward>::PlainProduct;
};

}  // namespace rn::ops::cuda
