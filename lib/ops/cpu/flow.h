// Parts of TV-L1 on the CPU: planes of pixels, and what is done to them row by row. Rows have a
// margin on both sides, so that neighbours can be read and whole vectors be written without asking.
#pragma once

#include <cstdint>

namespace rn::ops::cpu::flow {

inline constexpr std::int64_t margin = 16;
// Iterations that go over the rows together, the second one row behind the first and so on, so that
// they find what they share in the cache.
inline constexpr int wave = 5;

struct Extent {
  std::int64_t h = 0, w = 0;
  // Columns that kernels compute: whole vectors, the last ones in the margin.
  std::int64_t padded() const { return (w + 15) / 16 * 16; }
  std::int64_t stride() const { return padded() + 2 * margin; }
  std::int64_t size() const { return h * stride(); }
};

// What a warp leaves of the second image at x + u0: its gradient, 1 / |gradient|^2 (0 where there
// is no data term) and the part of the residual that does not depend on u.
template <class T>
struct Warped {
  T *dx, *dy, *inverse, *rho;
};

// Rows [begin, end) of the unknowns, of which [first, last) are this band's own; the others, at
// most `wave` on either side, are its neighbours' and are used up by iterating. Pointers are to
// column 0 of row `begin`.
template <class T>
struct Band {
  std::int64_t begin = 0, first = 0, last = 0, end = 0;
  T *u1 = nullptr, *u2 = nullptr;
  T *p11 = nullptr, *p12 = nullptr, *p21 = nullptr, *p22 = nullptr;
};

template <class T>
struct Step {
  T limit, theta, dual;  // lambda theta, theta, tau / theta
};

// `count` <= wave iterations. changes[y] := sum over row y of the squared change in the last of
// them, for the band's own rows. `zero`: a row of zeros; `ones`: 1 in w columns, 0 behind.
template <class T>
void iterate(const Step<T>& step, const Warped<T>& warped, const Extent& extent,
             const Band<T>& band, int count, const T* zero, const T* ones, double* changes);

// Rows [first, last) of `to` := the median over side x side pixels of `from`, replicated at
// borders. `columns`: 5 rows of work space.
template <class T>
void median_rows(int side, const Extent& extent, std::int64_t first, std::int64_t last,
                 const T* from, T* to, T* columns);

// Rows [first, last) of `to`, bilinear at pixel centres, times `factor`. The step between samples
// is 1 / scale where given (> 0), else the ratio of the extents.
template <class T>
void resize_rows(const Extent& extent_from, const T* from, const Extent& extent_to, T* to,
                 double scale, T factor, std::int64_t first, std::int64_t last);

// Rows [first, last) of samples: (value, d/dx, d/dy, 0) of each pixel of the second image, w
// pixels a row without margin; central differences, replicated at borders.
template <class T>
void sample_rows(const Extent& extent, const T* image, T* samples, std::int64_t first,
                 std::int64_t last);

// Rows [first, last) of the second image at x + u, cubic (a = -3/4, as OpenCV's).
template <class T>
void warp_rows(const Extent& extent, const T* image, const T* samples, const T* u1, const T* u2,
               const Warped<T>& warped, std::int64_t first, std::int64_t last);

}  // namespace rn::ops::cpu::flow
