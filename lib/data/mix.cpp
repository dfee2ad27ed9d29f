#include "data/mix.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/rng.h"

namespace rn::data {
namespace {

// Gamma(shape, 1) after Marsaglia and Tsang 2000; of shapes below 1 by one above them.
double draw_gamma(Rng& rng, double shape) {
  if (shape < 1) {
    const double u = 1 - rng.uniform();  // in (0, 1]
    return draw_gamma(rng, shape + 1) * std::pow(u, 1 / shape);
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = rng.normal(), v = std::pow(1 + c * x, 3);
    if (v <= 0) continue;
    const double u = 1 - rng.uniform();
    if (std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

double draw_beta(Rng& rng, double alpha) {
  const double a = draw_gamma(rng, alpha), b = draw_gamma(rng, alpha);
  return a + b > 0 ? a / (a + b) : 0.5;
}

template <class T>
void blend(const Mix& mix, std::span<T> image, std::span<const T> before, std::int64_t width,
           std::int64_t channels) {
  using W = Wide<T>;
  if (mix.kind == Mix::Kind::mixup) {
    const W own = static_cast<W>(mix.share), other = static_cast<W>(1 - mix.share);
    for (std::size_t i = 0; i < image.size(); ++i) {
      image[i] = T(own * static_cast<W>(image[i]) + other * static_cast<W>(before[i]));
    }
    return;
  }
  for (std::int64_t y = mix.box.top; y < mix.box.bottom; ++y) {
    const std::int64_t from = (y * width + mix.box.left) * channels;
    std::copy_n(before.begin() + from, (mix.box.right - mix.box.left) * channels,
                image.begin() + from);
  }
}

}  // namespace

Mix cut_mix(double share, std::int64_t y, std::int64_t x, std::int64_t height, std::int64_t width) {
  Mix mix{.kind = Mix::Kind::cutmix, .share = share, .box = {}};
  const double half = 0.5 * std::sqrt(1 - share);
  const auto half_height = static_cast<std::int64_t>(half * static_cast<double>(height)),
             half_width = static_cast<std::int64_t>(half * static_cast<double>(width));
  mix.box = {std::max<std::int64_t>(y - half_height, 0), std::min(y + half_height, height),
             std::max<std::int64_t>(x - half_width, 0), std::min(x + half_width, width)};
  mix.share = 1 - static_cast<double>(mix.box.area()) / static_cast<double>(height * width);
  return mix;
}

Mix draw_mix(const Augment& augment, std::uint64_t seed, std::int64_t epoch, std::int64_t number,
             std::int64_t height, std::int64_t width) {
  if (!augment.mixes()) return {};
  Rng rng(seed, RngPurpose::mix, static_cast<std::uint64_t>(epoch),
          static_cast<std::uint64_t>(number));
  const bool coin = rng.coin();
  const bool cut = augment.cutmix > 0 && (augment.mixup == 0 || coin);
  const double share = draw_beta(rng, cut ? augment.cutmix : augment.mixup);
  if (!cut) return {.kind = Mix::Kind::mixup, .share = share, .box = {}};
  const auto y = static_cast<std::int64_t>(rng.below(static_cast<std::uint32_t>(height)));
  const auto x = static_cast<std::int64_t>(rng.below(static_cast<std::uint32_t>(width)));
  return cut_mix(share, y, x, height, width);
}

void apply_mix(const Mix& mix, const Tensor& images, const Tensor& labels, const Tensor& others,
               const Tensor& shares) {
  const std::int64_t count = images.dim(0);
  const auto* label = labels.data<std::int32_t>();
  for (std::int64_t i = 0; i < count; ++i) {
    others.data<std::int32_t>()[i] = label[i > 0 ? i - 1 : count - 1];
    shares.data<double>()[i] = mix.share;
  }
  if (mix.kind == Mix::Kind::none || count == 0) return;
  with_activation(images.dtype(), "mix", [&]<class T>() {
    const auto size = static_cast<std::size_t>(images.size() / count);
    const std::span<T> all = images.span<T>();
    const auto image = [&](std::int64_t i) {
      return all.subspan(static_cast<std::size_t>(i) * size, size);
    };
    const std::span<T> end = image(count - 1);
    const std::vector<T> last(end.begin(), end.end());
    for (std::int64_t i = count - 1; i >= 0; --i) {
      const std::span<const T> before =
          i > 0 ? std::span<const T>(image(i - 1)) : std::span<const T>(last);
      blend<T>(mix, image(i), before, images.dim(2), images.dim(3));
    }
  });
}

}  // namespace rn::data
