// Stochastic depth: what is drawn, what is skipped, and that runs can be repeated and resumed.
#include "train/depth.h"
#include "train/run.h"

using namespace rn;
using namespace rn::train;
using test::contains;
using test::error_of;
using test::slurp;
using test::stop_at;
using test::TempDir;
using test::tiny;

TEST_CASE("survival falls linearly, or not at all", "[train]") {
  auto spec = models::make_arch("resnet110-cifar");
  set_survival(spec, 0.5, DepthDecay::linear);
  CHECK(spec.blocks.front().survival == Approx(1 - 0.5 / 54));
  CHECK(spec.blocks.back().survival == 0.5);
  set_survival(spec, 0.2, DepthDecay::uniform);
  CHECK(spec.blocks.front().survival == 0.8);
  CHECK_THROWS_AS(set_survival(spec, 1, DepthDecay::linear), Error);
  auto vgg = models::make_arch("vgg15-cifar");
  CHECK(contains(error_of(ErrorKind::usage, [&] { set_survival(vgg, .5, DepthDecay::linear); }),
                 "no residual blocks"));
}

TEST_CASE("each block is there as often as it should be, whoever asks", "[train]") {
  auto spec = models::make_arch("resnet20-cifar", {.height = 8, .width = 8, .base_width = 4});
  set_survival(spec, 0.6, DepthDecay::linear);
  models::Network network(spec, Dtype::f32);
  std::vector<int> there(9, 0);
  for (int step = 0; step < 2000; ++step) {
    draw_depth(network, 3, step, 8);
    for (int b = 0; b < 9; ++b)
      there[static_cast<std::size_t>(b)] += network.block(b).gates.forward.branch == 1;
  }
  for (std::size_t b = 0; b < 9; ++b) {
    const double p = spec.blocks[b].survival;
    CHECK(std::abs(there[b] - 2000 * p) < 5 * std::sqrt(2000 * p * (1 - p)));
  }
}

TEST_CASE("by row, each image keeps a block as often as it should", "[train]") {
  auto spec = models::make_arch("resnet8-cifar", {.height = 8, .width = 8, .base_width = 4});
  set_survival(spec, 0.5, DepthDecay::uniform);
  models::Network network(spec, Dtype::f32);
  double kept = 0;
  for (int step = 0; step < 1000; ++step) {
    network.reset_gates();
    draw_depth(network, 3, step, 6, DepthMode::row);
    const auto& gates = network.block(1).gates;
    if (gates.forward.branch == 0) continue;
    kept += static_cast<double>(gates.rows.defined() ? gates.rows.dim(0) : 6);
  }
  CHECK(std::abs(kept - 3000) < 5 * std::sqrt(6000 * 0.25));
}

TEST_CASE("training under stochastic depth resumes to the same bytes", "[train]") {
  const TempDir folder;
  const auto mode = GENERATE(DepthMode::batch, DepthMode::row);
  TrainOptions whole = tiny(folder, "whole.h5");
  whole.stochastic_depth = 0.5;
  whole.depth_mode = mode;
  whole.arch = "preresnet14-cifar";
  REQUIRE(train::train(whole).ended == Ended::complete);
  TrainOptions part = whole;
  part.output = folder / "part.h5";
  part.resume = true;
  part.stop = stop_at(4);
  REQUIRE(train::train(part).ended == Ended::stopped);
  part.stop = {};
  REQUIRE(train::train(part).ended == Ended::complete);
  CHECK(slurp(whole.output) == slurp(part.output));

  TrainOptions constant = whole;
  constant.output = folder / "constant.h5";
  constant.stochastic_depth = {};
  REQUIRE(train::train(constant).ended == Ended::complete);
  CHECK(load_model(whole.output).file.spec.blocks.back().survival == 0.5);
  CHECK(slurp(whole.output) != slurp(constant.output));
}

