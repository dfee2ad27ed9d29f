// What TV-L1 does to single pixels: kernels' arithmetic, a plane of pixels [pairs, h, w] at a time.
// The formulas and their borders are those of cpu/flow*.cpp.
#pragma once

#include <cstdint>
#include <limits>

#include "ops/cuda/flow_median.h"

namespace rn::ops::cuda::flow {

struct Extent {
  std::int64_t h = 0, w = 0;
  std::int64_t size() const { return h * w; }
};

// Of a gradient that still says something.
inline constexpr float least_square = std::numeric_limits<float>::epsilon();

__device__ inline std::int64_t clamped(std::int64_t at, std::int64_t n) {
  return at < 0 ? 0 : at < n ? at : n - 1;
}

// Bilinear at pixel centres, times `factor`; one pixel of `to` is a step of `from`.
template <class T>
struct Resize {
  Extent of_from, of_to;
  double step_y, step_x;
  T factor;
  const T* from;
  T* to;

  struct Between {
    std::int64_t low, high;
    T share;  // of high
  };
  __device__ static Between between(std::int64_t at, double step, std::int64_t n) {
    double x = (static_cast<double>(at) + 0.5) * step - 0.5;
    const auto last = static_cast<double>(n - 1);
    x = x < 0 ? 0 : x < last ? x : last;
    const auto low = static_cast<std::int64_t>(x);
    return {low, clamped(low + 1, n), static_cast<T>(x - static_cast<double>(low))};
  }
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t x = i % of_to.w, y = i / of_to.w % of_to.h, n = i / (of_to.w * of_to.h);
    const Between v = between(y, step_y, of_from.h), h = between(x, step_x, of_from.w);
    const T* image = from + n * of_from.h * of_from.w;
    const T *low = image + v.low * of_from.w, *high = image + v.high * of_from.w;
    const T a = low[h.low] + h.share * (low[h.high] - low[h.low]),
            b = high[h.low] + h.share * (high[h.high] - high[h.low]);
    to[i] = factor * (a + v.share * (b - a));
  }
};

// samples[i] := (value, d/dx, d/dy, 0) of the second image.
template <class T>
struct Sample4 {
  Extent e;
  const T* image;
  T* samples;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t x = i % e.w, y = i / e.w % e.h;
    const T left = x > 0 ? image[i - 1] : image[i], right = x + 1 < e.w ? image[i + 1] : image[i];
    const T above = y > 0 ? image[i - e.w] : image[i],
            below = y + 1 < e.h ? image[i + e.w] : image[i];
    T* out = samples + 4 * i;
    out[0] = image[i];
    out[1] = T(0.5) * (right - left);
    out[2] = T(0.5) * (below - above);
    out[3] = 0;
  }
};

// What a warp leaves of the second image at x + u0: its gradient, 1 / |gradient|^2 (0 where there
// is no data term) and the part of the residual that does not depend on u.
template <class T>
struct Warped {
  T *dx, *dy, *inverse, *rho;
};

// The second image at x + u, cubic (a = -3/4, as OpenCV's).
template <class T>
struct Warp {
  Extent e;
  const T *image, *samples, *u1, *u2;
  Warped<T> out;

  // Weights of the four samples around a point that is `t` behind the second.
  __device__ static void cubic(T t, T (&w)[4]) {
    constexpr T a = T(-0.75);
    const T s = 1 - t;
    w[0] = a * t * s * s;
    w[1] = ((a + 2) * t - (a + 3)) * t * t + 1;
    w[2] = ((a + 2) * s - (a + 3)) * s * s + 1;
    w[3] = a * s * t * t;
  }
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t x = i % e.w, y = i / e.w % e.h, n = i / (e.w * e.h);
    const T px = static_cast<T>(x) + u1[i], py = static_cast<T>(y) + u2[i];
    const bool inside =
        px >= 0 && py >= 0 && px <= static_cast<T>(e.w - 1) && py <= static_cast<T>(e.h - 1);
    if (!inside) {  // NaN is nowhere, too
      out.dx[i] = out.dy[i] = out.inverse[i] = out.rho[i] = 0;
      return;
    }
    const auto left = static_cast<std::int64_t>(px), top = static_cast<std::int64_t>(py);
    T wx[4], wy[4], sum[3] = {};
    cubic(px - static_cast<T>(left), wx);
    cubic(py - static_cast<T>(top), wy);
    for (int j = 0; j < 4; ++j) {
      const T* row = samples + 4 * e.w * (n * e.h + clamped(top + j - 1, e.h));
      T across[3] = {};
      for (int k = 0; k < 4; ++k) {
        const T* at = row + 4 * clamped(left + k - 1, e.w);
        for (int c = 0; c < 3; ++c) across[c] += wx[k] * at[c];
      }
      for (int c = 0; c < 3; ++c) sum[c] += wy[j] * across[c];
    }
    const T dx = sum[1], dy = sum[2], square = dx * dx + dy * dy;
    out.dx[i] = dx;
    out.dy[i] = dy;
    out.inverse[i] = square > least_square ? 1 / square : 0;
    out.rho[i] = sum[0] - dx * u1[i] - dy * u2[i] - image[i];
  }
};

