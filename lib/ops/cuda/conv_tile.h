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
#include "ops/cuda/packs.h"

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
    if (stride == 1) return {kernel, 0, 1, 1, pad - (kernel - 1), true, 0, 1, destination};
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

// Division of small numbers by one that a launch keeps: p / by for p * by < 2^32.
struct Divisor {
  std::uint32_t by = 1, inverse = 0;
  Divisor() = default;
  explicit Divisor(int number) : by(static_cast<std::uint32_t>(number)) {
    if (by > 1) inverse = static_cast<std::uint32_t>(((std::uint64_t{1} << 32) + by - 1) / by);
  }
  __host__ __device__ int quotient(int p) const {
    if (by == 1) return p;
    return static_cast<int>((static_cast<std::uint64_t>(static_cast<std::uint32_t>(p)) * inverse) >>
                            32);
  }
  __host__ __device__ int rest(int p, int quotient) const {
    return p - quotient * static_cast<int>(by);
  }
};

struct Tiling {
  int images, rows, columns;      // of a tile: powers of two
  int row_bits, column_bits;      // their logarithms
  int patch_rows, patch_columns;  // of its patch, for each image
  Divisor by_patch_rows, by_patch_columns;
  int groups, tiles_down, tiles_along, tiles;

  __host__ __device__ int pixels() const { return images * rows * columns; }
  __host__ __device__ int patch_pixels() const { return images * patch_rows * patch_columns; }
};

