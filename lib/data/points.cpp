#include "data/points.h"

#include <cmath>
#include <numbers>

#include "base/rng.h"
#include "io/file.h"

namespace rn::data {
namespace {

constexpr std::uint64_t generator_seed = 1;
constexpr std::int64_t built_in_count = 1000;
constexpr double pi = std::numbers::pi;

struct Point {
  double x = 0, y = 0;
};

// Two arms of one turn, from the middle outwards (the spiral of the usual demonstrations, scaled to
// a radius of 1). The square root spreads points along the arm.
Point spiral(int label, Rng& rng) {
  const double angle = std::sqrt(rng.uniform()) * 2 * pi;
  const double radius = (2 * angle + pi) / (5 * pi) * (label == 0 ? 1 : -1);
  constexpr double noise = 0.02;
  const double x = radius * std::cos(angle) + noise * rng.normal();
  return {x, radius * std::sin(angle) + noise * rng.normal()};
}

// A disc's worth of points inside a ring.
Point circle(int label, Rng& rng) {
  const double angle = rng.uniform() * 2 * pi, radius = label == 0 ? 0.4 : 1;
  constexpr double noise = 0.05;
  const double x = radius * std::cos(angle) + noise * rng.normal();
  return {x, radius * std::sin(angle) + noise * rng.normal()};
}

// Two half circles, one reaching into the other.
Point moon(int label, Rng& rng) {
  const double angle = rng.uniform() * pi, side = label == 0 ? 1 : -1;
  constexpr double noise = 0.05;
  const double x = side * (std::cos(angle) - 0.5) + noise * rng.normal();
  return {x, side * (std::sin(angle) - 0.25) + noise * rng.normal()};
}

struct Set {
  const char* name;
  const char* generator;  // part of the digest: raise it when the points change
  Point (*draw)(int label, Rng& rng);
};

constexpr Set sets[] = {{"spirals", "synth:spirals 1", spiral},
                        {"circles", "synth:circles 1", circle},
                        {"moons", "synth:moons 1", moon}};

}  // namespace

PointSource::PointSource(Info info, std::vector<double> points, std::vector<std::int32_t> labels)
    : points_(std::move(points)), labels_(std::move(labels)) {
  info_ = std::move(info);
  info_.height = info_.width = 1;
  info_.points = true;
  info_.count = static_cast<std::int64_t>(labels_.size());
  require(static_cast<std::int64_t>(points_.size()) == info_.count * info_.channels,
          "{}: {} numbers for {} points of {}", info_.uri, points_.size(), info_.count,
          info_.channels);
  io::Sha256 digest;
  digest.update(std::as_bytes(std::span(points_)));
  digest.update(std::as_bytes(std::span(labels_)));
  info_.digest = digest.hex();
}

std::int32_t PointSource::read(std::int64_t, std::span<std::uint8_t>) const {
  fail(ErrorKind::input, "{}: holds points, not images", info_.uri);
}

std::int32_t PointSource::read_point(std::int64_t index, std::span<double> point) const {
  const auto size = static_cast<std::size_t>(info_.channels), at = static_cast<std::size_t>(index);
  require(index >= 0 && index < info_.count && point.size() == size,
          "{}: point {} of {} into {} numbers", info_.uri, index, info_.count, point.size());
  std::copy_n(points_.begin() + static_cast<std::ptrdiff_t>(at * size), size, point.begin());
  return labels_[at];
}

bool is_point_set(const std::string& name) {
  return std::any_of(std::begin(sets), std::end(sets),
                     [&](const Set& set) { return name == set.name; });
}

std::unique_ptr<Source> open_point_set(const Request& request) {
  const Set* set = std::find_if(std::begin(sets), std::end(sets),
                                [&](const Set& s) { return request.where == s.name; });
  require(set != std::end(sets), "open_point_set: '{}'", request.where);
  const std::int64_t count = request.keep(built_in_count);
  const bool train = request.split != Split::test;
  // synth:shapes has the numbers 0 and 1.
  const auto number = static_cast<std::uint64_t>(2 * (set - sets) + (train ? 2 : 3));
  std::vector<double> points;
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < count; ++i) {
    Rng rng(generator_seed, RngPurpose::synth, number, static_cast<std::uint64_t>(i));
    labels.push_back(static_cast<std::int32_t>(i % 2));
    const Point point = set->draw(labels.back(), rng);
    points.push_back(point.x);
    points.push_back(point.y);
  }
  Info info{.uri = request.uri, .channels = 2, .class_names = {"a", "b"}};
  auto source =
      std::make_unique<PointSource>(std::move(info), std::move(points), std::move(labels));
  // The last digit of a cosine is the mathematical library's: the name stands for the content.
  const std::string what = fmt::format("{} {} {}", set->generator, train ? "train" : "test", count);
  source->set_digest(io::sha256(std::as_bytes(std::span(what))));
  return source;
}

}  // namespace rn::data