// `to` := the median over side x side pixels of `from`, of pairs that still move; the others as
// they are.
template <int side, class T>
struct Median {
  Extent e;
  const int* moving;
  const T* from;
  T* to;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t x = i % e.w, y = i / e.w % e.h, n = i / (e.w * e.h);
    if (!moving[n]) {
      to[i] = from[i];
      return;
    }
    T v[side * side];
#pragma unroll
    for (int j = 0; j < side; ++j) {
      const T* row = from + (n * e.h + clamped(y + j - side / 2, e.h)) * e.w;
#pragma unroll
      for (int k = 0; k < side; ++k) v[j * side + k] = row[clamped(x + k - side / 2, e.w)];
    }
    to[i] = median<side>(v);
  }
};

template <class T>
struct Unknowns {
  T *u1, *u2, *p11, *p12, *p21, *p22;
};

// u := u + clamp(-rho(u) / |gradient|^2) gradient + theta div p: the thresholding of Zach et al.
// (equation 11). Returns the squared change.
template <class T>
struct Primal {
  Extent e;
  T limit, theta;  // lambda theta, theta
  Warped<T> warped;
  Unknowns<T> at;
  __device__ T operator()(std::int64_t i) const {
    const std::int64_t x = i % e.w, y = i / e.w % e.h;
    const T residual = warped.rho[i] + warped.dx[i] * at.u1[i] + warped.dy[i] * at.u2[i];
    T along = -residual * warped.inverse[i];
    along = along > limit ? limit : along;
    along = along < -limit ? -limit : along;
    const auto divergence = [&](const T* p1, const T* p2) {
      const T left = x > 0 ? p1[i - 1] : T(0), above = y > 0 ? p2[i - e.w] : T(0);
      return (p1[i] - left) + (p2[i] - above);
    };
    const T step1 = along * warped.dx[i] + theta * divergence(at.p11, at.p12);
    const T step2 = along * warped.dy[i] + theta * divergence(at.p21, at.p22);
    at.u1[i] += step1;
    at.u2[i] += step2;
    return step1 * step1 + step2 * step2;
  }
};

// p := (p + tau/theta grad u) / (1 + tau/theta |grad u|)
template <class T>
struct Dual {
  Extent e;
  T by;  // tau / theta
  const int* moving;
  Unknowns<T> at;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t x = i % e.w, y = i / e.w % e.h;
    if (!moving[i / (e.w * e.h)]) return;
    const auto step = [&](const T* u, T* p1, T* p2) {
      const T gx = x + 1 < e.w ? u[i + 1] - u[i] : T(0),
              gy = y + 1 < e.h ? u[i + e.w] - u[i] : T(0);
      const T scale = 1 / (1 + by * sqrt(gx * gx + gy * gy));
      p1[i] = (p1[i] + by * gx) * scale;
      p2[i] = (p2[i] + by * gy) * scale;
    };
    step(at.u1, at.p11, at.p12);
    step(at.u2, at.p21, at.p22);
  }
};

template <class T>
struct Interleave {
  const T *u1, *u2;
  T* flow;
  __device__ void operator()(std::int64_t i) const {
    flow[2 * i] = u1[i];
    flow[2 * i + 1] = u2[i];
  }
};

}  // namespace rn::ops::cuda::flow
