// What is known of spatiotemporal networks: sizes, what remains without their parts, and what they
// make of clips that do not move.
#include <cstring>

#include "models/st_networks.h"
#include "support/catch.h"

using namespace rn;
using namespace rn::test;
using models::make_st_spec;

namespace {

std::int64_t count(const StOptions& options) {
  StOptions all = options;
  all.classes = 101;
  return StNetwork(make_st_spec("resnet50", all), Dtype::f32).store().parameter_count();
}

// An image network with the values of a stream, its taps summed.
Network image_of(const Network& stream) {
  models::NetworkSpec spec = stream.spec();
  for (nn::BlockSpec& block : spec.blocks) block.temporal = 1;
  spec.head.temporal_pool = TemporalPool::none;
  Network image(spec, Dtype::f64);
  const auto& from = stream.store().parameters();
  const auto& to = image.store().parameters();
  for (std::size_t p = 0; p < from.size(); ++p) {
    const std::int64_t in = to[p]->value.dim(-1), taps = from[p]->value.dim(-1) / in;
    for (std::int64_t i = 0; i < to[p]->value.size(); ++i) {
      double sum = 0;
      for (std::int64_t k = 0; k < taps; ++k) {
        sum += from[p]->value.data<double>()[(i / in * taps + k) * in + i % in];
      }
      to[p]->value.data<double>()[i] = sum;
    }
  }
  for (std::size_t s = 0; s < image.store().states().size(); ++s) {
    image.store().states()[s]->value.copy_from(stream.store().states()[s]->value);
  }
  return image;
}

// The first image over and over.
void repeat_first(const Tensor& images) {
  const Tensor first = images.slice(0, 1).clone();
  for (std::int64_t n = 1; n < images.dim(0); ++n) images.slice(n, n + 1).copy_from(first);
}

double row_difference(const Tensor& a, std::int64_t row, const Tensor& b, std::int64_t other) {
  double worst = 0;
  for (std::int64_t c = 0; c < a.dim(1); ++c) {
    worst = std::max(worst, std::abs(a.data<double>()[row * a.dim(1) + c] -
                                     b.data<double>()[other * b.dim(1) + c]));
  }
  return worst;
}

}  // namespace

TEST_CASE("parameters of ST-ResNet-50 with 101 classes") {
  CHECK(count({.motion = false, .temporal_convs = false}) == 23714981);
  CHECK(count({.motion = false}) == 23714981 + 5570560);
  CHECK(count({.appearance = false}) == 29338853);
  CHECK(count({}) == 58624394);
  CHECK(count({.connection = Connection::none}) == 58624394);
  CHECK(count({.temporal_pool = TemporalPool::after_average}) == 58624394);
}

TEST_CASE("the table: temporal convolutions and connections at second units") {
  const StSpec spec = make_st_spec("resnet50", {.classes = 7, .flow_stack = 5});
  CHECK(spec.classes() == 7);
  CHECK(spec.flow_stack() == 5);
  CHECK(spec.motion->channels == 10);
  CHECK(models::second_units(*spec.appearance) == std::vector<std::int64_t>{1, 4, 8, 14});
  for (const models::NetworkSpec* stream : {&*spec.appearance, &*spec.motion}) {
    for (const nn::BlockSpec& block : stream->blocks) {
      CHECK(block.temporal == (block.name.ends_with(".block2") ? 3 : 1));
    }
  }
  StNetwork network(spec, Dtype::f32);
  for (const auto& p : network.store().parameters()) {
    if (p->name == "motion.stage2.block2.conv1.weight") {
      CHECK(p->value.shape() == Shape{128, 1, 1, 3 * 512});
    }
    if (p->name == "appearance.stage2.block2.conv2.weight") {
      CHECK(p->value.shape() == Shape{128, 3, 3, 128});
    }
  }
  CHECK_THROWS_AS(make_st_spec("preresnet20-cifar"), Error);
  CHECK_THROWS_AS(make_st_spec("resnet8-cifar"), Error);  // one unit a stage
  CHECK_NOTHROW(
      make_st_spec("resnet8-cifar", {.connection = Connection::none, .temporal_convs = false}));
  CHECK_THROWS_AS(make_st_spec("resnet18", {.appearance = false, .motion = false}), Error);
  CHECK_THROWS_AS(make_st_spec("resnet18", {.flow_stack = 0}), Error);
}

