// Lesions over shared beginnings against one whole network after the other.
#include <set>

#include "base/rng.h"
#include "models/catalog.h"
#include "study/prefix_tree.h"
#include "study/recalibrate.h"
#include "support/catch.h"

using namespace rn;
using namespace rn::study;

namespace {

models::Network small(const std::string& arch, Dtype dtype = Dtype::f32) {
  models::Network network(
      models::make_arch(arch, {.height = 8, .width = 8, .classes = 4, .base_width = 4}), dtype);
  network.initialize(3);
  // Statistics that are not the trivial ones.
  Rng rng(5, RngPurpose::test);
  for (const auto& state : network.store().states()) {
    const bool variance = state->name.ends_with("var");
    with_float(dtype, "test", [&]<class T>() {
      for (T& x : state->value.span<T>()) {
        x = static_cast<T>(variance ? rng.uniform(0.5, 2) : 0.3 * rng.normal());
      }
    });
  }
  return network;
}

Tensor images_of(const models::Network& network, std::int64_t count) {
  const auto& spec = network.spec();
  Tensor images({count, spec.height, spec.width, spec.channels}, network.dtype(), Tag::input);
  Rng rng(9, RngPurpose::test);
  with_float(network.dtype(), "test", [&]<class T>() {
    for (T& x : images.span<T>()) x = static_cast<T>(rng.normal());
  });
  return images;
}

std::vector<double> values(const Tensor& t) {
  std::vector<double> out;
  with_float(t.dtype(), "test", [&]<class T>() {
    for (const T x : t.span<T>()) out.push_back(static_cast<double>(x));
  });
  return out;
}

std::vector<std::vector<double>> by_tree(models::Network& network,
                                         const std::vector<Lesion>& lesions, const Tensor& images) {
  std::vector<std::vector<double>> logits(lesions.size());
  TensorPool pool;
  const nn::Pass pass{pool};
  PrefixTree(network.spec(), lesions)
      .run(network, images, 0, 1, pass, [&](std::size_t lesion, const Tensor& found) {
        CHECK(logits[lesion].empty());
        logits[lesion] = values(found);
      });
  return logits;
}

std::vector<double> by_network(models::Network& network, const Lesion& lesion,
                               const Tensor& images) {
  apply(network, lesion);
  TensorPool pool;
  models::Saved saved;
  const nn::Pass pass{pool};
  const std::vector<double> logits = values(network.forward(images, pass, saved));
  network.reset_gates();
  return logits;
}

}  // namespace

TEST_CASE("every lesion gives the logits of the network that has it, bit for bit", "[study]") {
  for (const char* arch : {"resnet14-cifar", "preresnet14-cifar"}) {
    models::Network network = small(arch);
    const Tensor images = images_of(network, 5);
    for (const Study study : {Study::delete_each, Study::delete_random, Study::shuffle,
                              Study::delete_shortcut, Study::shapley, Study::pairs}) {
      LesionOptions options;
      options.study = study;
      options.ks = {0, 1, 3};
      options.trials = 3;
      const std::vector<Lesion> lesions = lesions_of(network.spec(), options);
      const auto shared = by_tree(network, lesions, images);
      for (std::size_t i = 0; i < lesions.size(); ++i) {
        INFO(arch << " " << to_string(study) << " " << lesions[i].name);
        CHECK(shared[i] == by_network(network, lesions[i], images));
      }
    }
  }
}

TEST_CASE("nothing deleted and nothing moved is the intact network", "[study]") {
  models::Network network = small("preresnet14-cifar");
  const Tensor images = images_of(network, 4);
  const auto logits = by_tree(
      network,
      lesions_of(network.spec(), {.study = Study::shuffle, .names = {}, .ks = {0}, .trials = 2}),
      images);
  CHECK(logits[0] == logits[1]);
  CHECK(logits[0] == logits[2]);
  TensorPool pool;
  models::Saved saved;
  const nn::Pass pass{pool};
  CHECK(logits[0] == values(network.forward(images, pass, saved)));
}

TEST_CASE("a block whose last norm is zero deletes without any change", "[study]") {
  models::Network network = small("resnet14-cifar");
  for (const auto& p : network.store().parameters()) {
    if (p->name == "stage2.block2.bn2.weight" || p->name == "stage2.block2.bn2.bias") {
      p->value.zero();
    }
  }
  LesionOptions options;
  options.study = Study::delete_set;
  options.names = {"stage2.block2"};
  const auto logits = by_tree(network, lesions_of(network.spec(), options), images_of(network, 4));
  CHECK(logits[0] == logits[1]);
}

