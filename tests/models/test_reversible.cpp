// Reversible networks: gradients against finite differences; the reverse sweep against stored
// activations, in three precisions; statistics; inverses; the fixed-point stream.
#include "models/reversible_networks.h"
#include "support/catch.h"

using namespace rn;
using namespace rn::test;

namespace {

void compare(double analytic, double numeric, const std::string& what) {
  INFO(what << ": " << analytic << " against " << numeric);
  CHECK(std::abs(analytic - numeric) <= 2e-6 * (1 + std::abs(numeric)));
}

constexpr double grid = 0x1p-12;

}  // namespace

TEST_CASE("gradients of reversible networks equal finite differences") {
  for (const bool bottleneck : {false, true}) {
    for (const bool batch : {true, false}) {
      INFO((bottleneck ? "bottleneck" : "basic") << (batch ? ", batch" : ", frozen"));
      Bench bench(tiny_revnet(bottleneck), batch);
      // A gate other than 1 must be in the gradient too: of a unit that changes the shape, of one
      // that does not; and one without branches, one without a shortcut.
      bench.network.block(1).gates.forward = {0.7, 1.3};
      bench.network.block(2).gates.forward = {1.2, 0.8};
      bench.network.block(3).gates.forward.branch = 0;
      bench.network.block(5).gates.forward.shortcut = 0;
      const Tensor d_images = bench.backward(true);
      for (std::int64_t i = 0; i < d_images.size(); i += 61) {
        compare(d_images.data<double>()[i], bench.slope(bench.images, i), "image");
      }
      for (const auto& p : bench.network.store().parameters()) {
        const std::int64_t stride = std::max<std::int64_t>(1, p->value.size() / 2);
        for (std::int64_t i = 0; i < p->value.size(); i += stride) {
          compare(p->gradient.data<double>()[i], bench.slope(p->value, i), p->name);
        }
      }
    }
  }
}

TEST_CASE("the reverse sweep finds the gradients of stored activations") {
  for (const bool bottleneck : {false, true}) {
    const Runs runs(tiny_revnet(bottleneck, 4), Dtype::f64);
    const Left stored = runs.stored(), reversible = runs.reversible();
    CHECK(same_bytes(stored.logits, reversible.logits));
    // Running statistics are taken once, from the forward pass.
    CHECK(same_bytes(stored.states, reversible.states));
    const double worst = relative_difference(stored, reversible);
    CHECK(worst < 1e-10);
    CHECK(worst > 0);  // it did compute its activations again
  }
}

TEST_CASE("the reverse sweep in float32 and bfloat16 points the same way") {
  for (const bool bottleneck : {false, true}) {
    const Runs f32(tiny_revnet(bottleneck, 4), Dtype::f32);
    CHECK(angle(f32.stored(), f32.reversible()) < 0.1);
    const Runs bf16(tiny_revnet(bottleneck, 4), Dtype::bf16);
    CHECK(angle(bf16.stored(), bf16.reversible()) < 1);
    // And that is the way of the double-precision network, as far as its type sees.
    const Runs f64(tiny_revnet(bottleneck, 4), Dtype::f64);
    CHECK(angle(f64.stored(), f32.stored()) < 0.1);
    // In bf16 not by far: 50 degrees here, where weights are random. A shallow one stays near.
    const Runs shallow(tiny_revnet(bottleneck, 1), Dtype::f64, 16),
        narrow(tiny_revnet(bottleneck, 1), Dtype::bf16, 16);
    CHECK(angle(shallow.stored(), narrow.stored()) < 30);
  }
}

TEST_CASE("on a grid the reverse sweep is exact, bit by bit") {
  for (const bool bottleneck : {false, true}) {
    for (const Dtype dtype : {Dtype::f32, Dtype::f64, Dtype::bf16}) {
      INFO(to_string(dtype) << (bottleneck ? ", bottleneck" : ", basic"));
      const Runs runs(tiny_revnet(bottleneck, 4), dtype);
      const Left stored = runs.stored(grid), reversible = runs.reversible(grid),
                 checkpointed = runs.checkpointed(3, grid);
      CHECK(same_bytes(stored.gradients, reversible.gradients));
      CHECK(same_bytes(stored.gradients, checkpointed.gradients));
      CHECK(same_bytes(stored.states, reversible.states));
      // It is another network than the one without a grid; on a fine one it comes near.
      const Left free = runs.stored();
      CHECK_FALSE(same_bytes(stored.logits, free.logits));
      if (dtype == Dtype::f64) CHECK(angle(free, runs.stored(0x1p-24)) < 0.1);
    }
  }
}

TEST_CASE("checkpoints change nothing, in any network") {
  std::vector<Case> nets = all_cases();
  nets.push_back({"reversible", tiny_revnet(false, 3)});
  nets.push_back({"reversible bottleneck", tiny_revnet(true, 3)});
  for (const Case& net : nets) {
    for (const Dtype dtype : {Dtype::f64, Dtype::f32}) {
      const Runs runs(net.spec, dtype);
      const Left stored = runs.stored();
      for (const std::int64_t segment : {1, 2, 3, 100}) {
        INFO(net.name << ", segments of " << segment);
        const Left checkpointed = runs.checkpointed(segment);
        CHECK(same_bytes(stored.gradients, checkpointed.gradients));
        CHECK(same_bytes(stored.states, checkpointed.states));
      }
    }
  }
}

