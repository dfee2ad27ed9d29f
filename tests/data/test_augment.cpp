// Augmentation: what is drawn, what it does, and that nothing depends on who does it.
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>

#include "base/rng.h"
#include "data/augment.h"
#include "data/workers.h"
#include "support/files.h"

using namespace rn;
using namespace rn::data;

namespace {

std::string bytes_of(const Tensor& t) {
  return {static_cast<const char*>(t.raw()), static_cast<std::size_t>(t.bytes())};
}

Augment all() {
  Augment a;
  a.pad = 2;
  a.flip = true;
  a.area_low = 0.2;
  a.brightness = a.contrast = a.saturation = 0.4;
  a.hue = 0.1;
  a.lighting = 0.1;
  a.cutout = 9;
  a.erase = 0.5;
  a.mixup = 0.4;
  a.cutmix = 1;
  return a;
}

std::string batches(const Augment& augment, int loaders, std::int64_t first_batch,
                    std::int64_t count, Dtype dtype = Dtype::f32) {
  const auto source = open_source("synth:shapes", Split::train, 50);
  BatcherOptions o;
  o.indices.resize(50);
  std::iota(o.indices.begin(), o.indices.end(), 0);
  o.batch = 16;
  o.shuffle = true;
  o.augment = augment;
  o.normalization = {{0.4, 0.5, 0.6}, {0.2, 0.25, 0.3}, {}};
  o.dtype = dtype;
  o.first_batch = first_batch;
  o.loaders = loaders;
  Batcher batcher(*source, o);
  std::string all;
  for (std::int64_t i = 0; i < count; ++i) {
    const Batch& batch = *batcher.next();
    all += bytes_of(batch.images) + bytes_of(batch.labels);
    if (batch.others) all += bytes_of(batch.others) + bytes_of(batch.shares);
  }
  return all;
}

}  // namespace

TEST_CASE("any number of loaders, from any batch on: the same bytes", "[data]") {
  const std::string whole = batches(all(), 1, 0, 8);
  CHECK(batches(all(), 3, 0, 8) == whole);
  CHECK(batches(all(), 7, 0, 8) == whole);
  std::string parts;
  for (std::int64_t i = 0; i < 8; ++i) parts += batches(all(), 2, i, 1);
  CHECK(parts == whole);
  CHECK(batches(all(), 3, 0, 4, Dtype::bf16) == batches(all(), 1, 0, 4, Dtype::bf16));
}

TEST_CASE("each augmentation changes images, and what is off does not", "[data]") {
  const std::string plain = batches({}, 1, 0, 4);
  std::map<std::string, Augment> ones;
  const Augment every = all();
  ones["pad"].pad = every.pad;
  ones["flip"].flip = true;
  ones["window"].area_low = every.area_low;
  ones["brightness"].brightness = every.brightness;
  ones["contrast"].contrast = every.contrast;
  ones["saturation"].saturation = every.saturation;
  ones["hue"].hue = every.hue;
  ones["lighting"].lighting = every.lighting;
  ones["cutout"].cutout = every.cutout;
  ones["erase"].erase = every.erase;
  ones["mixup"].mixup = every.mixup;
  ones["cutmix"].cutmix = every.cutmix;
  std::map<std::string, std::string> seen = {{plain, "nothing"}};
  for (const auto& [name, augment] : ones) {
    INFO(name);
    const auto [at, fresh] = seen.emplace(batches(augment, 1, 0, 4), name);
    INFO(at->second);
    CHECK(fresh);
  }
  Augment whole;
  whole.area_low = whole.area_high = whole.ratio_low = whole.ratio_high = 1;
  CHECK(batches(whole, 1, 0, 4) == plain);  // the window is the image
}

