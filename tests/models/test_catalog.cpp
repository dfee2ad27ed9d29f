#include "models/catalog.h"
#include "models/network.h"
#include "support/catch.h"

using namespace rn;

namespace {
std::int64_t parameters(const std::string& arch, const models::ArchOptions& options = {}) {
  return models::Network(models::make_arch(arch, options), Dtype::f32).store().parameter_count();
}
}  // namespace

TEST_CASE("parameter counts are the published ones") {
  CHECK(parameters("resnet20-cifar") == 269722);
  CHECK(parameters("resnet56-cifar") == 853018);
  CHECK(parameters("resnet110-cifar") == 1727962);
  CHECK(models::make_arch("preresnet110-cifar").blocks.size() == 54);
  CHECK(parameters("resnet18") == 11689512);
  CHECK(parameters("resnet34") == 21797672);
  CHECK(parameters("resnet50") == 25557032);
  CHECK(parameters("resnet101") == 44549160);
  CHECK(parameters("resnet152") == 60192808);
  // 27 + 13 * 1152 inputs a channel with 14 norms, and the last layer.
  CHECK(parameters("vgg15-cifar") == 128 * (27 + 13 * 9 * 128 + 14 * 2) + 129 * 10);
  CHECK(parameters("vgg15-cifar", {.batch_norm = false}) ==
        128 * (27 + 13 * 9 * 128 + 14) + 129 * 10);
  // Published: 1.7 M and 10.2 M; 2.7 M and 36.5 M; 64.7 M.
  CHECK(parameters("preresnet164-cifar") == 1703258);
  CHECK(parameters("preresnet1001-cifar") == 10327706);
  CHECK(parameters("wrn16-4-cifar") == 2748890);
  CHECK(parameters("wrn28-10-cifar") == 36479194);
  CHECK(parameters("wrn28-10-cifar", {.classes = 100}) == 36536884);
  CHECK(parameters("preresnet200") == 64673832);
  CHECK(parameters("resnet50-keras") == 25583592);
  CHECK(parameters("resnet50v2-keras") == 25568360);
}

TEST_CASE("options reach the block table") {
  models::ArchOptions options;
  options.shortcut = "conv_bn";
  options.classes = 100;
  const auto spec = models::make_arch("resnet8-cifar", options);
  CHECK(spec.blocks.size() == 3);
  CHECK(spec.blocks[1].shortcut == nn::ShortcutKind::conv_bn);
  CHECK(spec.blocks[0].shortcut == nn::ShortcutKind::identity);
  // Two projections of 16x32 and 32x64 weights with their norms, and 90 classes more.
  CHECK(parameters("resnet20-cifar", options) - parameters("resnet20-cifar") ==
        16 * 32 + 64 + 32 * 64 + 128 + 90 * 65);
  const auto pre = models::make_arch("preresnet20-cifar");
  CHECK(pre.blocks[0].preactivation == nn::Preactivation::shared);
  CHECK(pre.blocks[1].preactivation == nn::Preactivation::own);
  CHECK(pre.head.norm_relu);
  CHECK_FALSE(pre.stem.norm_relu);
}

TEST_CASE("names that are no architecture are refused with the known ones") {
  for (const char* name : {"resnet21-cifar", "resnet-cifar", "resnet20", "", "resnet19",
                           "resnet999999999999-cifar", "resnet-20-cifar"}) {
    CHECK_THROWS_AS(models::make_arch(name), Error);
  }
  CHECK_THROWS_WITH(models::make_arch("vgg"), Catch::Contains("did you mean vgg15-cifar?"));
  CHECK_THROWS_WITH(models::make_arch("x"), Catch::Contains("known are resnet20-cifar"));
  for (const auto& entry : models::archs()) {
    CHECK(models::make_arch(entry.name).arch == entry.name);
  }
}

TEST_CASE("block tables that no network can have are refused") {
  auto spec = models::make_arch("resnet20-cifar");
  SECTION("widths that do not join") { spec.blocks[4].in = 16; }
  SECTION("two blocks of one name") { spec.blocks[1].name = spec.blocks[0].name; }
  SECTION("an identity that changes the shape") {
    spec.blocks[3].shortcut = nn::ShortcutKind::identity;
  }
  SECTION("no channels") { spec.blocks[0].out = 0; }
  SECTION("huge") { spec.classes = std::int64_t{1} << 40; }
  SECTION("averaging an odd image") {
    spec.height = 33;
    spec.blocks[3].shortcut_pool = nn::ShortcutPool::average;
  }
  CHECK_THROWS_AS(models::check(spec), Error);
}
