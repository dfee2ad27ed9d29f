// How a convolution is cut up for the GPU. A tile is up to 128 destination pixels: `images` images
// of rows x columns pixels each. What it reads of the source is a patch, a box of pixels of each
// image, taken into shared memory once (transformed on the way) and met by every tap from there.
//
// Forward reads the input and writes the output; backward data reads the gradient of the output and
// writes that of the input. With stride s the latter falls apart into s classes along either axis,
// of destination pixels that meet the same taps; then both are one program: destination pixel u *
// out_step + begin takes tap first + a * step from source pixel u * stride + lo + offset(a).
#pragma once

#include <algorithm>

#include "ops/conv.h"
#include "ops/cuda/values.h"

namespace rn::ops::cuda {

constexpr int tile_pixels = 128;
constexpr int conv_threads = 128;
// Shared memory of a block: two of them fit on every GPU since sm_80, one on sm_86.
constexpr std::size_t shared_limit = 96 << 10;

// One axis of one class.
struct Side {
  int taps, first, step;
  int stride, lo;
  bool flip;
  int begin, out_step, count;
  __device__ int offset(int a) const { return flip ? taps - 1 - a : a; }
};

// One axis of the convolution.
struct Axis {
  int kernel, stride, pad, source, destination;
  bool backward;

  __host__ __device__ int classes() const { return backward ? stride : 1; }
  __host__ __device__ Side side(int cls) const {
    if (!backward) return {kernel, 0, 1, stride, -pad, false, 0, 1, destination};
    const int first = (cls + pad) % stride;
    const int taps = first < kernel ? (kernel - first + stride - 1) / stride : 0;
    return {taps,
            first,
            stride,
            1,
            (cls + pad - first) / stride - (taps - 1),
            true,
            cls,
            stride,
            (destination - cls + stride - 1) / stride};
  }
  // Of the largest class.
  int most() const { return backward ? (destination + stride - 1) / stride : destination; }
  int most_taps() const { return backward ? (kernel + stride - 1) / stride : kernel; }
  int source_stride() const { return backward ? 1 : stride; }
};

struct Tiling {
  int images, rows, columns;      // of a tile
  int patch_rows, patch_columns;  // of its patch, for each image
  int groups, tiles_down, tiles_along;
  std::int64_t tiles;
  int chunk;  // source channels at a time, a multiple of 16

  __host__ __device__ int pixels() const { return images * rows * columns; }
  __host__ __device__ int patch_pixels() const { return images * patch_rows * patch_columns; }
};

// A tile as blocks meet it.
struct TileAt {
  int image, row, column;  // its first destination pixel, in the class's own counting
  __device__ TileAt(const Tiling& t, std::int64_t tile) {
    column = static_cast<int>(tile % t.tiles_along) * t.columns;
    const std::int64_t rest = tile / t.tiles_along;
    row = static_cast<int>(rest % t.tiles_down) * t.rows;
    image = static_cast<int>(rest / t.tiles_down) * t.images;
  }
};

inline int ceil_div(std::int64_t a, std::int64_t b) { return static_cast<int>((a + b - 1) / b); }

// The padding of a row of `chunk` channels in shared memory that keeps eight neighbouring rows in
// different banks.
template <class T>
__host__ __device__ constexpr int row_stride(int chunk) {
  return chunk + 16 / static_cast<int>(sizeof(T));
}

// The largest tile for which bytes(tiling) fits; bytes is that of all shared memory of a block.
template <class F>
Tiling tile_for(const Axis& down, const Axis& along, int images, int channels, int most_chunk,
                const char* op, F&& bytes) {
  Tiling t{};
  t.chunk = std::min(most_chunk, (channels + 15) / 16 * 16);
  if (t.chunk == 48) t.chunk = 64;  // threads divide by channels
  t.columns = std::clamp(along.most(), 1, 16);
  t.rows = std::clamp(down.most(), 1, tile_pixels / t.columns);
  t.images = std::clamp(images, 1, tile_pixels / (t.columns * t.rows));
  for (;;) {
    t.patch_rows = (t.rows - 1) * down.source_stride() + std::max(1, down.most_taps());
    t.patch_columns = (t.columns - 1) * along.source_stride() + std::max(1, along.most_taps());
    if (bytes(t) <= shared_limit) break;
    if (t.pixels() <= 32 && t.chunk > 16) {
      t.chunk /= 2;
    } else if (t.images > 1) {
      t.images = (t.images + 1) / 2;
    } else if (t.rows > 1) {
      t.rows = (t.rows + 1) / 2;
    } else if (t.columns > 1) {
      t.columns = (t.columns + 1) / 2;
    } else if (t.chunk > 16) {
      t.chunk /= 2;
    } else {
      fail(ErrorKind::failed, "{}: a kernel of {}x{} needs more shared memory than a GPU has", op,
           down.kernel, along.kernel);
    }
  }
  t.groups = ceil_div(std::max(images, 1), t.images);
  t.tiles_down = ceil_div(std::max(down.most(), 1), t.rows);
  t.tiles_along = ceil_div(std::max(along.most(), 1), t.columns);
  t.tiles = images == 0 ? 0 : std::int64_t{t.groups} * t.tiles_down * t.tiles_along;
  return t;
}

// Fills shared memory with `pixels` rows of the channels [c0, c0 + chunk) of an operand's or
// gradient's value: where(p) is the number of row p in memory, negative for a row of zeros. A
// thread keeps its channels.
template <class T, class Value, class Where>
__device__ void fill_rows(const Value& value, int channels, int c0, int chunk, int pixels,
                          const Where& where, T* to) {
  constexpr int width = pack_width<T>;
  const int packs = chunk / width, stride = row_stride<T>(chunk);
  const int pack = static_cast<int>(threadIdx.x) % packs, c = c0 + pack * width;
  const int left = channels - c, count = left < 0 ? 0 : left < width ? left : width;
  const typename PackOf<Value>::type read(value, c, count, count == width && channels % width == 0);
  for (int p = static_cast<int>(threadIdx.x) / packs; p < pixels; p += conv_threads / packs) {
    const std::int64_t from = where(p);
    Pack<T> v;
    if (from >= 0 && count > 0) {
      v = read(from * channels + c);
      for (int k = count; k < width; ++k) v.v[k] = 0;
    } else {
      for (int k = 0; k < width; ++k) v.v[k] = 0;
    }
    v.store(to + p * stride + pack * width);
  }
}

// The number of a patch's pixel in the source, negative outside of it.
struct PatchWhere {
  const Tiling& tiling;
  int image, row, column, images, height, width;
  __device__ std::int64_t operator()(int p) const {
    const int x = column + p % tiling.patch_columns, rest = p / tiling.patch_columns;
    const int y = row + rest % tiling.patch_rows, n = image + rest / tiling.patch_rows;
    if (n >= images || y < 0 || y >= height || x < 0 || x >= width) return -1;
    return (static_cast<std::int64_t>(n) * height + y) * width + x;
  }
};

// Where pixel m of a tile stands in its patch, for the tap at offset (0, 0).
__device__ inline int patch_row_of(const Tiling& t, int m, int stride_down, int stride_along) {
  if (m >= t.pixels()) m = 0;  // computed, never stored
  const int column = m % t.columns, rest = m / t.columns;
  return (rest / t.rows * t.patch_rows + rest % t.rows * stride_down) * t.patch_columns +
         column * stride_along;
}

}  // namespace rn::ops::cuda
