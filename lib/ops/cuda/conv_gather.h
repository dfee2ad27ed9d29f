// The kernel of the forward pass and of the backward pass to the input (conv_tile.h says why they
// are one program). A block keeps one group of outputs and walks over tiles; a tile's products go
// through shared memory, so that the epilogue walks over packs of neighbouring channels.
#pragma once

#include "ops/cuda/conv_multiply.h"
#include "ops/cuda/pack_sums.h"

namespace rn::ops::cuda {

constexpr int most_group = 9;   // taps whose weights are in shared memory at once
constexpr int most_stride = 8;  // of the backward pass

template <class T, class Value>
struct GatherAt {
  Side down[most_stride], along[most_stride];  // of each class
  int classes_along, kernel_rows, kernel_columns;
  int source_rows, source_columns, destination_rows, destination_columns;
  Tiling tiling;
  int images, sources, outputs;  // channels read, channels written
  int group;                     // taps at a time
  int tiles_per_block;
  bool resident;  // all weights of a block fit: they are read once
  Value value;
  T* kept;  // where the value is to be written as well: each pixel by the block of its own tile
  const Wide<T>* weights;  // OHWI
};

// Where fill_rows writes the value as well: pixels that are the tile's own, which no other tile's
// block writes.
template <class T>
struct KeepOwn {
  const PatchWhere& where;
  int row, column, rows, columns;  // the tile's own, in the source
  T* to;
  __device__ T* operator()(int p) const {
    if (!to) return nullptr;
    const PatchWhere::Place at = where.place(p);
    const int y = where.row + at.row - row, x = where.column + at.column - column;
    return y >= 0 && y < rows && x >= 0 && x < columns ? to : nullptr;
  }
};

// Where the taps of a group look, in shared memory: in the weights' kernel, in the patch.
struct TapPlaces {
  int index[most_group], offset[most_group];
  __device__ void fill(const Side& down, const Side& along, int kernel_width, int patch_columns,
                       TapRange taps) {
    const int k = static_cast<int>(threadIdx.x), tap = taps.begin + k;
    if (tap >= taps.end) return;
    const int a = tap / along.taps, b = tap % along.taps;
    index[k] = (down.first + a * down.step) * kernel_width + along.first + b * along.step;
    offset[k] = down.offset(a) * patch_columns + along.offset(b);
  }
};

// Neighbouring weights as T.
template <class T, bool whole>
__device__ Pack<T> read_weights(const Wide<T>* from, int count) {
  Pack<T> pack;
  if (whole && count > 0) {
    memcpy(pack.v, __builtin_assume_aligned(from, 16), sizeof pack.v);
  } else {
    for (int k = 0; k < Pack<T>::width; ++k) pack.v[k] = k < count ? from[k] : Wide<T>(0);
  }
  return pack;
}

template <class T, int OT, int CT, bool backward, bool whole, class Value>
__device__ void load_weights(const GatherAt<T, Value>& at, const TapPlaces& places, int o0, int c0,
                             int taps, T* to) {
  constexpr int width = pack_width<T>;
  // Neighbours in memory are the convolution's input channels: what is read forward, what is
  // written backward. bf16 keeps them side by side in shared memory; forward, the others do not,
  // and neighbouring threads take neighbouring outputs.
  constexpr int packs = (backward ? OT : CT) / width, others = backward ? CT : OT;
  constexpr int per_tap = packs * others, ahead = 2;
  constexpr bool packs_first = backward || std::is_same_v<T, bfloat16>;
  const int kernel = at.kernel_rows * at.kernel_columns;
  const int inputs = backward ? at.outputs : at.sources;
#pragma unroll 1
  for (int begin = thread_here(); begin < taps * per_tap; begin += ahead * conv_threads) {
    Pack<T> read[ahead];
    int tap[ahead], n[ahead], k[ahead];
#pragma unroll
    for (int u = 0; u < ahead; ++u) {
      const int i = begin + u * conv_threads, rest = i % per_tap;
      if (i >= taps * per_tap) break;
      const int pack = (packs_first ? rest % packs : rest / others) * width;
      const int other = packs_first ? rest / packs : rest % others;
      tap[u] = i / per_tap;
      n[u] = backward ? pack : other;
      k[u] = backward ? other : pack;
      const int c = c0 + k[u], o = o0 + n[u], first = backward ? o : c;
      const int left = c < at.sources && o < at.outputs ? inputs - first : 0;
      const std::int64_t row = static_cast<std::int64_t>(backward ? c : o) * kernel;
      read[u] =
          read_weights<T, whole>(at.weights + (row + places.index[tap[u]]) * inputs + first, left);
    }
#pragma unroll
    for (int u = 0; u < ahead; ++u) {
      if (begin + u * conv_threads >= taps * per_tap) break;
      Product<T, OT, CT, backward>::keep(to, tap[u], n[u], k[u], read[u]);
    }
  }
}

// Blocks of a multiprocessor that registers are to suffice for.
template <class T, int OT>
inline constexpr int gather_blocks = std::is_same_v<T, double> ? 2
                                     : OT == 64                ? 3
                                                               : 4;

// Epilogue has Coefficients, made of a pack of channels for each tile, and Sums, which a thread
// keeps to the end; `ahead` pixels are read at a time: fetch(i) reads what it needs for the
// elements from i of the destination, start() sees the block's first pixel, put_one() takes each,
// finish() ends the sums.
template <class T, int OT, int CT, bool backward, bool whole, class Value, class Epilogue>
__global__ void __launch_bounds__(conv_threads, gather_blocks<T, OT>)
    gather_kernel(GatherAt<T, Value> at, Epilogue epilogue) {
  using W = Wide<T>;
  __shared__ TapPlaces places;
  constexpr int width = pack_width<T>, packs = OT / width, step = conv_threads / packs;
  constexpr int staged_stride = OT + 16 / static_cast<int>(sizeof(W));
  const Side& down = at.down[static_cast<int>(blockIdx.z) / at.classes_along];
  const Side& along = at.along[static_cast<int>(blockIdx.z) % at.classes_along];
  const Tiling& t = at.tiling;
  const int taps = down.taps * along.taps;

  T* weights = dynamic_shared<T>();
  T* patch = weights + at.group * Product<T, OT, CT, backward>::per_tap;
  W* staged = reinterpret_cast<W*>(patch);  // once the patch has been read

  const int o0 = static_cast<int>(blockIdx.y) * OT;
  typename Epilogue::Sums sums;
  Product<T, OT, CT, backward> product(t, down.stride, along.stride);

  const int first = static_cast<int>(blockIdx.x) * at.tiles_per_block;
  const int end = first + at.tiles_per_block < t.tiles ? first + at.tiles_per_block : t.tiles;
  bool loaded = false, begun = false;
#pragma unroll 1
  for (int tile = first; tile < end; ++tile) {
    const TileAt where(t, tile);
    if (where.row >= down.count || where.column >= along.count) continue;
    product.clear();
#pragma unroll 1
    for (int c0 = 0; c0 < at.sources && taps > 0; c0 += CT) {
      const PatchWhere box{t,
                           where.image,
                           where.row * down.stride + down.lo,
                           where.column * along.stride + along.lo,
                           at.images,
                           at.source_rows,
                           at.source_columns};
      const KeepOwn<T> kept{box,
                            where.row * down.stride,
                            where.column * along.stride,
                            t.rows * down.stride,
                            t.columns * along.stride,
                            blockIdx.y == 0 ? at.kept : nullptr};
#pragma unroll 1
      for (int begin = 0; begin < taps; begin += at.group) {
        const TapRange range{begin, begin + at.group < taps ? begin + at.group : taps};
        const bool loads = !at.resident || !loaded;
        __syncthreads();
        if (loads) {
          places.fill(down, along, at.kernel_columns, t.patch_columns, range);
          __syncthreads();
          load_weights<T, OT, CT, backward, whole>(at, places, o0, c0, range.end - range.begin,
                                                   weights);
          loaded = true;
        }
        if (begin == 0) {
          fill_rows<T, CT, whole>(at.value, at.sources, c0, t.patch_pixels(), box, kept, patch);
        }
        __syncthreads();
#pragma unroll 1
        for (int tap = 0; tap < range.end - range.begin; ++tap) {
          product.add(patch, weights, places.offset[tap], tap);
        }
      }
    }
    __syncthreads();
    product.store(staged, staged_stride);
    __syncthreads();
    const int own = thread_here(), channel = o0 + own % packs * width;
    const int left = at.outputs - channel, count = left < 0 ? 0 : left < width ? left : width;
    const auto element = [&](int m) -> std::int64_t {
      const TilePixel pixel(t, m);
      const int x = where.column + pixel.column, y = where.row + pixel.row;
      const int n = where.image + pixel.image;
      if (x >= along.count || y >= down.count || n >= at.images) return -1;
      const int place =
          (n * at.destination_rows + y * down.out_step + down.begin) * at.destination_columns +
          x * along.out_step + along.begin;
      return static_cast<std::int64_t>(place) * at.outputs + channel;
    };
    const W* from = staged + own % packs * width;
    if (!begun) {
      if (count > 0) {
        const typename Epilogue::Coefficients by(epilogue, channel, count);
        epilogue.start(by, from, epilogue.template fetch<whole>(element(0), count), sums);
      }
      __syncthreads();  // the first pixel may be written over what was read for it
      begun = true;
    }
    if (count > 0) {
      const typename Epilogue::Coefficients by(epilogue, channel, count);
      constexpr int ahead = Epilogue::ahead;
#pragma unroll 1
      for (int m0 = own / packs; m0 < t.pixels(); m0 += ahead * step) {
        typename Epilogue::Raw raw[ahead];
        std::int64_t i[ahead];
#pragma unroll
        for (int u = 0; u < ahead; ++u) {
          const int m = m0 + u * step;
          i[u] = m < t.pixels() ? element(m) : -1;
          if (i[u] >= 0) raw[u] = epilogue.template fetch<whole>(i[u], count);
        }
#pragma unroll
        for (int u = 0; u < ahead; ++u) {
          if (i[u] < 0) continue;
          epilogue.template put_one<whole>(by, from + (m0 + u * step) * staged_stride, raw[u], i[u],
                                           count, sums);
        }
      }
    }
  }
  const std::int64_t part = static_cast<std::int64_t>(blockIdx.z) * gridDim.x + blockIdx.x;
  epilogue.finish(sums, part, o0, packs, staged);
}

}  // namespace rn::ops::cuda
