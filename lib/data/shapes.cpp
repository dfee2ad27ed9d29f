#include "data/shapes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

// Pictures must not depend on whether this CPU fuses multiply and add.
#if defined(__clang__)
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

namespace rn::data {
namespace {

constexpr double pi = std::numbers::pi;

struct Point {
  double x = 0, y = 0;
};
Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
double dot(Point a, Point b) { return a.x * b.x + a.y * b.y; }
double length(Point p) { return std::sqrt(dot(p, p)); }

using Color = std::array<double, 3>;

// Signed distances: negative inside, in units of the shape's radius.
double disc(Point p, double radius) { return length(p) - radius; }

double box(Point p, double half_width, double half_height) {
  const Point d{std::abs(p.x) - half_width, std::abs(p.y) - half_height};
  const double outside = length({std::max(d.x, 0.0), std::max(d.y, 0.0)});
  return outside + std::min(std::max(d.x, d.y), 0.0);
}

template <std::size_t N>
double polygon(Point p, const std::array<Point, N>& corners) {
  double nearest = 1e30;
  bool inside = false;
  for (std::size_t i = 0, j = N - 1; i < N; j = i++) {
    const Point a = corners[i], b = corners[j], edge = b - a, to = p - a;
    const double along = std::clamp(dot(to, edge) / dot(edge, edge), 0.0, 1.0);
    nearest = std::min(nearest, length({to.x - edge.x * along, to.y - edge.y * along}));
    if ((a.y > p.y) != (b.y > p.y) && p.x < a.x + edge.x * (p.y - a.y) / edge.y) inside = !inside;
  }
  return inside ? -nearest : nearest;
}

// N corners around the centre, at radii that alternate.
template <std::size_t N>
std::array<Point, N> corners(double radius, double other) {
  std::array<Point, N> points;
  for (std::size_t i = 0; i < N; ++i) {
    const double angle = 2 * pi * static_cast<double>(i) / N - pi / 2;
    const double r = i % 2 == 0 ? radius : other;
    points[i] = {r * std::cos(angle), r * std::sin(angle)};
  }
  return points;
}

std::array<Point, 24> heart_outline() {
  std::array<Point, 24> points;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double t = 2 * pi * static_cast<double>(i) / points.size();
    const double s = std::sin(t);
    points[i] = {
        s * s * s,
        -(13 * std::cos(t) - 5 * std::cos(2 * t) - 2 * std::cos(3 * t) - std::cos(4 * t)) / 16 -
            0.1};
  }
  return points;
}

double stripes(Point p) {  // three bars
  const double y = std::abs(p.y);
  return std::min(box({p.x, y}, 0.82, 0.17), box({p.x, y - 0.65}, 0.82, 0.17));
}

double checker(Point p) {  // five cells of a 3x3 board
  const Point q{std::abs(p.x), std::abs(p.y)};
  const double half = 0.3;
  return std::min(box(q, half, half), box(q - Point{2 * half, 2 * half}, half, half));
}

double distance(int kind, Point p) {
  static const auto three = corners<3>(1.05, 1.05);
  static const auto five = corners<10>(1.05, 0.44);
  static const auto heart = heart_outline();
  switch (kind) {
    case 0: return disc(p, 0.88);
    case 1: return std::abs(disc(p, 0.72)) - 0.19;
    case 2: return box(p, 0.76, 0.76);
    case 3: return polygon(p, three);
    case 4: return std::min(box(p, 0.95, 0.27), box(p, 0.27, 0.95));
    case 5: return polygon(p, five);
    case 6: return std::max(disc(p, 0.95), -disc(p - Point{0.42, 0}, 0.78));
    case 7: return polygon(p, heart);
    case 8: return stripes(p);
    default: return checker(p);
  }
}

// A colour at a given distance from another, all of it inside 0..255.
Color contrasting(const Color& base, double contrast, Rng& rng) {
  for (int attempt = 0; attempt < 64; ++attempt) {
    const double z = rng.uniform(-1, 1), angle = rng.uniform(0, 2 * pi);
    const double r = std::sqrt(1 - z * z);
    const Color c{base[0] + contrast * r * std::cos(angle),
                  base[1] + contrast * r * std::sin(angle), base[2] + contrast * z};
    if (std::all_of(c.begin(), c.end(), [](double v) { return v >= 0 && v <= 255; })) return c;
  }
  const double lift = base[0] + base[1] + base[2] > 382 ? -0.6 * contrast : 0.6 * contrast;
  return {base[0] + lift, base[1] + lift, base[2] + lift};
}

Color any_color(Rng& rng) {
  return {rng.uniform(20, 235), rng.uniform(20, 235), rng.uniform(20, 235)};
}

using Canvas = std::array<Color, std::size_t{shapes_side} * shapes_side>;

// Paints where the distance (in pixels) is negative, with an edge one pixel wide; nothing lies
// further than `reach` from the centre, in which coordinates are.
template <class F>
void paint(Canvas& canvas, const Color& color, double opacity, Point centre, double reach,
           F&& distance_at) {
  const auto from = [](double v) {
    return std::clamp(static_cast<int>(std::floor(v)), 0, shapes_side);
  };
  const int x_end = from(centre.x + reach + 1), y_end = from(centre.y + reach + 1);
  for (int y = from(centre.y - reach); y < y_end; ++y) {
    for (int x = from(centre.x - reach); x < x_end; ++x) {
      const double d = distance_at(Point{x + 0.5, y + 0.5} - centre);
      if (d >= 0.5) continue;
      const double cover = opacity * std::min(0.5 - d, 1.0);
      Color& pixel = canvas[static_cast<std::size_t>(y * shapes_side + x)];
      for (std::size_t c = 0; c < 3; ++c) pixel[c] += cover * (color[c] - pixel[c]);
    }
  }
}

// A slope from one colour to a near one, with specks and strokes that have no class.
void paint_background(Canvas& canvas, const Color& base, Rng& rng) {
  const Color other = contrasting(base, rng.uniform(10, 60), rng);
  const double angle = rng.uniform(0, 2 * pi);
  const Point along{std::cos(angle) / 40, std::sin(angle) / 40};
  for (int y = 0; y < shapes_side; ++y) {
    for (int x = 0; x < shapes_side; ++x) {
      const double t = 0.5 + dot(along, {x - 15.5, y - 15.5});
      Color& pixel = canvas[static_cast<std::size_t>(y * shapes_side + x)];
      for (std::size_t c = 0; c < 3; ++c) pixel[c] = base[c] + t * (other[c] - base[c]);
    }
  }
  const std::uint32_t specks = 2 + rng.below(5);
  for (std::uint32_t i = 0; i < specks; ++i) {
    const Color color = contrasting(base, rng.uniform(30, 110), rng);
    const Point at{rng.uniform(0, 32), rng.uniform(0, 32)};
    const double size = rng.uniform(0.8, 2.6), opacity = rng.uniform(0.4, 0.9);
    const double turn = rng.uniform(0, pi), half = rng.uniform(2, 9);
    const Point axis{std::cos(turn), std::sin(turn)};
    const bool stroke = rng.below(3) == 0;
    paint(canvas, color, opacity, at, 2 + (stroke ? half : size), [&](Point q) {
      const double slide = stroke ? std::clamp(dot(q, axis), -half, half) : 0.0;
      return length({q.x - slide * axis.x, q.y - slide * axis.y}) - (stroke ? 0.6 : size);
    });
  }
}

}  // namespace

