// The passes of winograd.h, for vectors of RN_VECTOR_BYTES. Included by one file for each
// instruction set, and all that is here is local to it: nothing that is shared with other files may
// be compiled for a processor that may not be there, so there is no standard library either.
//
// Tiles of 4x4 inputs (2x2 outputs), `block` of them at a time: their transforms lie
// [16][block][channels], so that each of the 16 places is a product of small matrices.
#include "ops/cpu/winograd.h"

namespace rn::ops::cpu {
namespace {

using Index = std::int64_t;
typedef float Vector __attribute__((vector_size(RN_VECTOR_BYTES)));
typedef float Memory __attribute__((vector_size(RN_VECTOR_BYTES), aligned(4), may_alias));
constexpr int width = RN_VECTOR_BYTES / 4;
constexpr int panel = 16;                     // outputs of a product at a time
constexpr int panel_vectors = panel / width;  // in as many vectors
constexpr int most_rows = RN_ROWS;            // by as many rows

inline Vector load(const float* p) { return *reinterpret_cast<const Memory*>(p); }
inline void store(Vector v, float* p) { *reinterpret_cast<Memory*>(p) = v; }

// Where a tile is, one after the other.
struct Place {
  Index image = 0, row = 0, column = 0;  // row, column: of its first output
  void next(const WinogradShape& s) {
    if ((column += 2) < s.w) return;
    column = 0;
    if ((row += 2) < s.h) return;
    row = 0;
    ++image;
  }
};

inline Index tiles_of(const WinogradShape& s) {
  return s.images * ((s.h + 1) / 2) * ((s.w + 1) / 2);
}

// Tiles at a time: what is worked on, `places` of each, stays in the cache.
inline Index block_of(const WinogradShape& s, Index places, Index bytes) {
  const Index most = bytes / (places * 4 * (s.in + s.out)) / most_rows * most_rows;
  const Index tiles = (tiles_of(s) + most_rows - 1) / most_rows * most_rows;
  const Index block = most < tiles ? most : tiles;
  return block < most_rows ? most_rows : block;
}

// body(tile of the block, at): at(i, j) is where input i, j of its 4x4 is, or zeros.
template <class Body>
inline void for_inputs(const WinogradShape& s, const float* x, const float* zeros, Place& place,
                       Index count, const Body& body) {
  const Index row = s.w * s.in, column = s.in;
  for (Index t = 0; t < count; ++t, place.next(s)) {
    const float* const first =
        x + ((place.image * s.h + place.row - 1) * s.w + place.column - 1) * s.in;
    if (place.row > 0 && place.column > 0 && place.row + 2 < s.h && place.column + 2 < s.w) {
      body(t, [&](int i, int j) { return first + i * row + j * column; });
      continue;
    }
    const float* all[4][4];
    for (Index i = 0; i < 4; ++i) {
      for (Index j = 0; j < 4; ++j) {
        const Index y = place.row + i - 1, z = place.column + j - 1;
        all[i][j] = y >= 0 && y < s.h && z >= 0 && z < s.w ? first + i * row + j * column : zeros;
      }
    }
    body(t, [&](int i, int j) { return all[i][j]; });
  }
}

// Rows from..to-1 of B^T d B: v [4 * (to - from)][block][in]. What a row does not need is not read.
template <int from, int to>
inline void transform_inputs(const WinogradShape& s, const float* x, const float* zeros,
                             Place& place, Index count, Index block, float* v) {
  const Index apart = block * s.in;
  for_inputs(s, x, zeros, place, count, [&](Index t, const auto& at) {
    for (Index c = 0; c < s.in; c += width) {
      Vector d[4][4];
      for (int j = 0; j < 4; ++j) {
        const Vector a = load(at(0, j) + c), b = load(at(1, j) + c), e = load(at(2, j) + c),
                     f = load(at(3, j) + c);
        d[0][j] = a - e, d[1][j] = b + e, d[2][j] = e - b, d[3][j] = b - f;
      }
      float* out = v + t * s.in + c;
      for (int i = from; i < to; ++i, out += 4 * apart) {
        store(d[i][0] - d[i][2], out);
        store(d[i][1] + d[i][2], out + apart);
        store(d[i][2] - d[i][1], out + 2 * apart);
        store(d[i][1] - d[i][3], out + 3 * apart);
      }
    }
  });
}

// y := A^T m A + bias [+ y]
inline void transform_outputs(const WinogradShape& s, const float* m, const float* bias, bool sum,
                              Place& place, Index count, Index block, float* y) {
  const Index channels = s.out, apart = block * channels;
  for (Index t = 0; t < count; ++t, place.next(s)) {
    float* const first = y + ((place.image * s.h + place.row) * s.w + place.column) * channels;
    const bool down = place.row + 1 < s.h, right = place.column + 1 < s.w;
    for (Index c = 0; c < channels; c += width) {
      const float* from = m + t * channels + c;
      Vector a[2][4];
      for (int j = 0; j < 4; ++j) {
        const Vector e = load(from + j * apart), f = load(from + (4 + j) * apart),
                     g = load(from + (8 + j) * apart), h = load(from + (12 + j) * apart);
        a[0][j] = e + f + g, a[1][j] = f - g - h;
      }
      const Vector add = bias ? load(bias + c) : Vector{};
      for (int i = 0; i < (down ? 2 : 1); ++i) {
        float* to = first + i * s.w * channels + c;
        const Vector left = a[i][0] + a[i][1] + a[i][2] + add;
        store(sum ? left + load(to) : left, to);
        if (!right) continue;
        const Vector other = a[i][1] - a[i][2] - a[i][3] + add;
        to += channels;
        store(sum ? other + load(to) : other, to);
      }
    }
  }
}

// Rows from..to-1 of A g A^T, of the 2x2 gradients of `count` tiles: w [4 * (to -
// from)][block][out].
template <int from, int to>
inline void transform_gradients(const WinogradShape& s, const float* g, const float* zeros,
                                Place& place, Index count, Index block, float* w) {
  const Index channels = s.out, apart = block * channels;
  for (Index t = 0; t < count; ++t, place.next(s)) {
    const float* const first =
        g + ((place.image * s.h + place.row) * s.w + place.column) * channels;
    const bool down = place.row + 1 < s.h, right = place.column + 1 < s.w;
    const float* const at[2][2] = {{first, right ? first + channels : zeros},
                                   {down ? first + s.w * channels : zeros,
                                    down && right ? first + (s.w + 1) * channels : zeros}};
    for (Index c = 0; c < channels; c += width) {
      Vector a[4][2];
      for (int j = 0; j < 2; ++j) {
        const Vector up = load(at[0][j] + c), low = load(at[1][j] + c);
        a[0][j] = up, a[1][j] = up + low, a[2][j] = up - low, a[3][j] = -low;
      }
      float* out = w + t * channels + c;
      for (int i = from; i < to; ++i, out += 4 * apart) {
        store(a[i][0], out);
        store(a[i][0] + a[i][1], out + apart);
        store(a[i][0] - a[i][1], out + 2 * apart);
        store(-a[i][1], out + 3 * apart);
      }
    }
  }
}

// to[r][0..15] of `rows` rows := sum over k < depth of from[r][k] * by[k][0..15]
template <int rows>
inline void product(Index depth, const float* from, const float* by, float* to, Index to_row) {
  Vector sum[rows][panel_vectors] = {};
  for (Index k = 0; k < depth; ++k) {
    Vector b[panel_vectors];
    for (int p = 0; p < panel_vectors; ++p) b[p] = load(by + k * panel + p * width);
    for (int r = 0; r < rows; ++r) {
      for (int p = 0; p < panel_vectors; ++p) sum[r][p] += from[r * depth + k] * b[p];
    }
  }
  for (int r = 0; r < rows; ++r) {
    for (int p = 0; p < panel_vectors; ++p) store(sum[r][p], to + r * to_row + p * width);
  }
}

// The rows that are left.
template <int rows>
inline void product_of(Index left, Index depth, const float* from, const float* by, float* to,
                       Index to_row) {
  if (left == rows) return product<rows>(depth, from, by, to, to_row);
  if constexpr (rows > 1) product_of<rows - 1>(left, depth, from, by, to, to_row);
}

// to[r][0..15] := [to +] sum over t < count of from[t][r] * by[t][0..15]
template <int rows>
inline void transposed(Index count, const float* from, Index from_row, const float* by,
                       Index by_row, bool add, float* to, Index to_row) {
  Vector sum[rows][panel_vectors] = {};
  for (Index t = 0; t < count; ++t) {
    Vector b[panel_vectors];
    for (int p = 0; p < panel_vectors; ++p) b[p] = load(by + t * by_row + p * width);
    for (int r = 0; r < rows; ++r) {
      for (int p = 0; p < panel_vectors; ++p) sum[r][p] += from[t * from_row + r] * b[p];
    }
  }
  for (int r = 0; r < rows; ++r) {
    for (int p = 0; p < panel_vectors; ++p) {
      float* at = to + r * to_row + p * width;
      store(add ? load(at) + sum[r][p] : sum[r][p], at);
    }
  }
}

// The rows that are left.
template <int rows>
inline void transposed_of(Index left, Index count, const float* from, Index from_row,
                          const float* by, Index by_row, bool add, float* to, Index to_row) {
  if (left == rows) return transposed<rows>(count, from, from_row, by, by_row, add, to, to_row);
  if constexpr (rows > 1) {
    transposed_of<rows - 1>(left, count, from, from_row, by, by_row, add, to, to_row);
  }
}

inline Index most_channels(const WinogradShape& s) { return s.in > s.out ? s.in : s.out; }

void convolve(const WinogradShape& s, const float* x, const float* u, const float* bias, bool sum,
              float* y, float* memory) {
  const Index block = block_of(s, 16, RN_FORWARD_BYTES), tiles = tiles_of(s);
  float* const zeros = memory;
  for (Index c = 0; c < s.in; ++c) zeros[c] = 0;
  float* const v = memory + most_channels(s);
  float* const m = v + 16 * block * s.in;
  Place in, out;
  for (Index first = 0; first < tiles; first += block) {
    const Index count = first + block < tiles ? block : tiles - first;
    transform_inputs<0, 4>(s, x, zeros, in, count, block, v);
    for (Index place = 0; place < 16; ++place) {
      for (Index o = 0; o < s.out; o += panel) {
        const float* by = u + (place * s.out + o) * s.in;
        for (Index t = 0; t < count; t += most_rows) {
          const float* from = v + (place * block + t) * s.in;
          float* to = m + (place * block + t) * s.out + o;
          product_of<most_rows>(count - t < most_rows ? count - t : most_rows, s.in, from, by, to,
                                s.out);
        }
      }
    }
    transform_outputs(s, m, bias, sum, out, count, block, y);
  }
}

// Of many channels the sums of a row of places at a time: they are taken up again seldom, as the
// transforms of many tiles are there at once.
inline int rows_at_once(const WinogradShape& s) { return s.in * s.out > 32 * 32 ? 1 : 4; }

template <int from, int to>
void weight_rows(const WinogradShape& s, const float* x, const float* g, const float* zeros,
                 float* memory, float* sums) {
  constexpr Index places = 4 * (to - from);
  const Index block = block_of(s, places, RN_WEIGHTS_BYTES), tiles = tiles_of(s);
  float* const v = memory;
  float* const w = v + places * block * s.in;
  Place in, out;
  for (Index first = 0; first < tiles; first += block) {
    const Index count = first + block < tiles ? block : tiles - first;
    transform_inputs<from, to>(s, x, zeros, in, count, block, v);
    transform_gradients<from, to>(s, g, zeros, out, count, block, w);
    for (Index place = 0; place < places; ++place) {
      for (Index o = 0; o < s.out; o += panel) {
        for (Index c = 0; c < s.in; c += most_rows) {
          transposed_of<most_rows>(s.in - c < most_rows ? s.in - c : most_rows, count,
                                   v + place * block * s.in + c, s.in,
                                   w + place * block * s.out + o, s.out, first > 0,
                                   sums + ((4 * from + place) * s.in + c) * s.out + o, s.out);
        }
      }
    }
  }
}

void weights(const WinogradShape& s, const float* x, const float* g, float* d, float* memory) {
  const Index size = s.in * s.out;
  float* const zeros = memory;
  for (Index c = 0; c < most_channels(s); ++c) zeros[c] = 0;
  float* const sums = memory + most_channels(s);  // [16][in][out]
  float* const rest = sums + 16 * size;
  if (rows_at_once(s) == 4) {
    weight_rows<0, 4>(s, x, g, zeros, rest, sums);
  } else {
    weight_rows<0, 1>(s, x, g, zeros, rest, sums);
    weight_rows<1, 2>(s, x, g, zeros, rest, sums);
    weight_rows<2, 3>(s, x, g, zeros, rest, sums);
    weight_rows<3, 4>(s, x, g, zeros, rest, sums);
  }
  // d := G^T sums G
  for (Index k = 0; k < size; k += width) {
    Vector a[3][4];
    for (int j = 0; j < 4; ++j) {
      const float* from = sums + j * size + k;
      const Vector e = load(from), f = load(from + 4 * size), h = load(from + 8 * size),
                   l = load(from + 12 * size);
      a[0][j] = e + 0.5F * (f + h), a[1][j] = 0.5F * (f - h), a[2][j] = 0.5F * (f + h) + l;
    }
    for (int i = 0; i < 3; ++i) {
      float* to = d + 3 * i * size + k;
      store(a[i][0] + 0.5F * (a[i][1] + a[i][2]), to);
      store(0.5F * (a[i][1] - a[i][2]), to + size);
      store(0.5F * (a[i][1] + a[i][2]) + a[i][3], to + 2 * size);
    }
  }
}

Index space(const WinogradShape& s) {
  const Index places = 4 * rows_at_once(s), forward = 16 * block_of(s, 16, RN_FORWARD_BYTES),
              weights = places * block_of(s, places, RN_WEIGHTS_BYTES);
  return most_channels(s) + (forward > weights ? forward : weights) * (s.in + s.out) +
         16 * s.in * s.out;
}

constexpr WinogradPasses passes{space, convolve, weights};

}  // namespace
}  // namespace rn::ops::cpu
