// The kernel of the convolution's backward pass to its weights: outputs x taps x inputs, summed
// over pixels. A block keeps TT outputs and TT inputs of up to nine taps in registers and walks
// over the tiles of its part; parts are added in order by another kernel, so no sum depends on
// chance.
#pragma once

#include "ops/cuda/conv_tile.h"
#include "ops/cuda/sums.h"

namespace rn::ops::cuda {

constexpr int weight_taps = 9;  // in registers at a time

template <class T>
struct WeightsAt {
  Axis down, along;
  Tiling tiling;
  int images, inputs, outputs;
  int input_tiles, tap_groups;
  int tiles_per_part;
  OperandAt<T> input;
  GradientAt<T> gradient;
  Wide<T>* parts;  // [part][O, KH, KW, I]
};

// A thread's sums. Gradients in shared memory [pixel][output], values in the patch [pixel][input].
template <class T, int TT>
class WeightSums;

// Tensor cores: outputs are rows, inputs columns, pixels what is summed over. A warp has 8 inputs;
// with fewer inputs than that makes for all warps, these share the taps.
template <int TT>
class WeightSums<bfloat16, TT> {
 public:
  static constexpr int columns = TT / 8, sharers = 4 / columns;
  static constexpr int taps = (weight_taps + sharers - 1) / sharers;

  __device__ WeightSums() {
    for (auto& of_tap : sums_) {
      for (auto& of_tile : of_tap) {
        for (float& sum : of_tile) sum = 0;
      }
    }
  }
  // rows: patch row of pixel m for offset 0; offsets: of each tap.
  __device__ void add(const bfloat16* g, const bfloat16* patch, const int* rows, const int* offsets,
                      int count, int pixels) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    constexpr int stride = row_stride<bfloat16>(TT);
    for (int m = 0; m < pixels; m += 16) {
      std::uint32_t a[TT / 16][4];
#pragma unroll
      for (int o = 0; o < TT / 16; ++o) {
        load_matrices_transposed(
            a[o], g + (m + lane / 16 * 8 + lane % 8) * stride + o * 16 + lane / 8 % 2 * 8);
      }
      // Two taps in one load: their 16 pixels each, by 8 inputs.
      const int row = rows[m + lane % 16];
#pragma unroll
      for (int k = 0; k < taps; k += 2) {
        const int mine = first_tap() + (k + lane / 16) * sharers;
        const int offset = offsets[mine < count ? mine : 0];
        std::uint32_t b[4];
        load_matrices_transposed(b, patch + (row + offset) * stride + first_input());
#pragma unroll
        for (int o = 0; o < TT / 16; ++o) {
          multiply_add(sums_[k][o], a[o], b[0], b[1]);
          if (k + 1 < taps) multiply_add(sums_[k + 1][o], a[o], b[2], b[3]);
        }
      }
    }
  }
  // Calls to(output, tap, input, sum) for all sums; every thread of the block.
  template <class F>
  __device__ void each(float*, int count, F to) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int k = 0; k < taps; ++k) {
      const int tap = first_tap() + k * sharers;
      if (tap >= count) continue;
#pragma unroll
      for (int o = 0; o < TT / 16; ++o) {
        const int output = o * 16 + lane / 4, input = first_input() + lane % 4 * 2;
        to(output, tap, input, sums_[k][o][0]);
        to(output, tap, input + 1, sums_[k][o][1]);
        to(output + 8, tap, input, sums_[k][o][2]);
        to(output + 8, tap, input + 1, sums_[k][o][3]);
      }
    }
  }
  static std::size_t shared() { return 0; }

 private:
  static __device__ int first_input() { return static_cast<int>(threadIdx.x) / 32 % columns * 8; }
  static __device__ int first_tap() { return static_cast<int>(threadIdx.x) / 32 / columns; }
  float sums_[taps + 1][TT / 16][4];
};

// Ordinary arithmetic: a thread has 4 outputs and 2 inputs of all taps; where that leaves threads
// over, they share the pixels.
template <class T, int TT>
class PlainWeightSums {
 public:
  static constexpr int owners = TT / 4 * (TT / 2), sharers = conv_threads / owners;

  __device__ PlainWeightSums() {
    for (auto& of_tap : sums_) {
      for (auto& of_output : of_tap) of_output[0] = of_output[1] = 0;
    }
  }
  __device__ void add(const T* g, const T* patch, const int* rows, const int* offsets, int count,
                      int pixels) {
    constexpr int stride = row_stride<T>(TT);
    for (int m = share(); m < pixels; m += sharers) {
      const T* from = g + m * stride + output();
      const T d[4] = {from[0], from[1], from[2], from[3]};
      const T* x = patch + rows[m] * stride + input();
#pragma unroll
      for (int k = 0; k < weight_taps; ++k) {
        if (k >= count) break;
        const T x0 = x[offsets[k] * stride], x1 = x[offsets[k] * stride + 1];
#pragma unroll
        for (int o = 0; o < 4; ++o) {
          sums_[k][o][0] += d[o] * x0;
          sums_[k][o][1] += d[o] * x1;
        }
      }
    }
  }
  template <class F>
  __device__ void each(T* shared, int count, F to) const {
    if constexpr (sharers == 1) {
      hand_over(count, to);
    } else {
      for (int turn = 0; turn < sharers; ++turn) {
        __syncthreads();
        if (share() != turn) continue;
#pragma unroll
        for (int k = 0; k < weight_taps; ++k) {
          if (k >= count) break;
#pragma unroll
          for (int i = 0; i < 8; ++i) {
            T& at = shared[(k * 8 + i) * owners + owner()];
            const T sum = turn == 0 ? sums_[k][i / 2][i % 2] : at + sums_[k][i / 2][i % 2];
            if (turn + 1 < sharers) {
              at = sum;
            } else {
              to(output() + i / 2, k, input() + i % 2, sum);
            }
          }
        }
      }
    }
  }
  static std::size_t shared() {
    return sharers == 1 ? 0 : sizeof(T) * weight_taps * 8 * static_cast<std::size_t>(owners);
  }

