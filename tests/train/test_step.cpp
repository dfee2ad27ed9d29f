// A step is a transaction.
#include <cmath>
#include <limits>

#include "base/rng.h"
#include "models/catalog.h"
#include "support/catch.h"
#include "train/step.h"

using namespace rn;
using namespace rn::train;

namespace {

struct Fixture {
  explicit Fixture(Dtype dtype = Dtype::f32)
      : network(models::make_arch("resnet8-cifar", {.height = 8,
                                                    .width = 8,
                                                    .channels = 3,
                                                    .classes = 4,
                                                    .shortcut = {},
                                                    .shortcut_pool = {},
                                                    .base_width = 4}),
                dtype) {
    network.initialize(3);
    network.store().require_gradients();
    optimizer.emplace(OptimizerOptions{}, network.store());
    stepper.emplace(network, *optimizer);
    batch.images = Tensor({6, 8, 8, 3}, dtype, Tag::input);
    batch.labels = Tensor({6}, Dtype::i32, Tag::input);
    Rng rng(5, RngPurpose::test);
    with_activation(dtype, "test", [&]<class T>() {
      for (T& x : batch.images.span<T>()) x = T(rng.normal());
    });
    for (std::int32_t& label : batch.labels.span<std::int32_t>()) {
      label = static_cast<std::int32_t>(rng.below(4));
    }
  }

  // All that a step may change, as bytes.
  std::vector<std::byte> content() const {
    std::vector<std::byte> bytes;
    const auto add = [&](const Tensor& t) {
      const auto* begin = static_cast<const std::byte*>(t.raw());
      bytes.insert(bytes.end(), begin, begin + t.bytes());
    };
    for (const auto& parameter : network.store().parameters()) add(parameter->value);
    for (const auto& state : network.store().states()) add(state->value);
    const auto slots = optimizer->slots();
    for (const auto& [name, tensor] : slots.at("momentum")) add(tensor);
    return bytes;
  }

  float* weights(const std::string& name) {
    for (const auto& parameter : network.store().parameters()) {
      if (parameter->name == name) return parameter->value.data<float>();
    }
    FAIL("no parameter " << name);
    return nullptr;
  }

  models::Network network;
  std::optional<Optimizer> optimizer;
  std::optional<Stepper> stepper;
  data::Batch batch;
};

}  // namespace

TEST_CASE("steps change everything, and the loss falls", "[train]") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64, Dtype::bf16}) {
    Fixture f(dtype);
    const auto before = f.content();
    const StepResult first = f.stepper->run(f.batch, 0.05);
    CHECK(first.diverged.empty());
    CHECK(first.images == 6);
    CHECK(f.content() != before);
    StepResult last;
    for (int i = 0; i < 30; ++i) last = f.stepper->run(f.batch, 0.05);
    CHECK(last.loss_sum < 0.5 * first.loss_sum);
    CHECK(last.errors < 3);
  }
}

TEST_CASE("nothing is allocated once a step has been seen", "[train]") {
  Fixture f;
  f.stepper->run(f.batch, 0.01);
  f.stepper->run(f.batch, 0.01);
  const std::int64_t before = Ledger::global().allocations();
  for (int i = 0; i < 3; ++i) f.stepper->run(f.batch, 0.01);
  CHECK(Ledger::global().allocations() == before);
}

TEST_CASE("a step that diverges is not taken", "[train]") {
  Fixture f;
  f.stepper->run(f.batch, 0.01);  // running statistics and slots are something
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  double lr = 0.01;
  const char* where = "";
  SECTION("an image") {
    f.batch.images.data<float>()[17] = nan;
    where = "stem.conv";
  }
  SECTION("a weight in the middle") {
    f.weights("stage2.block1.conv2.weight")[3] = nan;
    where = "stage2.block1.conv2";
  }
  SECTION("infinite activations") {
    for (int i = 0; i < 4 * 3 * 3 * 3; ++i) f.weights("stem.conv.weight")[i] = 3e38f;
    where = "stem";
  }
  SECTION("the classifier") {
    f.weights("head.linear.weight")[0] = nan;
    where = "";  // the head, or the loss
  }
  SECTION("a rate beyond all measure") {
    lr = 1e300;
    where = "the update of stem.conv.weight";
  }
  SECTION("variances that overflow, though the loss does not") {
    // 1e20 squared is beyond f32; normalised it would look harmless.
    for (int i = 0; i < 4 * 3 * 3 * 3; ++i) f.weights("stem.conv.weight")[i] *= 1e21f;
    where = "stem";
  }
  const auto before = f.content();
  const StepResult result = f.stepper->run(f.batch, lr);
  INFO(result.diverged);
  CHECK_FALSE(result.diverged.empty());
  CHECK(result.diverged.rfind(where, 0) == 0);
  CHECK(f.content() == before);
}

TEST_CASE("decay may leave biases and norms alone", "[train]") {
  for (const Decay decay : {Decay::all, Decay::weights}) {
    Fixture f;
    Optimizer sgd({.momentum = 0, .nesterov = false, .weight_decay = 0.5, .decay = decay},
                  f.network.store());
    f.network.store().zero_gradients();
    const float* scale = f.weights("stem.bn.weight");
    const float* weight = f.weights("stem.conv.weight");
    const float before = weight[0];
    CHECK(sgd.step(0.1, 1).empty());
    CHECK(weight[0] == Approx(0.95f * before));
    CHECK(scale[0] == Approx(decay == Decay::all ? 0.95f : 1.0f));
  }
}
