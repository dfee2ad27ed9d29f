#include "video/actions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "base/error.h"

// Pictures must not depend on whether this CPU fuses multiply and add.
#if defined(__clang__)
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

namespace rn::video {
namespace {

constexpr double pi = std::numbers::pi;
constexpr const char* motion_names[motion_count] = {
    "left", "right", "up", "down", "clockwise", "counterclockwise", "grow", "shrink"};
constexpr const char* figure_names[figure_count] = {"disc", "square", "triangle", "cross"};

double wrap(double v) { return v - std::floor(v); }

// Of a texture: its colour is in low..high, its spots are lighter and darker by up to `light`.
struct Shades {
  double low = 0, high = 0, light = 0;
};
// Figures that are no part of the class may be as the ground is. Otherwise every picture shows
// them: one is dark, the other light.
constexpr Shades any{70, 185, 70}, dark{40, 95, 30}, bright{160, 215, 30};

// Smooth noise of three colours on a torus of `cells` x `cells`.
class Texture {
 public:
  static constexpr int cells = 8;
  Texture(Rng& rng, const Shades& shades) {
    std::array<double, 3> base{};
    for (double& b : base) b = rng.uniform(shades.low, shades.high);
    for (auto& node : nodes_) {
      const double light = rng.uniform(-shades.light, shades.light);
      for (std::size_t c = 0; c < 3; ++c) node[c] = base[c] + light + rng.uniform(-35, 35);
    }
  }
  std::array<double, 3> at(double x, double y) const {  // one period is 1
    const double u = wrap(x) * cells, v = wrap(y) * cells;
    const int i = static_cast<int>(u), j = static_cast<int>(v);
    const double a = smooth(u - i), b = smooth(v - j);
    std::array<double, 3> out{};
    for (std::size_t c = 0; c < 3; ++c) {
      const double top = node(i, j)[c] + a * (node(i + 1, j)[c] - node(i, j)[c]);
      const double low = node(i, j + 1)[c] + a * (node(i + 1, j + 1)[c] - node(i, j + 1)[c]);
      out[c] = top + b * (low - top);
    }
    return out;
  }