TEST_CASE("windows have the areas and ratios that were asked for", "[data]") {
  Augment a;
  a.area_low = 0.1;
  a.area_high = 0.6;
  double area = 0, ratio = 0, least = 1, most = 0;
  constexpr int trials = 4000;
  for (int i = 0; i < trials; ++i) {
    const Window w = draw_window(a, 3, 5, i, 200, 300);
    REQUIRE((w.y >= 0 && w.x >= 0 && w.y + w.height <= 200 && w.x + w.width <= 300));
    const double share = w.height * w.width / 60000;
    area += share / trials;
    ratio += std::log(w.width / w.height) / trials;
    least = std::min(least, share);
    most = std::max(most, share);
  }
  CHECK(area == Approx(0.35).margin(0.02));
  CHECK(ratio == Approx(0).margin(0.02));
  CHECK(least > 0.09);
  CHECK(most < 0.62);
  // No window of that ratio fits: the middle, as much of it as the ratio allows.
  a.area_low = a.area_high = 1;
  a.ratio_low = a.ratio_high = 1;
  const Window w = draw_window(a, 1, 1, 1, 10, 40);
  CHECK((w.height == 10 && w.width == 10 && w.y == 0 && w.x == 15));
}

TEST_CASE("resampling: identity, constants, and a naive reference", "[data]") {
  std::vector<std::uint8_t> image(13 * 17 * 3), out;
  Rng rng(1, RngPurpose::test);
  for (auto& x : image) x = static_cast<std::uint8_t>(rng.below(256));
  out.resize(image.size());
  resample(image, 13, 17, 3, {0, 0, 13, 17}, out, 13, 17);
  CHECK(out == image);
  // In double, the two directions at once, from the definition.
  const Window w{2.5, 1, 9.25, 14};
  for (const auto& [height, width] : {std::pair{4, 5}, {30, 11}, {1, 1}}) {
    out.assign(static_cast<std::size_t>(height * width * 3), 0);
    resample(image, 13, 17, 3, w, out, height, width);
    const double sy = w.height / height, sx = w.width / width;
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        for (int c = 0; c < 3; ++c) {
          double sum = 0, total = 0;
          for (int i = 2; i < 12; ++i) {
            for (int k = 1; k < 15; ++k) {
              const double ay = std::abs(i + 0.5 - (w.y + (y + 0.5) * sy)) / std::max(sy, 1.0);
              const double ax = std::abs(k + 0.5 - (w.x + (x + 0.5) * sx)) / std::max(sx, 1.0);
              const double weight = std::max(0.0, 1 - ay) * std::max(0.0, 1 - ax);
              sum += weight * image[static_cast<std::size_t>((i * 17 + k) * 3 + c)];
              total += weight;
            }
          }
          const int got = out[static_cast<std::size_t>((y * width + x) * 3 + c)];
          REQUIRE(std::abs(got - sum / total) <= 0.51);
        }
      }
    }
  }
  // Less than a pixel, at the corner.
  std::vector<std::uint8_t> one(3);
  resample(image, 13, 17, 3, {12.9, 16.9, 0.05, 0.05}, one, 1, 1);
  CHECK(one[0] == image[image.size() - 3]);
}

TEST_CASE("colours: what does nothing, grey, and full turns", "[data]") {
  std::vector<float> rgb(30 * 3);
  Rng rng(2, RngPurpose::test);
  for (float& x : rgb) x = static_cast<float>(rng.uniform());
  const std::vector<float> before = rgb;
  apply_colour({}, rgb);
  CHECK(rgb == before);
  Colour turn;
  turn.hue = 1.0 / 3;
  for (int i = 0; i < 3; ++i) apply_colour(turn, rgb);
  for (std::size_t i = 0; i < rgb.size(); ++i) CHECK(rgb[i] == Approx(before[i]).margin(1e-5));
  // A third of a turn exchanges the primaries.
  std::vector<float> red = {1, 0, 0};
  apply_colour(turn, red);
  CHECK(red[1] == Approx(1));
  CHECK(red[0] == Approx(0).margin(1e-6));
  Colour grey;
  grey.saturation = 0;
  rgb = before;
  apply_colour(grey, rgb);
  for (std::size_t i = 0; i < rgb.size(); i += 3) {
    CHECK(rgb[i] == Approx(0.2989 * before[i] + 0.587 * before[i + 1] + 0.114 * before[i + 2]));
    CHECK(rgb[i] == rgb[i + 2]);
  }
  Colour bright;
  bright.brightness = 3;
  rgb = before;
  apply_colour(bright, rgb);
  for (std::size_t i = 0; i < rgb.size(); ++i) CHECK(rgb[i] == std::min(1.0f, 3 * before[i]));
  // An alpha of one along the first axis.
  const auto light = lighting_of({1, 0, 0});
  CHECK(light[0] == Approx(-0.5675 * 0.2175));
  CHECK(light[2] == Approx(-0.5836 * 0.2175));
}