TEST_CASE("11 chunks have 4 outputs, whichever way they are pooled") {
  for (const TemporalPool pool : {TemporalPool::after_average, TemporalPool::before_average}) {
    StBench bench(make_st_spec("resnet14-cifar",
                               {.height = 8, .width = 8, .base_width = 4, .temporal_pool = pool}),
                  2, 11);
    CHECK(bench.network.outputs(11) == 4);
    const auto logits = bench.network.forward(bench.input, bench.pass(false), bench.saved);
    CHECK(logits.appearance.shape() == Shape{2 * 4, 10});
    CHECK(logits.motion.shape() == Shape{2 * 4, 10});
    CHECK_THROWS_AS(bench.network.outputs(4), Error);
    bench.input.clips = 11;  // of two frames each
    CHECK_THROWS_AS(bench.network.forward(bench.input, bench.pass(false), bench.saved), Error);
  }
}

TEST_CASE("one frame at each output, with a window of one") {
  // Then pooling changes nothing, wherever it is.
  StBench none(make_st_spec(st_table(nn::BlockKind::basic), {.flow_stack = 2}), 2, 3);
  const auto want = none.network.forward(none.input, none.pass(false), none.saved);
  for (const TemporalPool pool : {TemporalPool::after_average, TemporalPool::before_average}) {
    StBench one(
        make_st_spec(st_table(nn::BlockKind::basic),
                     {.flow_stack = 2, .temporal_pool = pool, .pool_size = 1, .pool_stride = 1}),
        2, 3);
    const auto got = one.network.forward(one.input, one.pass(false), one.saved);
    CHECK(same_bytes(got.appearance, want.appearance));
    CHECK(same_bytes(got.motion, want.motion));
  }
}

TEST_CASE("with the gates at 0 the appearance stream alone remains, bit for bit") {
  for (const Connection connection : {Connection::additive, Connection::multiplicative}) {
    for (const bool temporal : {true, false}) {
      for (const bool batch : {true, false}) {
        StBench both(make_st_spec("resnet18", {.height = 40,
                                               .width = 40,
                                               .classes = 5,
                                               .base_width = 4,
                                               .flow_stack = 2,
                                               .connection = connection,
                                               .temporal_convs = temporal}),
                     2, 3, batch);
        INFO(to_string(connection) << " temporal " << temporal << " batch " << batch);
        const auto run = [&](StBench& bench) {
          bench.backward();
          return bench.network.forward(bench.input, bench.pass(true), bench.saved).appearance;
        };
        const Tensor with = run(both).clone();
        for (double& gate : both.network.gates) gate = 0;
        const Tensor without = run(both).clone();
        CHECK_FALSE(same_bytes(with, without));

        // The same stream by itself; without temporal convolutions it is an image network.
        StBench alone(make_st_spec("resnet18", {.motion = false,
                                                .height = 40,
                                                .width = 40,
                                                .classes = 5,
                                                .base_width = 4,
                                                .temporal_convs = temporal}),
                      2, 3, batch);
        const auto& own = alone.network.store().parameters();
        const auto& all = both.network.store().parameters();
        for (std::size_t p = 0; p < own.size(); ++p) {
          REQUIRE(own[p]->name == all[p]->name);
          own[p]->value.copy_from(all[p]->value);
        }
        for (std::size_t s = 0; s < alone.network.store().states().size(); ++s) {
          alone.network.store().states()[s]->value.copy_from(
              both.network.store().states()[s]->value);
        }
        CHECK(same_bytes(run(alone), without));
        for (std::size_t p = 0; p < own.size(); ++p) {
          CHECK(same_bytes(own[p]->gradient, all[p]->gradient));
        }
        if (!temporal) {
          const Network image = image_of(*both.network.appearance());
          models::Saved saved;
          CHECK(same_bytes(image.forward(both.input.frames, both.pass(true), saved), without));
        }
      }
    }
  }
}