 private:
  static double smooth(double t) { return t * t * (3 - 2 * t); }
  const std::array<double, 3>& node(int i, int j) const {
    return nodes_[static_cast<std::size_t>((j % cells) * cells + i % cells)];
  }
  std::array<std::array<double, 3>, cells * cells> nodes_{};
};

// Signed distance, negative inside; x, y in radii.
double figure_distance(int figure, double x, double y) {
  const auto bar = [](double px, double py, double w, double h) {
    return std::max(std::abs(px) - w, std::abs(py) - h);
  };
  switch (figure) {
    case 0: return std::sqrt(x * x + y * y) - 0.85;
    case 1: return bar(x, y, 0.75, 0.75);
    case 2: return std::max(std::abs(x) * std::sqrt(3.0) / 2 - y / 2, y) - 0.5;
    default: return std::min(bar(x, y, 0.95, 0.3), bar(x, y, 0.3, 0.95));
  }
}

}  // namespace

std::vector<std::string> action_names(ActionSet set) {
  if (set == ActionSet::motion) return {std::begin(motion_names), std::end(motion_names)};
  if (set == ActionSet::appearance) return {std::begin(figure_names), std::end(figure_names)};
  std::vector<std::string> names;
  for (const char* motion : motion_names) {
    for (const char* figure : figure_names) names.push_back(std::string(motion) + "-" + figure);
  }
  return names;
}

std::array<Figure, nested> figures_at(double level) {
  const double whole = std::floor(level), part = level - whole;
  std::array<Figure, nested> figures;
  for (int i = 0; i < nested; ++i) {
    // Sizes are 1 / 16 to the whole of the largest; the ends fade, those between are opaque.
    const double at = nested - 1 - i + part;
    const double number = nested - 1 - i - whole;  // the same figure at every level
    figures[static_cast<std::size_t>(i)] = {
        largest_radius * std::exp2(at - nested), std::clamp(std::min(at, nested - at), 0.0, 1.0),
        static_cast<int>(number - skins * std::floor(number / skins))};
  }
  return figures;
}

Pose pose_at(int motion, const Phase& phase, double travel) {
  Phase now = phase;
  double* const moved[] = {&now.x, &now.y, &now.turn, &now.level};
  const bool back = motion == 0 || motion == 2 || motion == 5 || motion == 7;
  double& coordinate = *moved[motion / 2];
  coordinate += back ? -travel : travel;
  return {wrap(now.x), wrap(now.y), now.level, 2 * pi * wrap(now.turn)};
}

Tensor draw_action(ActionSet set, int label, Rng& rng, std::int64_t frames, std::int64_t side) {
  const int classes = set == ActionSet::motion       ? motion_count
                      : set == ActionSet::appearance ? figure_count
                                                     : motion_count * figure_count;
  constexpr std::int64_t most_bytes = std::int64_t{1} << 28;  // of a clip
  if (label < 0 || label >= classes || frames < 1 || side < 8 || side > 1024 ||
      frames > most_bytes / (3 * side * side)) {
    fail(
        ErrorKind::usage,
        "synth:actions: class {} of {}, {} pictures of side {} (8 to 1024); at most 256 MiB a clip",
        label, classes, frames, side);
  }
  int motion = static_cast<int>(rng.below(motion_count));
  int figure = static_cast<int>(rng.below(figure_count));
  if (set == ActionSet::motion) motion = label;
  if (set == ActionSet::appearance) figure = label;
  if (set == ActionSet::combined) motion = label / figure_count, figure = label % figure_count;
  const Phase phase{rng.uniform(), rng.uniform(), rng.uniform(), rng.uniform()};
  // A share of the range at every picture: one to two pixels of 64, and turns and levels that move
  // the edges of figures by about as much: what flow is sure to see.
  const double speed = rng.uniform(1.0, 2.0) / (motion < 4 ? 64.0 : motion < 6 ? 60.0 : 8.0);
  const bool shown = set != ActionSet::motion, night = shown && rng.below(2) == 1;
  const Texture ground(rng, !shown ? any : night ? dark : bright);
  std::vector<Texture> skin;
  for (int i = 0; i < skins; ++i) skin.emplace_back(rng, !shown ? any : night ? bright : dark);

  Tensor clip({frames, side, side, 3}, Dtype::u8, Tag::input);
  std::uint8_t* out = clip.data<std::uint8_t>();
  const double pixel = 1.0 / static_cast<double>(side);
  for (std::int64_t t = 0; t < frames; ++t) {
    const Pose pose = pose_at(motion, phase, speed * static_cast<double>(t));
    const double c = std::cos(pose.angle), s = std::sin(pose.angle);
    const auto figures = figures_at(pose.level);
    for (std::int64_t row = 0; row < side; ++row) {
      for (std::int64_t column = 0; column < side; ++column, out += 3) {
        const double x = (static_cast<double>(column) + 0.5) * pixel;
        const double y = (static_cast<double>(row) + 0.5) * pixel;
        const double dx = wrap(x - pose.x + 0.5) - 0.5, dy = wrap(y - pose.y + 0.5) - 0.5;
        auto colour = ground.at(x, y);
        for (const Figure& f : figures) {
          const double u = (c * dx + s * dy) / f.radius, v = (c * dy - s * dx) / f.radius;
          const double inside = figure_distance(figure, u, v) * f.radius / pixel;
          const double cover = f.cover * std::clamp(0.5 - inside, 0.0, 1.0);
          if (cover <= 0) continue;
          const auto over = skin[static_cast<std::size_t>(f.skin)].at(u / 3, v / 3);
          for (std::size_t i = 0; i < 3; ++i) colour[i] += cover * (over[i] - colour[i]);
        }
        for (std::size_t i = 0; i < 3; ++i) {
          out[i] = static_cast<std::uint8_t>(std::clamp(colour[i] + 0.5, 0.0, 255.0));
        }
      }
    }
  }
  return clip;
}

}  // namespace rn::video
