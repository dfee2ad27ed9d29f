#include <cmath>
#include <numeric>

#include "base/rng.h"
#include "data/kinds.h"
#include "support/files.h"

using namespace rn;
using namespace rn::data;
using rn::test::error_of;

namespace {

MemorySource random_source(std::int64_t count, std::int64_t side, std::int64_t channels) {
  Rng rng(3, RngPurpose::test);
  std::vector<std::uint8_t> images(static_cast<std::size_t>(count * side * side * channels));
  // A value depends on the pixel as well, so that mean images differ from their mean.
  for (std::size_t i = 0; i < images.size(); ++i) {
    images[i] = static_cast<std::uint8_t>(rng.below(100) + 40 * (i % 4));
  }
  Info info{.uri = "test:random", .height = side, .width = side, .channels = channels};
  info.class_names = {"only"};
  return {info, images, std::vector<std::int32_t>(static_cast<std::size_t>(count), 0)};
}

}  // namespace

TEST_CASE("normalisation is the mean and deviation of the samples asked for") {
  const MemorySource source = random_source(20, 5, 3);
  const std::vector<std::int64_t> some = {3, 7, 7, 19};
  const Normalization got = measure_normalization(source, some, NormalizationKind::channel);
  const Normalization images = measure_normalization(source, some, NormalizationKind::mean_image);
  CHECK_FALSE(got.mean_image.defined());
  REQUIRE(images.mean_image.shape() == Shape{5, 5, 3});
  std::vector<std::uint8_t> image(75);
  for (std::size_t c = 0; c < 3; ++c) {
    std::vector<std::vector<double>> pixels(25);
    for (const std::int64_t i : some) {
      source.read(i, image);
      for (std::size_t p = 0; p < 25; ++p) pixels[p].push_back(image[3 * p + c] / 255.0);
    }
    double sum = 0, square = 0, residual = 0;
    for (std::size_t p = 0; p < 25; ++p) {
      const double mean = std::accumulate(pixels[p].begin(), pixels[p].end(), 0.0) / 4;
      CHECK(images.mean_image.data<float>()[3 * p + c] == Approx(mean).epsilon(1e-6));
      for (const double x : pixels[p]) {
        sum += x;
        square += x * x;
        residual += (x - mean) * (x - mean);
      }
    }
    const double mean = sum / 100;
    CHECK(got.mean[c] == Approx(mean).epsilon(1e-12));
    CHECK(got.stddev[c] == Approx(std::sqrt(square / 100 - mean * mean)).epsilon(1e-10));
    CHECK(images.stddev[c] == Approx(std::sqrt(residual / 100)).epsilon(1e-10));
  }
}

TEST_CASE("normalisation does not depend on the order of the samples") {
  const MemorySource source = random_source(9, 4, 2);
  const std::vector<std::int64_t> up = {0, 1, 2, 3, 4, 5, 6, 7, 8},
                                  mixed = {5, 2, 8, 0, 1, 7, 3, 6, 4};
  const auto a = measure_normalization(source, up, NormalizationKind::channel);
  const auto b = measure_normalization(source, mixed, NormalizationKind::channel);
  CHECK(a.mean == b.mean);
  CHECK(a.stddev == b.stddev);
}

TEST_CASE("a constant channel is not divided by zero, and none leaves bytes over 255") {
  Info info{.uri = "test:flat", .height = 1, .width = 2, .channels = 2};
  info.class_names = {"only"};
  const MemorySource source(info, {7, 0, 7, 255, 7, 0, 7, 255}, {0, 0});
  const std::vector<std::int64_t> all = {0, 1};
  const auto measured = measure_normalization(source, all, NormalizationKind::channel);
  CHECK(measured.mean[0] == Approx(7 / 255.0));
  CHECK(measured.stddev[0] == 1.0);
  CHECK(measured.mean[1] == 0.5);
  CHECK(measured.stddev[1] == 0.5);
  const auto none = measure_normalization(source, {}, NormalizationKind::none);
  CHECK(none.mean == std::vector<double>{0, 0});
  CHECK(none.stddev == std::vector<double>{1, 1});
  error_of(ErrorKind::input,
           [&] { measure_normalization(source, {}, NormalizationKind::channel); });
  CHECK(parse_normalization("mean-image") == NormalizationKind::mean_image);
  error_of(ErrorKind::usage, [] { parse_normalization("zca"); });
}
