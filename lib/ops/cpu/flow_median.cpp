// Medians over 3 x 3 and 5 x 5 pixels, many at a time. The columns of the windows are sorted once
// and shared by neighbours; then equal ranks are sorted across columns, after which most of the 25
// values are known not to be the median: the one of rank a (from 1) in its column and b in its row
// has a b - 1 values not above it and (6 - a)(6 - b) - 1 not below it, and 12 are too many.
#include <algorithm>

#include "ops/cpu/flow.h"
#include "ops/cpu/pack.h"

namespace rn::ops::cpu::flow {
namespace {

template <class V>
inline void order(V& a, V& b) {
  const V low = a < b ? a : b, high = a < b ? b : a;
  a = low;
  b = high;
}

template <class V>
inline void sort5(V& a, V& b, V& c, V& d, V& e) {
  order(a, b);
  order(d, e);
  order(c, e);
  order(c, d);
  order(b, e);
  order(a, d);
  order(a, c);
  order(b, d);
  order(b, c);
}

template <class V>
inline void sort3(V& a, V& b, V& c) {
  order(a, b);
  order(b, c);
  order(a, b);
}

// The smallest of v[0 .. n) to the front, the largest to the end.
template <int n, class V>
inline void ends(V* v) {
  for (int i = 0; i < n / 2; ++i) order(v[i], v[n - 1 - i]);
  for (int i = 1; i < (n + 1) / 2; ++i) order(v[0], v[i]);
  for (int i = n / 2; i < n - 1; ++i) order(v[i], v[n - 1]);
}

template <class V>
inline V median3(V a, V b, V c) {
  order(a, b);
  order(b, c);
  order(a, b);
  return b;
}

// Of 25 values in sorted columns: s[rank][column]. Overwrites them.
template <class V>
inline V median25(V (&s)[5][5]) {
  for (auto& rank : s) sort5(rank[0], rank[1], rank[2], rank[3], rank[4]);
  // 13 are left, in rows that ascend; a value that is smallest or largest of 8 is not the median,
  // goes, and makes room for one that was not looked at yet.
  V v[8] = {s[0][3], s[1][2], s[2][1], s[1][3], s[2][2], s[0][4], s[2][3], s[1][4]};
  order(v[0], v[1]);  // the smallest is among the first three, the largest among the last three
  order(v[0], v[2]);
  order(v[5], v[7]);
  order(v[6], v[7]);
  V w[7] = {v[1], v[2], v[3], v[4], v[5], v[6], s[3][0]};
  ends<7>(w);
  V x[6] = {w[1], w[2], w[3], w[4], w[5], s[3][1]};
  ends<6>(x);
  V y[5] = {x[1], x[2], x[3], x[4], s[3][2]};
  ends<5>(y);
  V z[4] = {y[1], y[2], y[3], s[4][0]};
  ends<4>(z);
  return median3(z[1], z[2], s[4][1]);
}

template <class T>
using V = typename Native<T>::type;
template <class T>
using M = typename Native<T>::memory;

template <class T>
inline V<T> load(const T* p) {
  return *reinterpret_cast<const M<T>*>(p);
}
template <class T>
inline void store(V<T> v, T* p) {
  *reinterpret_cast<M<T>*>(p) = v;
}

}  // namespace

template <class T>
void median_rows(int side, const Extent& extent, std::int64_t first, std::int64_t last,
                 const T* from, T* to, T* columns) {
  const std::int64_t stride = extent.stride(), n = extent.padded();
  constexpr std::int64_t width = vector_bytes / static_cast<std::int64_t>(sizeof(T));
  const int reach = side / 2;
  T* sorted[5];
  for (int rank = 0; rank < side; ++rank) sorted[rank] = columns + rank * stride + margin;
  for (std::int64_t y = first; y < last; ++y) {
    const T* row[5];
    for (int i = 0; i < side; ++i) {
      row[i] = from + std::clamp<std::int64_t>(y + i - reach, 0, extent.h - 1) * stride;
    }
    for (std::int64_t x = 0; x < n; x += width) {
      V<T> v[5];
      for (int i = 0; i < side; ++i) v[i] = load(row[i] + x);
      if (side == 5) {
        sort5(v[0], v[1], v[2], v[3], v[4]);
      } else {
        sort3(v[0], v[1], v[2]);
      }
      for (int i = 0; i < side; ++i) store(v[i], sorted[i] + x);
    }
    for (int rank = 0; rank < side; ++rank) {
      std::fill_n(sorted[rank] - reach, reach, sorted[rank][0]);
      std::fill_n(sorted[rank] + extent.w, reach, sorted[rank][extent.w - 1]);
    }
    T* out = to + y * stride;
    for (std::int64_t x = 0; x < n; x += width) {
      if (side == 5) {
        V<T> s[5][5];
        for (int rank = 0; rank < 5; ++rank) {
          for (int i = 0; i < 5; ++i) s[rank][i] = load(sorted[rank] + x + i - 2);
        }
        store(median25(s), out + x);
      } else {
        const auto at = [&](int rank, int i) { return load(sorted[rank] + x + i - 1); };
        V<T> low[3] = {at(0, 0), at(0, 1), at(0, 2)}, high[3] = {at(2, 0), at(2, 1), at(2, 2)};
        sort3(low[0], low[1], low[2]);
        sort3(high[0], high[1], high[2]);
        store(median3(low[2], median3(at(1, 0), at(1, 1), at(1, 2)), high[0]), out + x);
      }
    }
  }
}

template void median_rows(int, const Extent&, std::int64_t, std::int64_t, const float*, float*,
                          float*);
template void median_rows(int, const Extent&, std::int64_t, std::int64_t, const double*, double*,
                          double*);

}  // namespace rn::ops::cpu::flow
