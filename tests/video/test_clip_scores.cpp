#include <algorithm>
#include <cmath>

#include "io/file.h"
#include "support/catch.h"
#include "support/files.h"
#include "video/action_films.h"
#include "video/clip_scores.h"
#include "video/moving.h"
#include "video/twostream.h"

using namespace rn;
using namespace rn::video;

TEST_CASE("a clip's score is the mean of its outputs, and its gradient is spread", "[video]") {
  const Tensor logits({6, 2}, Dtype::f64, Tag::workspace);
  for (int i = 0; i < 12; ++i) logits.data<double>()[i] = i * i;
  const Tensor means = clip_means(logits, 2);
  REQUIRE(means.shape() == Shape{2, 2});
  CHECK(means.data<double>()[0] == Approx((0 + 4 + 16) / 3.0));
  CHECK(means.data<double>()[3] == Approx((49 + 81 + 121) / 3.0));
  const Tensor d({2, 2}, Dtype::f64, Tag::workspace);
  for (int i = 0; i < 4; ++i) d.data<double>()[i] = i + 1;
  const Tensor spread = clip_means_backward(d, 3);
  REQUIRE(spread.shape() == Shape{6, 2});
  // <d, means(x)> == <spread, x>: the one is the transpose of the other.
  double left = 0, right = 0;
  for (int i = 0; i < 4; ++i) left += d.data<double>()[i] * means.data<double>()[i];
  for (int i = 0; i < 12; ++i) right += spread.data<double>()[i] * logits.data<double>()[i];
  CHECK(left == Approx(right));
  CHECK_THROWS_AS(clip_means(logits, 4), Error);
}

TEST_CASE("scores: of both streams their mean, mirrored too, whatever is in a batch", "[video]") {
  const test::TempDir dir;
  write_actions(dir / "films", {.clips = 1, .test = 0, .frames = 9, .side = 24});
  // One of another size among them.
  io::write_file(dir / "films/train/up/00007.mp4", test::moving_film("wide.mp4", 11, 24, 32, 1, 0));
  const ClipStore store(open_clips("clips:" + (dir / "films"), data::Split::train), {});
  REQUIRE(store.count() == 9);
  const ChunkNormalization n = measure_chunks(store, true, true, 2);
  const ChunkReader reader(store, 2, n.frames, n.flow, Dtype::f64);
  models::StNetwork network(
      models::make_st_spec(
          "resnet14-cifar",
          {.height = 24, .width = 24, .classes = 8, .base_width = 2, .flow_stack = 2}),
      Dtype::f64);
  network.initialize(1);
  ScoreOptions options{.frames = 3, .batch = 4, .keep_samples = true};
  const ClipScores plain = score_clips(network, store, reader, options);
  REQUIRE(plain.fused.count == 9);
  REQUIRE(plain.appearance);
  CHECK(plain.fused.complete);
  // The samples are in the order of the clips, though the wide one went by itself.
  for (std::size_t i = 0; i < 9; ++i) {
    CHECK(plain.fused.index[i] == static_cast<std::int64_t>(i));
    CHECK(plain.fused.label[i] == store.clips()[i].named.label);
  }
  for (std::int64_t i = 0; i < 9 * 8; ++i) {
    CHECK(plain.fused.logits.data<float>()[i] == Approx((plain.appearance->logits.data<float>()[i] +
                                                         plain.motion->logits.data<float>()[i]) /
                                                        2)
                                                     .margin(1e-6));
  }
  options.batch = 1;
  options.loaders = 3;
  options.clips = {8, 2};
  const ClipScores two = score_clips(network, store, reader, options);
  REQUIRE(two.fused.count == 2);
  for (std::int64_t k = 0; k < 8; ++k) {
    CHECK(two.fused.logits.data<float>()[k] ==
          Approx(plain.fused.logits.data<float>()[8 * 8 + k]).margin(1e-6));
    CHECK(two.fused.logits.data<float>()[8 + k] ==
          Approx(plain.fused.logits.data<float>()[2 * 8 + k]).margin(1e-6));
  }
  options.flip = true;
  const ClipScores both = score_clips(network, store, reader, options);
  // By hand: the mirrored view alone is twice the mean less the plain one.
  const Tensor frames({3, 24, 24, 3}, Dtype::f64, Tag::input),
      flow({3, 24, 24, 4}, Dtype::f64, Tag::input);
  reader.read(2, whole_chunk(3, 9, 24, 24, true), frames, flow, 0);
  TensorPool pool;
  models::StSaved saved;
  const models::StLogits logits = network.forward({frames, flow, 1}, {pool}, saved);
  const Tensor a = clip_means(logits.appearance, 1), m = clip_means(logits.motion, 1);
  for (std::int64_t k = 0; k < 8; ++k) {
    const double mirrored = (a.data<double>()[k] + m.data<double>()[k]) / 2;
    CHECK(both.fused.logits.data<float>()[8 + k] ==
          Approx((mirrored + two.fused.logits.data<float>()[8 + k]) / 2).margin(1e-5));
  }
  int polls = 0;
  options.should_stop = [&] { return ++polls > 1; };
  options.clips = {};
  CHECK(!score_clips(network, store, reader, options).fused.complete);
}

TEST_CASE("values of a recipe by their name", "[video]") {
  const std::string recipe = "data = \"clips:x\"\nshort-side = 64\nflip = true\n";
  CHECK(recipe_value(recipe, "short-side") == "64");
  CHECK(recipe_value(recipe, "flip") == "true");
  CHECK(recipe_value(recipe, "side").empty());
}
