#include "support/reference_flow.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rn::test {
namespace {

struct Field {
  std::int64_t h, w;
  std::vector<double> v;
  Field(std::int64_t height, std::int64_t width)
      : h(height), w(width), v(static_cast<std::size_t>(height * width)) {}
  double& at(std::int64_t y, std::int64_t x) { return v[static_cast<std::size_t>(y * w + x)]; }
  double at(std::int64_t y, std::int64_t x) const { return v[static_cast<std::size_t>(y * w + x)]; }
  double clamped(std::int64_t y, std::int64_t x) const {
    return at(std::clamp<std::int64_t>(y, 0, h - 1), std::clamp<std::int64_t>(x, 0, w - 1));
  }
};

Field resized(const Field& from, std::int64_t h, std::int64_t w, double step_y, double step_x) {
  Field to(h, w);
  for (std::int64_t y = 0; y < h; ++y) {
    for (std::int64_t x = 0; x < w; ++x) {
      const double sy = (static_cast<double>(y) + .5) * step_y - .5,
                   sx = (static_cast<double>(x) + .5) * step_x - .5;
      const double fy = std::floor(sy), fx = std::floor(sx);
      const auto iy = static_cast<std::int64_t>(fy), ix = static_cast<std::int64_t>(fx);
      for (int j = 0; j < 2; ++j) {
        for (int i = 0; i < 2; ++i) {
          to.at(y, x) += (j ? sy - fy : 1 - sy + fy) * (i ? sx - fx : 1 - sx + fx) *
                         from.clamped(iy + j, ix + i);
        }
      }
    }
  }
  return to;
}

double cubic_weight(double t) {
  constexpr double a = -0.75;
  t = std::abs(t);
  if (t <= 1) return (a + 2) * t * t * t - (a + 3) * t * t + 1;
  if (t < 2) return a * t * t * t - 5 * a * t * t + 8 * a * t - 4 * a;
  return 0;
}

double cubic_at(const Field& f, double y, double x) {
  const auto top = static_cast<std::int64_t>(std::floor(y)),
             left = static_cast<std::int64_t>(std::floor(x));
  double sum = 0;
  for (std::int64_t j = top - 1; j <= top + 2; ++j) {
    for (std::int64_t i = left - 1; i <= left + 2; ++i) {
      sum += cubic_weight(y - static_cast<double>(j)) * cubic_weight(x - static_cast<double>(i)) *
             f.clamped(j, i);
    }
  }
  return sum;
}

Field median(const Field& f, int side) {
  Field out(f.h, f.w);
  for (std::int64_t y = 0; y < f.h; ++y) {
    for (std::int64_t x = 0; x < f.w; ++x) {
      std::vector<double> window;
      for (int j = -side / 2; j <= side / 2; ++j) {
        for (int i = -side / 2; i <= side / 2; ++i) window.push_back(f.clamped(y + j, x + i));
      }
      std::sort(window.begin(), window.end());
      out.at(y, x) = window[window.size() / 2];
    }
  }
  return out;
}

// One half of the unknowns: u and the dual variable of its gradient.
struct Unknown {
  Field u, px, py;
  Unknown(std::int64_t h, std::int64_t w) : u(h, w), px(h, w), py(h, w) {}
  double divergence(std::int64_t y, std::int64_t x) const {
    return px.at(y, x) - (x > 0 ? px.at(y, x - 1) : 0) + py.at(y, x) -
           (y > 0 ? py.at(y - 1, x) : 0);
  }
  void dual_step(double tau) {
    for (std::int64_t y = 0; y < u.h; ++y) {
      for (std::int64_t x = 0; x < u.w; ++x) {
        const double gx = x + 1 < u.w ? u.at(y, x + 1) - u.at(y, x) : 0,
                     gy = y + 1 < u.h ? u.at(y + 1, x) - u.at(y, x) : 0;
        const double scale = 1 + tau * std::hypot(gx, gy);
        px.at(y, x) = (px.at(y, x) + tau * gx) / scale;
        py.at(y, x) = (py.at(y, x) + tau * gy) / scale;
      }
    }
  }
};

// One step of u; returns the sum of the squared changes.
double primal_step(const ops::TvL1& p, const Field& ix, const Field& iy, const Field& constant,
                   Unknown (&a)[2]) {
  const double limit = p.lambda * p.theta;
  double change = 0;
  for (std::int64_t y = 0; y < ix.h; ++y) {
    for (std::int64_t x = 0; x < ix.w; ++x) {
      const double dx = ix.at(y, x), dy = iy.at(y, x), square = dx * dx + dy * dy;
      const double rho = constant.at(y, x) + dx * a[0].u.at(y, x) + dy * a[1].u.at(y, x);
      double along = 0;
      if (square > std::numeric_limits<float>::epsilon()) {
        along = rho < -limit * square ? limit : rho > limit * square ? -limit : -rho / square;
      }
      const double next[2] = {a[0].u.at(y, x) + along * dx + p.theta * a[0].divergence(y, x),
                              a[1].u.at(y, x) + along * dy + p.theta * a[1].divergence(y, x)};
      for (int c = 0; c < 2; ++c) {
        const double moved = next[c] - a[c].u.at(y, x);
        change += moved * moved;
        a[c].u.at(y, x) = next[c];
      }
    }
  }
  return change;
}

void one_scale(const ops::TvL1& p, const Field& from, const Field& to, Unknown (&a)[2]) {
  const std::int64_t h = from.h, w = from.w;
  Field gx(h, w), gy(h, w);
  for (std::int64_t y = 0; y < h; ++y) {
    for (std::int64_t x = 0; x < w; ++x) {
      gx.at(y, x) = (to.clamped(y, x + 1) - to.clamped(y, x - 1)) / 2;
      gy.at(y, x) = (to.clamped(y + 1, x) - to.clamped(y - 1, x)) / 2;
    }
  }
  for (int warp = 0; warp < p.warps; ++warp) {
    Field ix(h, w), iy(h, w), constant(h, w);
    for (std::int64_t y = 0; y < h; ++y) {
      for (std::int64_t x = 0; x < w; ++x) {
        const double u = a[0].u.at(y, x), v = a[1].u.at(y, x);
        const double sx = static_cast<double>(x) + u, sy = static_cast<double>(y) + v;
        if (!(sx >= 0 && sy >= 0 && sx <= static_cast<double>(w - 1) &&
              sy <= static_cast<double>(h - 1))) {
          continue;
        }
        ix.at(y, x) = cubic_at(gx, sy, sx);
        iy.at(y, x) = cubic_at(gy, sy, sx);
        constant.at(y, x) =
            cubic_at(to, sy, sx) - ix.at(y, x) * u - iy.at(y, x) * v - from.at(y, x);
      }
    }
    const double enough = p.epsilon * p.epsilon * static_cast<double>(h * w);
    bool moving = true;
    for (int outer = 0; outer < p.outer && moving; ++outer) {
      for (Unknown& one : a) one.u = median(one.u, p.median);
      for (int inner = 1; inner <= p.inner && moving; ++inner) {
        const double change = primal_step(p, ix, iy, constant, a);
        for (Unknown& one : a) one.dual_step(p.tau / p.theta);
        if (inner % 5 == 0 || inner == p.inner) moving = change > enough;
      }
    }
  }
}

}  // namespace

