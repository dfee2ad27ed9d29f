#include "data/colour.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"

namespace rn::data {
namespace {

constexpr float red = 0.2989f, green = 0.587f, blue = 0.114f;  // of grey

float grey(const float* p) { return red * p[0] + green * p[1] + blue * p[2]; }

// factor * value + (1 - factor) * other, kept to 0..1.
float blend(float value, float other, float factor) {
  return std::clamp(factor * value + (1 - factor) * other, 0.0f, 1.0f);
}

void brightness(std::span<float> rgb, float factor) {
  for (float& x : rgb) x = blend(x, 0, factor);
}

void contrast(std::span<float> rgb, float factor) {
  double sum = 0;
  for (std::size_t i = 0; i < rgb.size(); i += 3) sum += grey(&rgb[i]);
  const auto mean = static_cast<float>(sum / (static_cast<double>(rgb.size()) / 3));
  for (float& x : rgb) x = blend(x, mean, factor);
}

void saturation(std::span<float> rgb, float factor) {
  for (std::size_t i = 0; i < rgb.size(); i += 3) {
    const float g = grey(&rgb[i]);
    for (std::size_t c = 0; c < 3; ++c) rgb[i + c] = blend(rgb[i + c], g, factor);
  }
}

// Through hue, saturation and value, as colorsys and torchvision have them.
void turn_hue(float* p, float turn) {
  const float high = std::max({p[0], p[1], p[2]}), low = std::min({p[0], p[1], p[2]});
  const float range = high - low;
  if (range == 0) return;  // grey
  const float s = range / high;
  const float r = (high - p[0]) / range, g = (high - p[1]) / range, b = (high - p[2]) / range;
  float h = high == p[0] ? b - g : high == p[1] ? 2 + r - b : 4 + g - r;
  h = h / 6 + turn;
  h -= std::floor(h);
  const float sixth = h * 6, f = sixth - std::floor(sixth);
  const float a = high * (1 - s), q = std::clamp(high * (1 - s * f), 0.0f, 1.0f),
              t = std::clamp(high * (1 - s * (1 - f)), 0.0f, 1.0f);
  const float v = high;
  switch (static_cast<int>(std::floor(sixth)) % 6) {
    case 0: p[0] = v, p[1] = t, p[2] = a; break;
    case 1: p[0] = q, p[1] = v, p[2] = a; break;
    case 2: p[0] = a, p[1] = v, p[2] = t; break;
    case 3: p[0] = a, p[1] = q, p[2] = v; break;
    case 4: p[0] = t, p[1] = a, p[2] = v; break;
    default: p[0] = v, p[1] = a, p[2] = q; break;
  }
}

void hue(std::span<float> rgb, float turn) {
  for (std::size_t i = 0; i < rgb.size(); i += 3) turn_hue(&rgb[i], turn);
}

}  // namespace

std::array<double, 3> lighting_of(const std::array<double, 3>& alpha) {
  // Of the covariance of ImageNet's RGB values on the 0..1 scale: the numbers that fb.resnet.torch
  // and others after it use.
  constexpr double value[3] = {0.2175, 0.0188, 0.0045};
  constexpr double vector[3][3] = {
      {-0.5675, 0.7192, 0.4009}, {-0.5808, -0.0045, -0.8140}, {-0.5836, -0.6948, 0.4203}};
  std::array<double, 3> add{};
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t k = 0; k < 3; ++k) add[c] += vector[c][k] * value[k] * alpha[k];
  }
  return add;
}

Colour draw_colour(const Augment& a, std::uint64_t seed, std::int64_t epoch, std::int64_t index) {
  Colour colour;
  Rng rng(seed, RngPurpose::colour, static_cast<std::uint64_t>(epoch),
          static_cast<std::uint64_t>(index));
  for (std::size_t i = 4; i > 1; --i) {
    std::swap(colour.order[i - 1], colour.order[rng.below(static_cast<std::uint32_t>(i))]);
  }
  const auto factor = [&](double x) { return rng.uniform(std::max(0.0, 1 - x), 1 + x); };
  colour.brightness = factor(a.brightness);
  colour.contrast = factor(a.contrast);
  colour.saturation = factor(a.saturation);
  colour.hue = rng.uniform(-a.hue, a.hue);
  std::array<double, 3> alpha{};
  for (double& x : alpha) x = a.lighting * rng.normal();
  colour.lighting = lighting_of(alpha);
  return colour;
}

void apply_colour(const Colour& colour, std::span<float> rgb) {
  for (const int which : colour.order) {
    switch (which) {
      case 0:
        if (colour.brightness != 1) brightness(rgb, static_cast<float>(colour.brightness));
        break;
      case 1:
        if (colour.contrast != 1) contrast(rgb, static_cast<float>(colour.contrast));
        break;
      case 2:
        if (colour.saturation != 1) saturation(rgb, static_cast<float>(colour.saturation));
        break;
      default:
        if (colour.hue != 0) hue(rgb, static_cast<float>(colour.hue));
    }
  }
  if (colour.lighting == std::array<double, 3>{}) return;
  for (std::size_t i = 0; i < rgb.size(); ++i) rgb[i] += static_cast<float>(colour.lighting[i % 3]);
}

}  // namespace rn::data