// A tile as blocks meet it.
struct TileAt {
  int image, row, column;  // its first destination pixel, in the class's own counting
  __device__ TileAt(const Tiling& t, int tile) {
    const int rest = tile / t.tiles_along, group = rest / t.tiles_down;
    column = (tile - rest * t.tiles_along) * t.columns;
    row = (rest - group * t.tiles_down) * t.rows;
    image = group * t.images;
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
Tiling tile_for(const Axis& down, const Axis& along, int images, const char* op, F&& bytes) {
  Tiling t{};
  const auto power_of_two = [](int at_least, int most) {
    int p = 1;
    while (p < at_least && 2 * p <= most) p *= 2;
    return p;
  };
  t.columns = power_of_two(along.most(), 16);
  t.rows = power_of_two(down.most(), tile_pixels / t.columns);
  t.images = power_of_two(images, tile_pixels / (t.columns * t.rows));
  for (;;) {
    t.patch_rows = (t.rows - 1) * down.source_stride() + std::max(1, down.most_taps());
    t.patch_columns = (t.columns - 1) * along.source_stride() + std::max(1, along.most_taps());
    if (bytes(t) <= shared_limit) break;
    if (t.images > 1) {
      t.images /= 2;
    } else if (t.rows > 1) {
      t.rows /= 2;
    } else if (t.columns > 1) {
      t.columns /= 2;
    } else {
      fail(ErrorKind::failed, "{}: a kernel of {}x{} needs more shared memory than a GPU has", op,
           down.kernel, along.kernel);
    }
  }
  const auto bits = [](int power) {
    int b = 0;
    while (1 << b < power) ++b;
    return b;
  };
  t.row_bits = bits(t.rows);
  t.column_bits = bits(t.columns);
  t.by_patch_rows = Divisor(t.patch_rows);
  t.by_patch_columns = Divisor(t.patch_columns);
  t.groups = ceil_div(std::max(images, 1), t.images);
  t.tiles_down = ceil_div(std::max(down.most(), 1), t.rows);
  t.tiles_along = ceil_div(std::max(along.most(), 1), t.columns);
  const std::int64_t pixels = std::int64_t{images} * std::max(down.source, down.most()) *
                              std::max(along.source, along.most());
  require(pixels < std::int64_t{1} << 30, "{}: {} images of {}x{} pixels are too many at once", op,
          images, down.source, along.source);  // they are counted in 32 bits, padding and all
  t.tiles = images == 0 ? 0 : t.groups * t.tiles_down * t.tiles_along;
  return t;
}

// Fills shared memory with `pixels` rows of the channels [c0, c0 + CT) of an operand's or
// gradient's value: where(p) is the number of row p in memory, negative for a row of zeros. A
// thread keeps its channels. kept(p, from) is where the value of row p is to be written as well, or
// null.
template <class T, int CT, bool whole, class Value, class Where, class Kept>
__device__ void fill_rows(const Value& value, int channels, int c0, int pixels, const Where& where,
                          const Kept& kept, T* to) {
  constexpr int width = pack_width<T>, packs = CT / width, stride = row_stride<T>(CT);
  constexpr int step = conv_threads / packs, ahead = 2;  // reads under way at once
  using Read = typename PackOf<Value, whole>::type;
  const int thread = thread_here(), pack = thread % packs, c = c0 + pack * width;
  const int left = channels - c, count = left < 0 ? 0 : left < width ? left : width;
  const Read read(value, count > 0 ? c : 0, count);
#pragma unroll 1
  for (int begin = thread / packs; begin < pixels; begin += ahead * step) {
    typename Read::Raw raw[ahead];
    int from[ahead];
#pragma unroll
    for (int u = 0; u < ahead; ++u) {
      const int p = begin + u * step;
      from[u] = p < pixels && count > 0 ? where(p) : -1;
      if (from[u] >= 0) raw[u] = read.fetch(static_cast<std::int64_t>(from[u]) * channels + c);
    }
#pragma unroll
    for (int u = 0; u < ahead; ++u) {
      const int p = begin + u * step;
      if (p >= pixels) break;
      Words4 words{0, 0, 0, 0};
      if (from[u] >= 0) {
        Pack<T> v = read.value(raw[u]);
        if constexpr (!whole) {
          for (int k = 0; k < width; ++k) v.v[k] = k < count ? v.v[k] : Wide<T>(0);
        }
        words = v.packed();
        if (T* also = kept(p)) {
          put<whole>(words, also + static_cast<std::int64_t>(from[u]) * channels + c, count);
        }
      }
      *reinterpret_cast<Words4*>(to + p * stride + pack * width) = words;
    }
  }
}

// Nothing is to be written elsewhere.
template <class T>
struct KeepNothing {
  __device__ T* operator()(int) const { return nullptr; }
};

// The number of a patch's pixel in the source, negative outside of it.
struct PatchWhere {
  const Tiling& tiling;
  int image, row, column, images, height, width;
  struct Place {
    int image, row, column;  // in the patch
  };
  __device__ Place place(int p) const {
    const int rest = tiling.by_patch_columns.quotient(p);
    const int which = tiling.by_patch_rows.quotient(rest);
    return {which, tiling.by_patch_rows.rest(rest, which), tiling.by_patch_columns.rest(p, rest)};
  }
  __device__ int operator()(int p) const {
    const Place at = place(p);
    const int x = column + at.column, y = row + at.row, n = image + at.image;
    if (n >= images || y < 0 || y >= height || x < 0 || x >= width) return -1;
    return (n * height + y) * width + x;
  }
};

// Pixel m of a tile.
struct TilePixel {
  int image, row, column;
  __device__ TilePixel(const Tiling& t, int m)
      : image(m >> (t.column_bits + t.row_bits)),
        row(m >> t.column_bits & (t.rows - 1)),
        column(m & (t.columns - 1)) {}
};

// Where pixel m of a tile stands in its patch, for the tap at offset (0, 0).
__device__ inline int patch_row_of(const Tiling& t, int m, int stride_down, int stride_along) {
  if (m >= t.pixels()) m = 0;  // computed, never stored
  const TilePixel at(t, m);
  return (at.image * t.patch_rows + at.row * stride_down) * t.patch_columns +
         at.column * stride_along;
}

}  // namespace rn::ops::cuda