Array tv_l1_flow(const ops::TvL1& p, const Array& from, const Array& to) {
  const std::int64_t n = from.dim(0), h = from.dim(1), w = from.dim(2);
  Array flow({n, h, w, 2});
  for (std::int64_t i = 0; i < n; ++i) {
    std::vector<Field> first{Field(h, w)}, second{Field(h, w)};
    for (std::int64_t k = 0; k < h * w; ++k) {
      first[0].v[static_cast<std::size_t>(k)] = from[i * h * w + k];
      second[0].v[static_cast<std::size_t>(k)] = to[i * h * w + k];
    }
    while (static_cast<int>(first.size()) < p.scales) {
      const auto smaller = [&](std::int64_t side) {
        return static_cast<std::int64_t>(std::nearbyint(static_cast<double>(side) * p.scale_step));
      };
      const std::int64_t sh = smaller(first.back().h), sw = smaller(first.back().w);
      if (sh < 16 || sw < 16 || (sh == first.back().h && sw == first.back().w)) break;
      for (auto* pyramid : {&first, &second}) {
        pyramid->push_back(resized(pyramid->back(), sh, sw, 1 / p.scale_step, 1 / p.scale_step));
      }
    }
    Unknown a[2] = {{first.back().h, first.back().w}, {first.back().h, first.back().w}};
    for (std::size_t s = first.size(); s-- > 0;) {
      const std::int64_t sh = first[s].h, sw = first[s].w;
      for (Unknown& one : a) {
        Unknown next(sh, sw);
        if (s + 1 < first.size()) {
          next.u = resized(one.u, sh, sw, static_cast<double>(one.u.h) / static_cast<double>(sh),
                           static_cast<double>(one.u.w) / static_cast<double>(sw));
          for (double& value : next.u.v) value /= p.scale_step;
        }
        one = next;
      }
      one_scale(p, first[s], second[s], a);
    }
    for (std::int64_t k = 0; k < h * w; ++k) {
      for (int c = 0; c < 2; ++c) {
        flow[(i * h * w + k) * 2 + c] = a[c].u.v[static_cast<std::size_t>(k)];
      }
    }
  }
  return flow;
}

}  // namespace rn::test