TEST_CASE("a block gives its input back") {
  for (const bool exact : {false, true}) {
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      const models::NetworkSpec spec = tiny_revnet(false, 3);
      Network network(spec, dtype);
      network.initialize(3);
      TensorPool pool;
      models::Saved saved;
      const nn::Pass pass{
          .pool = pool, .batch_statistics = true, .keep = true, .grid = exact ? grid : 0};
      const Tensor images = random_tensor({4, 8, 8, 2}, 1).cast(dtype, Tag::input);
      Tensor value = network.enter(images, pass, saved);
      for (std::int64_t i = 0; i < network.block_count(); ++i) {
        const Tensor x = value;
        value = network.forward(x, i, i + 1, pass, saved);
        auto& kept = saved.blocks[static_cast<std::size_t>(i)];
        if (!network.block(i).spec().invertible()) {
          if (i == 0) continue;  // its shortcut is the identity: it could be
          CHECK_THROWS_AS(network.block(i).inverse(value, pass, kept), Error);
          continue;
        }
        const Tensor again = network.block(i).inverse(value, pass, kept);
        CHECK((same_bytes(x, again) || !exact));
        const Tensor a = x.cast(Dtype::f64, Tag::workspace), b = again.cast(Dtype::f64, Tag::input);
        double worst = 0;
        for (std::int64_t k = 0; k < a.size(); ++k) {
          worst = std::max(worst, std::abs(a.data<double>()[k] - b.data<double>()[k]));
        }
        CHECK(worst < (dtype == Dtype::f32 ? 1e-5 : 1e-13));
      }
    }
  }
}

TEST_CASE("a value that leaves the grid is told, with its block") {
  const Runs runs(tiny_revnet(false, 3), Dtype::f32);
  const auto scaled = [&](double by, double step) {
    return runs.step([&](nn::Pass& pass, Network& network) {
      pass.grid = step;
      pass.reversible = true;
      for (const auto& p : network.store().parameters()) {
        if (p->name != "stage2.block2.g.conv2.weight") continue;
        for (float& x : p->value.span<float>()) x *= static_cast<float>(by);
      }
    });
  };
  CHECK_NOTHROW(scaled(1, 0x1p-16));
  try {
    scaled(1000, 0x1p-16);
    FAIL("no overflow");
  } catch (const Error& error) {
    const std::string what = error.what();
    INFO(what);
    CHECK(error.kind() == ErrorKind::numeric);
    CHECK(what.find("stage2.block2") != std::string::npos);
    CHECK(what.find("q = 16 holds +-256") != std::string::npos);
  }
  CHECK_NOTHROW(scaled(1000, 0x1p-8));
}

TEST_CASE("boundaries, evaluation and order of reversible networks") {
  for (const Dtype dtype : {Dtype::f64, Dtype::f32}) {
    Network network(tiny_revnet(true, 3), dtype);
    network.initialize(3);
    TensorPool pool;
    models::Saved saved;
    const nn::Pass pass{.pool = pool};
    const Tensor images = random_tensor({4, 8, 8, 2}, 1).cast(dtype, Tag::input);
    const Tensor whole = network.forward(images, pass, saved).clone();
    const Tensor first = network.enter(images, pass, saved);
    for (std::int64_t at = 0; at <= network.block_count(); ++at) {
      const Tensor value = network.forward(first, 0, at, pass, saved);
      const Tensor rest = network.forward(value, at, network.block_count(), pass, saved);
      CHECK(same_bytes(network.leave(rest, pass, saved), whole));
    }
    network.set_order({0, 2, 1, 3, 4, 5, 6, 7, 8});
    CHECK_FALSE(same_bytes(network.forward(images, pass, saved), whole));
    CHECK_THROWS_AS(network.set_order({0, 3, 2, 1, 4, 5, 6, 7, 8}), Error);
  }
  // Folded batch norms, against every step as it stands.
  Network f32(tiny_revnet(false, 3), Dtype::f32), f64(tiny_revnet(false, 3), Dtype::f64);
  f32.initialize(3);
  f64.initialize(3);
  TensorPool pool;
  models::Saved a, b;
  const Tensor images = random_tensor({4, 8, 8, 2}, 1);
  const Tensor x = f32.forward(images.cast(Dtype::f32, Tag::input), {.pool = pool}, a);
  const Tensor y = f64.forward(images, {.pool = pool}, b);
  for (std::int64_t i = 0; i < x.size(); ++i) {
    CHECK(std::abs(x.data<float>()[i] - y.data<double>()[i]) < 1e-4);
  }
}

TEST_CASE("a reverse sweep can be made once") {
  Network network(tiny_revnet(false, 3), Dtype::f32);
  network.initialize(3);
  TensorPool pool;
  models::Saved saved;
  const nn::Pass pass{.pool = pool, .batch_statistics = true, .keep = true, .reversible = true};
  const Tensor images = random_tensor({4, 8, 8, 2}, 1).cast(Dtype::f32, Tag::input);
  const Tensor d = network.forward(images, pass, saved).clone();
  network.backward(d, pass, saved);
  CHECK_THROWS_AS(network.backward(d, pass, saved), Error);
}