TEST_CASE("a branch that is left out learns nothing", "[train]") {
  auto spec = models::make_arch("resnet8-cifar", {.height = 8, .width = 8, .base_width = 4});
  set_survival(spec, 0.5, DepthDecay::uniform);
  models::Network network(spec, Dtype::f32);
  network.initialize(1);
  network.store().require_gradients();
  TensorPool pool;
  models::Saved saved;
  const nn::Pass pass{.pool = pool, .batch_statistics = true, .keep = true, .sampled_depth = true};
  Tensor images = Tensor::zeros({4, 8, 8, 3}, Dtype::f32, Tag::input);
  for (std::int64_t i = 0; i < images.size(); ++i)
    images.data<float>()[i] = static_cast<float>(i % 7);
  network.block(1).gates.forward.branch = 0;
  const Tensor logits = network.forward(images, pass, saved);
  network.backward(logits.clone(), pass, saved);
  network.commit(saved);
  for (const auto& p : network.store().parameters()) {
    const auto g = p->gradient.span<float>();
    const bool zero = std::all_of(g.begin(), g.end(), [](float x) { return x == 0; });
    INFO(p->name);
    CHECK(zero == p->name.starts_with("stage2.block1."));
  }
  for (const auto& s : network.store().states()) {
    if (s->name == "stage2.block1.bn1.running_mean") CHECK(s->value.data<float>()[0] == 0);
    if (s->name == "stage3.block1.bn1.running_mean") CHECK(s->value.data<float>()[0] != 0);
  }
}

TEST_CASE("exactly k blocks are kept, all of them equally often", "[train]") {
  auto spec = models::make_arch("resnet20-cifar", {.height = 8, .width = 8, .base_width = 4});
  set_kept_blocks(spec, 4, false);
  for (const auto& block : spec.blocks) CHECK(block.survival == 1);
  set_kept_blocks(spec, 3, true);
  for (const auto& block : spec.blocks) CHECK(block.survival == Approx(1.0 / 3));
  CHECK_THROWS_AS(set_kept_blocks(spec, 0, false), Error);
  CHECK_THROWS_AS(set_kept_blocks(spec, 10, false), Error);
  auto vgg = models::make_arch("vgg15-cifar");
  CHECK(contains(error_of(ErrorKind::usage, [&] { set_kept_blocks(vgg, 3, false); }),
                 "no residual blocks"));
  models::Network network(spec, Dtype::f32);
  std::vector<int> there(9, 0);
  std::vector<std::vector<int>> together(9, std::vector<int>(9, 0));
  for (int step = 0; step < 3600; ++step) {
    network.reset_gates();
    draw_blocks(network, 3, step, 4);
    std::vector<std::size_t> kept;
    for (std::size_t b = 0; b < 9; ++b) {
      if (network.block(static_cast<std::int64_t>(b)).gates.forward.branch == 1) kept.push_back(b);
    }
    REQUIRE(kept.size() == 4);
    for (const std::size_t b : kept) {
      ++there[b];
      for (const std::size_t c : kept) ++together[b][c];
    }
  }
  for (std::size_t b = 0; b < 9; ++b) {
    CHECK(std::abs(there[b] - 1600) < 5 * std::sqrt(3600 * 4.0 / 9 * 5 / 9));
    for (std::size_t c = 0; c < b; ++c) {  // pairs: 4/9 * 3/8
      CHECK(std::abs(together[b][c] - 600) < 5 * std::sqrt(600.0));
    }
  }
}

TEST_CASE("training of effective paths resumes to the same bytes", "[train]") {
  const TempDir folder;
  TrainOptions whole = tiny(folder, "whole.h5");
  whole.keep_blocks = 2;
  whole.arch = "preresnet14-cifar";
  REQUIRE(train::train(whole).ended == Ended::complete);
  TrainOptions part = whole;
  part.output = folder / "part.h5";
  part.resume = true;
  part.stop = stop_at(4);
  REQUIRE(train::train(part).ended == Ended::stopped);
  part.stop = {};
  REQUIRE(train::train(part).ended == Ended::complete);
  CHECK(slurp(whole.output) == slurp(part.output));
  CHECK(load_model(whole.output).file.spec.blocks.back().survival == 1);

  // Keeping all of them is the ordinary training; keeping some is not.
  TrainOptions all = whole, ordinary = whole;
  all.keep_blocks = 6;
  all.output = folder / "all.h5";
  ordinary.keep_blocks = 0;
  ordinary.output = folder / "ordinary.h5";
  REQUIRE(train::train(all).ended == Ended::complete);
  REQUIRE(train::train(ordinary).ended == Ended::complete);
  CHECK(slurp(all.output) == slurp(ordinary.output));
  CHECK(slurp(whole.output) != slurp(ordinary.output));

  TrainOptions both = whole;
  both.output = folder / "both.h5";
  both.stochastic_depth = 0.5;
  CHECK_THROWS_AS(train::train(both), Error);
}
