// What TV-L1 does once a scale or once a warp: scaling, gradients, and the second image seen from
// the first.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/cpu/flow.h"

namespace rn::ops::cpu::flow {
namespace {

// Pixel centres lie at halves; outside of the image its border goes on.
struct Between {
  std::int64_t low, high;
  double share;  // of high
};
Between between(std::int64_t at, double step, std::int64_t n) {
  const double x =
      std::clamp((static_cast<double>(at) + 0.5) * step - 0.5, 0.0, static_cast<double>(n - 1));
  const auto low = static_cast<std::int64_t>(x);
  return {low, std::min(low + 1, n - 1), x - static_cast<double>(low)};
}

// Weights of the four samples around a point that is `t` behind the second.
template <class T>
inline void cubic(T t, T (&w)[4]) {
  constexpr T a = T(-0.75);
  const T s = 1 - t;
  w[0] = a * t * s * s;
  w[1] = ((a + 2) * t - (a + 3)) * t * t + 1;
  w[2] = ((a + 2) * s - (a + 3)) * s * s + 1;
  w[3] = a * s * t * t;
}

}  // namespace

template <class T>
void resize_rows(const Extent& extent_from, const T* from, const Extent& extent_to, T* to,
                 double scale, T factor, std::int64_t first, std::int64_t last) {
  const auto ratio = [&](std::int64_t a, std::int64_t b) {
    return scale > 0 ? 1 / scale : static_cast<double>(a) / static_cast<double>(b);
  };
  const double step_x = ratio(extent_from.w, extent_to.w),
               step_y = ratio(extent_from.h, extent_to.h);
  for (std::int64_t y = first; y < last; ++y) {
    const Between v = between(y, step_y, extent_from.h);
    const T *low = from + v.low * extent_from.stride(),
            *high = from + v.high * extent_from.stride();
    const T share = static_cast<T>(v.share);
    T* out = to + y * extent_to.stride();
    for (std::int64_t x = 0; x < extent_to.w; ++x) {
      const Between h = between(x, step_x, extent_from.w);
      const T t = static_cast<T>(h.share);
      const T a = low[h.low] + t * (low[h.high] - low[h.low]),
              b = high[h.low] + t * (high[h.high] - high[h.low]);
      out[x] = factor * (a + share * (b - a));
    }
  }
}

template <class T>
void sample_rows(const Extent& extent, const T* image, T* samples, std::int64_t first,
                 std::int64_t last) {
  const std::int64_t stride = extent.stride();
  for (std::int64_t y = first; y < last; ++y) {
    const T *row = image + y * stride, *above = y > 0 ? row - stride : row,
            *below = y + 1 < extent.h ? row + stride : row;
    T* out = samples + y * extent.w * 4;
    for (std::int64_t x = 0; x < extent.w; ++x, out += 4) {
      const T left = row[std::max<std::int64_t>(x - 1, 0)],
              right = row[std::min(x + 1, extent.w - 1)];
      out[0] = row[x];
      out[1] = T(0.5) * (right - left);
      out[2] = T(0.5) * (below[x] - above[x]);
      out[3] = 0;
    }
  }
}

template <class T>
void warp_rows(const Extent& extent, const T* image, const T* samples, const T* u1, const T* u2,
               const Warped<T>& warped, std::int64_t first, std::int64_t last) {
  typedef T Four __attribute__((vector_size(4 * sizeof(T))));
  typedef T Memory __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias));
  const std::int64_t stride = extent.stride(), w = extent.w, h = extent.h;
  for (std::int64_t y = first; y < last; ++y) {
    const std::int64_t at = y * stride;
    for (T* plane : {warped.dx, warped.dy, warped.inverse, warped.rho}) {
      std::fill(plane + at + w, plane + at + extent.padded(), T(0));  // nothing moves in the margin
    }
    for (std::int64_t x = 0; x < w; ++x) {
      const T px = static_cast<T>(x) + u1[at + x], py = static_cast<T>(y) + u2[at + x];
      const bool inside =
          px >= 0 && py >= 0 && px <= static_cast<T>(w - 1) && py <= static_cast<T>(h - 1);
      if (!inside) {  // NaN is nowhere, too
        warped.dx[at + x] = warped.dy[at + x] = warped.inverse[at + x] = warped.rho[at + x] = 0;
        continue;
      }
      const auto left = static_cast<std::int64_t>(px), top = static_cast<std::int64_t>(py);
      T wx[4], wy[4];
      cubic(px - static_cast<T>(left), wx);
      cubic(py - static_cast<T>(top), wy);
      std::int64_t column[4];
      for (int i = 0; i < 4; ++i) {
        column[i] = 4 * std::clamp<std::int64_t>(left + i - 1, 0, w - 1);
      }
      Four sum = {};
      for (int j = 0; j < 4; ++j) {
        const T* row = samples + 4 * w * std::clamp<std::int64_t>(top + j - 1, 0, h - 1);
        Four across = {};
        for (int i = 0; i < 4; ++i) {
          across += wx[i] * *reinterpret_cast<const Memory*>(row + column[i]);
        }
        sum += wy[j] * across;
      }
      const T dx = sum[1], dy = sum[2], square = dx * dx + dy * dy;
      warped.dx[at + x] = dx;
      warped.dy[at + x] = dy;
      warped.inverse[at + x] = square > std::numeric_limits<float>::epsilon() ? 1 / square : 0;
      warped.rho[at + x] = sum[0] - dx * u1[at + x] - dy * u2[at + x] - image[at + x];
    }
  }
}

#define RN_FLOW(T)                                                                                 \
  template void resize_rows(const Extent&, const T*, const Extent&, T*, double, T, std::int64_t,   \
                            std::int64_t);                                                         \
  template void sample_rows(const Extent&, const T*, T*, std::int64_t, std::int64_t);              \
  template void warp_rows(const Extent&, const T*, const T*, const T*, const T*, const Warped<T>&, \
                          std::int64_t, std::int64_t);
RN_FLOW(float)
RN_FLOW(double)
#undef RN_FLOW

}  // namespace rn::ops::cpu::flow