TEST_CASE("before the ReLU or behind it is the same where nothing is negative") {
  const auto appearance = [](bool before, bool shift) {
    StBench bench(make_st_spec(st_table(nn::BlockKind::basic),
                               {.flow_stack = 2, .gate = 0.5, .before_relu = before}),
                  1, 3, true);
    // The last norm of each first unit moves its output up, more than the batch's deviations.
    for (const auto& p : bench.network.appearance()->store().parameters()) {
      if (!shift || !p->name.ends_with("block1.bn2.bias")) continue;
      for (double& x : p->value.span<double>()) x = 100;
    }
    return bench.network.forward(bench.input, bench.pass(true), bench.saved).appearance.clone();
  };
  CHECK(row_difference(appearance(true, true), 1, appearance(false, true), 1) < 1e-9);
  CHECK(row_difference(appearance(true, false), 1, appearance(false, false), 1) > 1e-6);
}

TEST_CASE("over equal frames, far from the ends, a clip is the spatial network's image") {
  constexpr std::int64_t frames = 20, reach = 8;  // two convolutions at each of four stages
  for (const char* arch : {"resnet18", "resnet50"}) {
    for (const Connection connection : {Connection::none, Connection::additive}) {
      StBench bench(make_st_spec(arch, {.height = 32,
                                        .width = 32,
                                        .classes = 4,
                                        .base_width = 4,
                                        .flow_stack = 2,
                                        .connection = connection}),
                    1, frames);
      INFO(arch << " " << to_string(connection));
      repeat_first(bench.input.frames);
      repeat_first(bench.input.flow);
      const auto logits = bench.network.forward(bench.input, bench.pass(false), bench.saved);
      // The spatial networks, connected the same way: a network of one frame.
      StSpec spatial = bench.network.spec();
      for (auto* stream : {&*spatial.appearance, &*spatial.motion}) {
        for (nn::BlockSpec& block : stream->blocks) block.temporal = 1;
      }
      StNetwork image(spatial, Dtype::f64);
      for (Network* stream : {image.appearance(), image.motion()}) {
        const bool a = stream == image.appearance();
        const Network summed = image_of(a ? *bench.network.appearance() : *bench.network.motion());
        models::take_image_network(summed, *stream);
      }
      models::StInput one{bench.input.frames.slice(0, 1), bench.input.flow.slice(0, 1), 1};
      models::StSaved saved;
      const auto want = image.forward(one, bench.pass(false), saved);
      for (std::int64_t t = 0; t < frames; ++t) {
        const bool inside = t >= reach && t < frames - reach;
        const double a = row_difference(logits.appearance, t, want.appearance, 0),
                     m = row_difference(logits.motion, t, want.motion, 0);
        INFO("frame " << t << ": " << a << ", " << m);
        if (inside) {
          CHECK(a < 1e-10);
          CHECK(m < 1e-10);
        }
        if (t == 0 || t == frames - 1) {
          CHECK(a > 1e-6);
          CHECK(m > 1e-6);
        }
      }
    }
  }
}

TEST_CASE("clips do not see each other") {
  const StSpec spec = make_st_spec(st_table(nn::BlockKind::bottleneck),
                                   {.flow_stack = 2, .temporal_pool = TemporalPool::after_average});
  StBench bench(spec, 3, 6);
  const auto all = bench.network.forward(bench.input, bench.pass(false), bench.saved);
  for (std::int64_t n = 0; n < 3; ++n) {
    const models::StInput one{bench.input.frames.slice(6 * n, 6 * n + 6),
                              bench.input.flow.slice(6 * n, 6 * n + 6), 1};
    models::StSaved saved;
    const auto own = bench.network.forward(one, bench.pass(false), saved);
    CHECK(row_difference(own.appearance, 0, all.appearance, n) < 1e-12);
    CHECK(row_difference(own.motion, 0, all.motion, n) < 1e-12);
  }
}