void draw_shape(int kind, Rng& rng, std::span<std::uint8_t> image) {
  Canvas canvas;
  const Color base = any_color(rng);
  paint_background(canvas, base, rng);

  const Color color = contrasting(base, rng.uniform(75, 190), rng);
  const double radius = rng.uniform(7.5, 13.5), room = std::max(16 - 0.85 * radius, 1.0);
  const Point centre{16 + rng.uniform(-room, room), 16 + rng.uniform(-room, room)};
  const double angle = rng.uniform(0, 2 * pi), stretch = rng.uniform(0.9, 1.12);
  const double c = std::cos(angle), s = std::sin(angle);
  paint(canvas, color, 1.0, centre, 1.3 * radius, [&](Point q) {
    const Point turned{(c * q.x + s * q.y) / (radius * stretch),
                       (c * q.y - s * q.x) * stretch / radius};
    return radius * distance(kind, turned);
  });

  const double noise = rng.uniform(1, 10);  // standard deviation, in grey levels
  for (std::size_t p = 0; p < canvas.size(); ++p) {
    for (std::size_t i = 0; i < 3; ++i) {
      // The sum of four uniform bytes is close enough to a normal number.
      const std::uint32_t r = rng.bits();
      const double sum = (r & 255) + (r >> 8 & 255) + (r >> 16 & 255) + (r >> 24);
      const double value = canvas[p][i] + noise * (sum - 510) / 147.8;
      image[3 * p + i] = static_cast<std::uint8_t>(std::clamp(value + 0.5, 0.0, 255.0));
    }
  }
}

}  // namespace rn::data
