// The iterations of TV-L1, where nearly all of its time goes. Row by row: first u from u and the
// dual variables p, then p of the row above from u. In place, because of that order: u of row y
// needs p of rows y and y - 1 as they were, p of row y needs u of rows y and y + 1 as they are now.
#include <algorithm>
#include <cmath>

#include "ops/cpu/flow.h"

namespace rn::ops::cpu::flow {
namespace {

// u := u + clamp(-rho(u) / |gradient|^2) gradient + theta div p, which is the thresholding of Zach
// et al. (equation 11) written without cases.
template <bool measures, class T>
double u_row(const Step<T>& step, std::int64_t n, const T* __restrict dx, const T* __restrict dy,
             const T* __restrict inverse, const T* __restrict rho, T* __restrict u1,
             T* __restrict u2, const T* __restrict p11, const T* __restrict p12,
             const T* __restrict above12, const T* __restrict p21, const T* __restrict p22,
             const T* __restrict above22, const T* __restrict ones) {
  const T limit = step.limit, theta = step.theta;
  T change = 0;
#pragma omp simd reduction(+ : change)
  for (std::int64_t x = 0; x < n; ++x) {
    const T residual = rho[x] + dx[x] * u1[x] + dy[x] * u2[x];
    T along = -residual * inverse[x];
    along = along > limit ? limit : along;
    along = along < -limit ? -limit : along;
    const T div1 = (p11[x] - p11[x - 1]) + (p12[x] - above12[x]);
    const T div2 = (p21[x] - p21[x - 1]) + (p22[x] - above22[x]);
    const T step1 = along * dx[x] + theta * div1;
    const T step2 = along * dy[x] + theta * div2;
    u1[x] += step1;
    u2[x] += step2;
    if constexpr (measures) change += ones[x] * (step1 * step1 + step2 * step2);
  }
  return static_cast<double>(change);
}

// p := (p + tau/theta grad u) / (1 + tau/theta |grad u|)
template <class T>
void p_row(T dual, std::int64_t n, const T* __restrict u, const T* __restrict below,
           T* __restrict p1, T* __restrict p2) {
#pragma omp simd
  for (std::int64_t x = 0; x < n; ++x) {
    const T gx = u[x + 1] - u[x], gy = below[x] - u[x];
    const T scale = 1 / (1 + dual * std::sqrt(gx * gx + gy * gy));
    p1[x] = (p1[x] + dual * gx) * scale;
    p2[x] = (p2[x] + dual * gy) * scale;
  }
}

}  // namespace

template <class T>
void iterate(const Step<T>& step, const Warped<T>& warped, const Extent& extent,
             const Band<T>& band, int count, const T* zero, const T* ones, double* changes) {
  const std::int64_t h = extent.h, n = extent.padded(), stride = extent.stride();
  const bool top = band.begin == 0, bottom = band.end == h;
  const auto update_u = [&](std::int64_t y, bool measures) {
    const std::int64_t at = y * stride, own = (y - band.begin) * stride;
    const T *above12 = y == 0 ? zero : band.p12 + own - stride,
            *above22 = y == 0 ? zero : band.p22 + own - stride;
    const auto row = [&]<bool m>() {
      return u_row<m>(step, n, warped.dx + at, warped.dy + at, warped.inverse + at, warped.rho + at,
                      band.u1 + own, band.u2 + own, band.p11 + own, band.p12 + own, above12,
                      band.p21 + own, band.p22 + own, above22, ones);
    };
    if (measures) {
      changes[y] = row.template operator()<true>();
    } else {
      row.template operator()<false>();
    }
    // The gradient across the right border is 0. So p there stays 0, as div needs it.
    band.u1[own + extent.w] = band.u1[own + extent.w - 1];
    band.u2[own + extent.w] = band.u2[own + extent.w - 1];
  };
  const auto update_p = [&](std::int64_t y) {
    const std::int64_t own = (y - band.begin) * stride, below = y + 1 < h ? own + stride : own;
    p_row(step.dual, n, band.u1 + own, band.u1 + below, band.p11 + own, band.p12 + own);
    p_row(step.dual, n, band.u2 + own, band.u2 + below, band.p21 + own, band.p22 + own);
  };
  for (std::int64_t front = band.begin; front < band.end + count; ++front) {
    for (int k = 1; k <= count; ++k) {
      const std::int64_t y = front - (k - 1);
      const std::int64_t begin = top ? 0 : band.begin + k, end_p = bottom ? h : band.end - k,
                         end_u = bottom ? h : end_p + 1;
      if (y >= begin && y < end_u) update_u(y, k == count && y >= band.first && y < band.last);
      if (y - 1 >= begin && y - 1 < end_p) update_p(y - 1);
    }
  }
}

#define RN_FLOW(T)                                                                            \
  template void iterate(const Step<T>&, const Warped<T>&, const Extent&, const Band<T>&, int, \
                        const T*, const T*, double*);
RN_FLOW(float)
RN_FLOW(double)
#undef RN_FLOW

}  // namespace rn::ops::cpu::flow