 private:
  template <class F>
  __device__ void hand_over(int count, F to) const {
#pragma unroll
    for (int k = 0; k < weight_taps; ++k) {
      if (k >= count) break;
#pragma unroll
      for (int i = 0; i < 8; ++i) to(output() + i / 2, k, input() + i % 2, sums_[k][i / 2][i % 2]);
    }
  }
  static __device__ int owner() { return static_cast<int>(threadIdx.x) % owners; }
  static __device__ int share() { return static_cast<int>(threadIdx.x) / owners; }
  static __device__ int output() { return owner() % (TT / 4) * 4; }
  static __device__ int input() { return owner() / (TT / 4) * 2; }
  T sums_[weight_taps][4][2];
};

template <int TT>
class WeightSums<float, TT> : public PlainWeightSums<float, TT> {};
template <int TT>
class WeightSums<double, TT> : public PlainWeightSums<double, TT> {};

template <class T, int TT>
std::size_t weights_bytes(const Tiling& t) {
  const auto rows = static_cast<std::size_t>(t.patch_pixels() + tile_pixels);
  return std::max(sizeof(T) * rows * row_stride<T>(TT), WeightSums<T, TT>::shared());
}

// Blocks of a multiprocessor that registers are to suffice for.
template <class T, int TT>
inline constexpr int weights_blocks = std::is_same_v<T, double>  ? 2
                                      : std::is_same_v<T, float> ? 3
                                      : TT == 16                 ? 4
                                                                 : 3;

template <class T, int TT, bool whole>
__global__ void __launch_bounds__(conv_threads, weights_blocks<T, TT>)
    weights_kernel(WeightsAt<T> at) {
  __shared__ int rows[tile_pixels], offsets[weight_taps];
  const Tiling& t = at.tiling;
  const Side down = at.down.side(0), along = at.along.side(0);
  const int thread = static_cast<int>(threadIdx.x);
  const int c0 = static_cast<int>(blockIdx.y) % at.input_tiles * TT;
  const int o0 = static_cast<int>(blockIdx.y) / at.input_tiles * TT;
  const int kernel = at.down.kernel * at.along.kernel;
  const int tap0 = static_cast<int>(blockIdx.z) * weight_taps;
  const int taps = kernel - tap0 < weight_taps ? kernel - tap0 : weight_taps;

  T* patch = dynamic_shared<T>();
  T* g = patch + t.patch_pixels() * row_stride<T>(TT);
  rows[thread] = patch_row_of(t, thread, down.stride, along.stride);
  if (thread < taps) {
    const int tap = tap0 + thread;
    offsets[thread] = tap / at.along.kernel * t.patch_columns + tap % at.along.kernel;
  }
  const int pixels = (t.pixels() + 15) / 16 * 16;

  WeightSums<T, TT> sums;
  const int first = static_cast<int>(blockIdx.x) * at.tiles_per_part;
  const int end = first + at.tiles_per_part < t.tiles ? first + at.tiles_per_part : t.tiles;
  for (int tile = first; tile < end; ++tile) {
    const TileAt where(t, tile);
    __syncthreads();
    const PatchWhere box{t,
                         where.image,
                         where.row * down.stride + down.lo,
                         where.column * along.stride + along.lo,
                         at.images,
                         at.down.source,
                         at.along.source};
    fill_rows<T, TT, whole>(at.input, at.inputs, c0, t.patch_pixels(), box, KeepNothing<T>(),
                            patch);
    const auto place = [&](int m) -> int {
      if (m >= t.pixels()) return -1;
      const TilePixel pixel(t, m);
      const int x = where.column + pixel.column, y = where.row + pixel.row;
      const int n = where.image + pixel.image;
      if (x >= along.count || y >= down.count || n >= at.images) return -1;
      return (n * down.count + y) * along.count + x;
    };
    fill_rows<T, TT, whole>(at.gradient, at.outputs, o0, pixels, place, KeepNothing<T>(), g);
    __syncthreads();
    sums.add(g, patch, rows, offsets, taps, pixels);
  }
  Wide<T>* to = at.parts + static_cast<std::int64_t>(blockIdx.x) * at.outputs * kernel * at.inputs;
  __syncthreads();
  sums.each(dynamic_shared<Wide<T>>(), taps, [&](int o, int tap, int i, Wide<T> sum) {
    if (o0 + o >= at.outputs || c0 + i >= at.inputs) return;
    to[(static_cast<std::int64_t>(o0 + o) * kernel + tap0 + tap) * at.inputs + c0 + i] = sum;
  });
}

}  // namespace rn::ops::cuda