TEST_CASE("shares of mixtures are Beta's, and boxes have what is left", "[data]") {
  Augment a;
  a.mixup = 0.4;
  double mean = 0, square = 0;
  constexpr int trials = 6000;
  for (int i = 0; i < trials; ++i) {
    const Mix mix = draw_mix(a, 1, 2, i, 32, 32);
    CHECK(mix.kind == Mix::Kind::mixup);
    mean += mix.share / trials;
    square += mix.share * mix.share / trials;
  }
  CHECK(mean == Approx(0.5).margin(0.02));
  CHECK(square - mean * mean == Approx(0.25 / (2 * 0.4 + 1)).margin(0.01));  // Beta's variance
  a.cutmix = 1;
  int cuts = 0;
  for (int i = 0; i < trials; ++i) {
    const Mix mix = draw_mix(a, 1, 2, i, 24, 32);
    if (mix.kind != Mix::Kind::cutmix) continue;
    ++cuts;
    REQUIRE((mix.box.top >= 0 && mix.box.bottom <= 24 && mix.box.left >= 0 && mix.box.right <= 32));
    REQUIRE(mix.share == 1 - static_cast<double>(mix.box.area()) / (24 * 32));
  }
  CHECK(cuts == Approx(trials / 2).margin(200));
}

TEST_CASE("images and labels are mixed with those before", "[data]") {
  Tensor images({3, 2, 2, 1}, Dtype::f32, Tag::input), labels({3}, Dtype::i32, Tag::input),
      others({3}, Dtype::i32, Tag::input), shares({3}, Dtype::f64, Tag::input);
  const auto reset = [&] {
    for (int i = 0; i < 12; ++i) images.data<float>()[i] = static_cast<float>(i);
    for (int i = 0; i < 3; ++i) labels.data<std::int32_t>()[i] = i;
  };
  reset();
  apply_mix({.kind = Mix::Kind::mixup, .share = 0.75, .box = {}}, images, labels, others, shares);
  CHECK(images.data<float>()[0] == 0.25f * 8);
  CHECK(images.data<float>()[5] == 0.75f * 5 + 0.25f * 1);
  CHECK(images.data<float>()[11] == 0.75f * 11 + 0.25f * 7);
  CHECK(others.data<std::int32_t>()[0] == 2);
  CHECK(others.data<std::int32_t>()[2] == 1);
  CHECK(shares.data<double>()[1] == 0.75);
  reset();
  apply_mix({.kind = Mix::Kind::cutmix, .share = 0.5, .box = {0, 2, 1, 2}}, images, labels, others,
            shares);
  CHECK(images.data<float>()[0] == 0);
  CHECK(images.data<float>()[1] == 9);
  CHECK(images.data<float>()[7] == 3);
}

TEST_CASE("workers: everything once, and the first error", "[data]") {
  Workers workers(4);
  for (int round = 0; round < 200; ++round) {
    std::vector<int> done(37, 0);
    workers.run(37, [&](int, std::int64_t i) { ++done[static_cast<std::size_t>(i)]; });
    REQUIRE(std::accumulate(done.begin(), done.end(), 0) == 37);
  }
  workers.run(0, [](int, std::int64_t) { FAIL("nothing to do"); });
  const std::string what = test::error_of(ErrorKind::input, [&] {
    workers.run(20, [](int, std::int64_t i) {
      if (i % 5 == 4) fail(ErrorKind::input, "number {}", i);
    });
  });
  CHECK(what == "number 4");
}