TEST_CASE("noise does not depend on how images are cut into slices", "[study]") {
  models::Network network = small("resnet8-cifar");
  LesionOptions options;
  options.study = Study::noise;
  options.sigma = 0.5;
  const std::vector<Lesion> lesions = lesions_of(network.spec(), options);
  const Tensor all = images_of(network, 6);
  const auto whole = by_tree(network, lesions, all);
  CHECK(whole[1] != whole[0]);
  Tensor half({3, 8, 8, 3}, Dtype::f32, Tag::input);
  std::copy_n(all.data<float>() + half.size(), half.size(), half.data<float>());
  TensorPool pool;
  const nn::Pass pass{pool};
  PrefixTree(network.spec(), lesions)
      .run(network, half, 3, 1, pass, [&](std::size_t lesion, const Tensor& found) {
        const std::vector<double> got = values(found);
        CHECK(std::equal(got.begin(), got.end(), whole[lesion].begin() + 12));
      });
}

TEST_CASE("deleting each of 54 blocks takes 1485 evaluations instead of 2916", "[study]") {
  const models::NetworkSpec spec = models::make_arch("preresnet110-cifar");
  const std::vector<Lesion> lesions = lesions_of(spec, {});
  const TreeCost cost = PrefixTree(spec, lesions).cost(Dtype::f32);
  CHECK(cost.evaluations == 1485);
  CHECK(cost.naive == 2916);
  // The largest group runs last: one boundary is held beside the working ones.
  CHECK(cost.bytes_per_image <= 6 * 32 * 32 * 16 * 4);
}

TEST_CASE("lesions are drawn as they should be", "[study]") {
  const models::NetworkSpec spec = models::make_arch("preresnet20-cifar");
  LesionOptions options;
  options.study = Study::delete_random;
  options.ks = {4};
  options.trials = 200;
  std::set<std::vector<Place>> sets;
  std::vector<int> deleted(9, 0);
  for (const Lesion& lesion : lesions_of(spec, options)) {
    if (lesion.name == "intact") continue;
    std::int64_t off = 0;
    for (const Place& place : lesion.places) {
      off += place.branch == 0;
      deleted[static_cast<std::size_t>(place.block)] += place.branch == 0;
    }
    CHECK(off == 4);
    sets.insert(lesion.places);
  }
  CHECK(sets.size() > 90);                                            // of C(9, 4) = 126
  for (const int n : deleted) CHECK(std::abs(n - 200 * 4 / 9) < 35);  // 5 standard deviations
  CHECK(lesions_of(spec, options) == lesions_of(spec, options));

  // Blocks 0, 3, 6 stand where the width changes or not: stage1.block1 does not down-sample.
  CHECK(exchangeable(spec).size() == 3 + 1 + 1);
  options.study = Study::shuffle;
  for (const Lesion& lesion : lesions_of(spec, options)) {
    for (std::size_t p = 0; p < lesion.places.size(); ++p) {
      const auto stage = [&](std::int64_t b) {
        return spec.blocks[static_cast<std::size_t>(b)].stage();
      };
      CHECK(stage(lesion.places[p].block) == stage(static_cast<std::int64_t>(p)));
    }
  }
}

TEST_CASE("what cannot be asked for is refused", "[study]") {
  const models::NetworkSpec spec = models::make_arch("resnet8-cifar");
  LesionOptions options;
  options.study = Study::delete_random;
  options.ks = {4};
  CHECK_THROWS_WITH(lesions_of(spec, options), Catch::Contains("has 3"));
  options.study = Study::delete_set;
  options.names = {"stage9.block1"};
  CHECK_THROWS_WITH(lesions_of(spec, options), Catch::Contains("stage1.block1, stage2.block1"));
  options.study = Study::shuffle;
  CHECK_THROWS_WITH(lesions_of(spec, options), Catch::Contains("change places"));
  models::NetworkSpec empty = spec;
  empty.blocks.clear();
  CHECK_THROWS_WITH(lesions_of(empty, {}), Catch::Contains("no residual blocks"));
}