TEST_CASE("images of any size") {
  StBench bench(make_st_spec(st_table(nn::BlockKind::basic), {.flow_stack = 2}), 1, 3);
  bench.input.frames = random_tensor({3, 11, 9, 3}, 20);
  bench.input.flow = random_tensor({3, 11, 9, 4}, 21);
  const auto logits = bench.network.forward(bench.input, bench.pass(false), bench.saved);
  CHECK(logits.appearance.shape() == Shape{3, 3});
  bench.input.flow = random_tensor({3, 9, 9, 4}, 21);
  CHECK_THROWS_AS(bench.network.forward(bench.input, bench.pass(false), bench.saved), Error);
  bench.input.flow = random_tensor({2, 11, 9, 4}, 21);
  CHECK_THROWS_AS(bench.network.forward(bench.input, bench.pass(false), bench.saved), Error);
  bench.input.flow = Tensor();
  CHECK_THROWS_AS(bench.network.forward(bench.input, bench.pass(false), bench.saved), Error);
}

TEST_CASE("values from image networks") {
  models::NetworkSpec table = st_table(nn::BlockKind::bottleneck);
  Network image(table, Dtype::f64);
  image.initialize(8);
  shake(image.store());
  StNetwork network(make_st_spec(table, {.flow_stack = 2}), Dtype::f64);
  network.initialize(9);
  CHECK(models::take_image_network(image, *network.appearance()).size() == 4);
  CHECK(models::take_image_network(image, *network.motion()).size() == 5);
  const auto find = [](const nn::Store& store, const std::string& name) {
    for (const auto& p : store.parameters()) {
      if (p->name == name) return p->value.data<double>();
    }
    FAIL("no " << name);
    return static_cast<double*>(nullptr);
  };
  const double* w = find(image.store(), "stage2.block2.conv1.weight");  // [3, 1, 1, 6]
  const double* st = find(network.store(), "motion.stage2.block2.conv1.weight");
  for (int o = 0; o < 3; ++o) {
    for (int k = 0; k < 3; ++k) {
      for (int i = 0; i < 6; ++i) {
        CHECK(st[(o * 3 + k) * 6 + i] == Approx(w[o * 6 + i] / 3).epsilon(1e-14));
      }
    }
  }
  const double* first = find(image.store(), "stem.conv.weight");  // [4, 3, 3, 3]
  const double* flow = find(network.store(), "motion.stem.conv.weight");
  CHECK(std::equal(first, first + 4 * 27, find(network.store(), "appearance.stem.conv.weight")));
  for (int i = 0; i < 4 * 9; ++i) {
    const double mean = (first[3 * i] + first[3 * i + 1] + first[3 * i + 2]) / 3;
    for (int c = 0; c < 4; ++c) CHECK(flow[4 * i + c] == Approx(mean).epsilon(1e-14));
  }
  // Another number of classes: the head stays what it was.
  StNetwork other(make_st_spec(table, {.classes = 5, .flow_stack = 2}), Dtype::f64);
  other.initialize(9);
  const double before = find(other.store(), "motion.head.linear.weight")[3];
  const auto changed = models::take_image_network(image, *other.motion());
  CHECK(changed.size() == 7);
  CHECK(find(other.store(), "motion.head.linear.weight")[3] == before);
  CHECK(before != 0);
  // Another table is refused by its block.
  table.blocks[2].stride_at = 2;
  CHECK_THROWS_WITH(models::take_image_network(Network(table, Dtype::f64), *other.motion()),
                    Catch::Contains("stage2.block1"));
}

TEST_CASE("at first all taps are a third of what an image network's weights would be") {
  StNetwork network(make_st_spec("resnet18", {.base_width = 8}), Dtype::f64);
  network.initialize(4);
  double square = 0;
  std::int64_t size = 0;
  for (const auto& p : network.store().parameters()) {
    if (p->name != "appearance.stage3.block2.conv2.weight") continue;
    REQUIRE(p->value.shape() == Shape{32, 3, 3, 3 * 32});
    const double* w = p->value.data<double>();
    for (std::int64_t row = 0; row < 32 * 9; ++row, w += 96) {
      CHECK(std::equal(w, w + 32, w + 32));
      CHECK(std::equal(w, w + 32, w + 64));
      for (int i = 0; i < 32; ++i) square += 9 * w[i] * w[i];
      size += 32;
    }
  }
  CHECK(square / static_cast<double>(size) == Approx(2.0 / (9 * 32)).epsilon(0.1));
}
