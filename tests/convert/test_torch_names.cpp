// Networks told from PyTorch's names.
#include "convert/recognize.h"
#include "models/catalog.h"
#include "support/files.h"
#include "weight_files.h"

namespace {

using namespace rn;
using convert::RecognizeOptions;
using test::contains;
using test::Foreign;
using test::torch_resnet;

std::string refusal(const Foreign& file, const RecognizeOptions& options = {}) {
  return test::error_of(ErrorKind::input, [&] { convert::recognize(file, options); });
}

}  // namespace

TEST_CASE("torchvision's networks are the catalog's, block for block") {
  const struct {
    const char* name;
    std::vector<int> counts;
    bool bottleneck;
  } nets[] = {{"resnet18", {2, 2, 2, 2}, false},
              {"resnet34", {3, 4, 6, 3}, false},
              {"resnet50", {3, 4, 6, 3}, true},
              {"resnet101", {3, 4, 23, 3}, true},
              {"resnet152", {3, 8, 36, 3}, true}};
  for (const auto& net : nets) {
    INFO(net.name);
    const Foreign file = torch_resnet({.counts = net.counts,
                                       .bottleneck = net.bottleneck,
                                       .base = 8,
                                       .stem = 7,
                                       .classes = 1000});
    const convert::Recognized found = convert::recognize(file, {});
    models::ArchOptions options;
    options.base_width = 8;
    CHECK(found.spec == models::make_arch(net.name, options));
    CHECK(found.scale == convert::InputScale::imagenet);
    CHECK(found.layers.at("stage1.block2.conv1") == "layer1.1.conv1");
    CHECK(found.layers.at("stage2.block1.shortcut.bn") == "layer2.0.downsample.1");
  }
}

TEST_CASE("a stride on the first 1x1 is asked for") {
  const Foreign file = torch_resnet({.counts = {1, 1, 1, 1}, .bottleneck = true, .stem = 7});
  convert::Recognized found = convert::recognize(file, {});
  CHECK(found.spec.blocks[1].stride_at == 2);
  REQUIRE(found.assumptions.size() == 1);
  CHECK(contains(found.assumptions[0], "stride_at=1"));
  found = convert::recognize(file, {.options = {{"stride_at", "1"}}});
  CHECK(found.spec.blocks[1].stride_at == 1);
  CHECK(found.assumptions.empty());
}

TEST_CASE("CIFAR networks: padded and projected shortcuts, three and four stages") {
  Foreign file = torch_resnet({.counts = {3, 3, 3}, .shortcut = "", .head = "linear"});
  convert::Recognized found = convert::recognize(file, {});
  models::ArchOptions both;
  both.shortcut = "pad_both";
  CHECK(found.spec == models::make_arch("resnet20-cifar", both));
  REQUIRE(found.assumptions.size() == 1);
  CHECK(contains(found.assumptions[0], "--pad-shortcut"));
  found = convert::recognize(file, {.pad_both = false});
  CHECK(found.assumptions.empty());
  CHECK(found.spec == models::make_arch("resnet20-cifar"));
  file = torch_resnet({.counts = {3, 3, 3}, .shortcut = ""});
  found = convert::recognize(file, {});
  REQUIRE(found.assumptions.size() == 1);
  CHECK(found.spec == models::make_arch("resnet20-cifar"));

  models::ArchOptions projected;
  projected.shortcut = "conv_bn";
  for (const char* shortcut : {"shortcut", "downsample"}) {
    file = torch_resnet({.counts = {3, 3, 3}, .shortcut = shortcut});
    found = convert::recognize(file, {});
    CHECK(found.spec == models::make_arch("resnet20-cifar", projected));
    CHECK(found.layers.at("stage2.block1.shortcut.conv") ==
          std::string("layer2.0.") + shortcut + ".0");
    CHECK(found.assumptions.empty());
  }

  file =
      torch_resnet({.counts = {2, 2, 2, 2}, .base = 64, .shortcut = "shortcut", .head = "linear"});
  found = convert::recognize(file, {});
  REQUIRE(found.spec.blocks.size() == 8);
  CHECK(found.spec.stem.stride == 1);
  CHECK_FALSE(found.spec.stem.max_pool);
  CHECK(found.spec.height == 32);
  CHECK(found.spec.blocks[0].shortcut == nn::ShortcutKind::identity);
  CHECK(found.spec.blocks[6].stride == 2);
  CHECK(found.spec.blocks[6].out == 512);
  CHECK(found.scale == convert::InputScale::cifar);
}

TEST_CASE("pre-activation is told from the sizes of norms") {
  const Foreign padded = torch_resnet({.counts = {3, 3, 3}, .pre = true, .shortcut = ""});
  convert::Recognized found = convert::recognize(padded, {});
  CHECK(found.spec == models::make_arch("preresnet20-cifar"));
  CHECK(found.layers.at("head.bn") == "bn");
  CHECK_FALSE(found.spec.stem.norm_relu);

  Foreign projected = torch_resnet({.counts = {1, 1, 1}, .pre = true, .shortcut = "shortcut"});
  for (const char* slot : {"weight", "bias", "running_mean", "running_var"}) {
    projected.remove(std::string("bn.") + slot);
  }
  projected.remove("bn.num_batches_tracked");
  found = convert::recognize(projected, {});
  CHECK_FALSE(found.spec.head.norm_relu);
  CHECK(found.spec.blocks[0].preactivation == nn::Preactivation::own);
  CHECK(found.spec.blocks[1].preactivation == nn::Preactivation::shared);
  CHECK(found.spec.blocks[1].shortcut == nn::ShortcutKind::conv);
  found = convert::recognize(projected, {.options = {{"preactivation", "own"}}});
  CHECK(found.assumptions.empty());
  CHECK(found.spec.blocks[1].preactivation == nn::Preactivation::own);
}

TEST_CASE("relatives that cannot be represented are refused by the tensors that tell") {
  const auto net = [] { return torch_resnet({.counts = {1, 1}, .bottleneck = true, .stem = 7}); };
  Foreign file = net();
  file.remove("layer1.0.conv2.weight");
  file.conv("layer1.0.conv2", 16, 4, 3);
  CHECK(contains(refusal(file), "layer1.0.conv2.weight is [16, 4, 3, 3]: a grouped convolution"));
  file = net();
  file.conv("layer1.0.se.fc1", 4, 64, 1);
  CHECK(contains(refusal(file), "layer1.0.se.fc1.weight: the blocks have attention"));
  file = net();
  file.remove("conv1.weight");
  file.conv("conv1.0", 16, 3, 3);
  CHECK(contains(refusal(file), "conv1.0.weight: the stem has several convolutions"));
  file = net();
  file.remove("layer2.0.downsample.1.weight");
  file.conv("layer2.0.downsample.1", 128, 64, 1);
  CHECK(contains(refusal(file), "layer2.0.downsample.1.weight: the shortcuts pool"));
  file = net();
  file.add("layer1.0.conv1.bias", {16});
  CHECK(contains(refusal(file), "some convolutions have a bias"));
}

TEST_CASE("broken or foreign names") {
  const auto net = [] { return torch_resnet({.counts = {2, 2, 2}}); };
  Foreign file = net();
  std::erase_if(file.weights, [](const io::Weight& w) { return w.name.starts_with("layer2.0."); });
  CHECK(contains(refusal(file), "layer2 has 1 blocks, from 1 to 1"));
  file = net();
  file.remove("fc.weight");
  CHECK(contains(refusal(file), "no linear layer"));
  file = net();
  file.remove("conv1.weight");
  CHECK(contains(refusal(file), "no first convolution"));
  file = net();
  file.remove("layer1.1.conv2.weight");
  CHECK(contains(refusal(file), "net: layer1.1.conv2.weight is missing"));
  file = net();
  file.remove("layer1.1.conv1.weight");
  file.add("layer1.1.conv1.weight", {16});
  CHECK(contains(refusal(file), "layer1.1.conv1.weight is [16]; expected 4 dimensions"));
  file = net();
  file.add("layer1.0.conv1.weight", {1});
  CHECK(contains(refusal(file), "two tensors are named"));

  file = net();
  for (io::Weight& weight : file.weights) {
    if (weight.name.starts_with("layer")) weight.name[weight.name.find('.') + 1] += 'a' - '0';
  }
  CHECK_THAT(refusal(file), Catch::Matchers::Contains("has blocks, but none with a number"));

  Foreign other;
  other.add("encoder.weight", {3, 3});
  CHECK(contains(refusal(other), "encoder.weight"));
  CHECK(contains(refusal(other), "--map"));
  CHECK(contains(refusal(Foreign()), "none"));
}

TEST_CASE("options: of the architecture, the input, and wrong ones") {
  const Foreign file = torch_resnet({.counts = {1, 1, 1}, .shortcut = "shortcut"});
  const auto with = [&](const char* key, const char* value) {
    return convert::recognize(file, {.options = {{key, value}}}).spec;
  };
  CHECK(with("bn_eps", "0.001").blocks[2].bn_eps == 0.001);
  CHECK(with("bn_eps", "0.001").bn_eps == 0.001);
  CHECK(with("padding", "same").blocks[1].padding == nn::Padding::same);
  CHECK(with("strides", "1:1:2").blocks[1].stride == 1);
  CHECK(with("strides", "1:1:2").blocks[2].stride == 2);
  CHECK(with("stem_stride", "2").stem.stride == 2);
  CHECK(with("max_pool", "1").stem.max_pool);
  const auto wrong = [&](const char* key, const char* value) {
    return test::error_of(ErrorKind::usage, [&] { with(key, value); });
  };
  CHECK(contains(wrong("stride", "1"), "--arch-option stride: unknown; known are bn_eps"));
  CHECK(contains(wrong("bn_eps", "nan"), "--arch-option bn_eps: 'nan'"));
  CHECK(contains(wrong("strides", "1:2"), "3 stages"));
  CHECK(contains(wrong("padding", "valid"), "padding"));
  CHECK(contains(wrong("stride_at", "3"), "stride_at"));
  const auto sized = convert::recognize(file, {.height = 64, .width = 48}).spec;
  CHECK(sized.height == 64);
  CHECK(sized.width == 48);

  const auto asked = convert::recognize(file, {.arch = "resnet8-cifar"});
  CHECK(asked.spec.blocks[1].shortcut == nn::ShortcutKind::pad_end);
  CHECK_THROWS_AS(convert::recognize(file, {.arch = "nonsense"}), Error);
}

TEST_CASE("renaming, also to our own names") {
  Foreign file;
  file.conv("a", 4, 3, 3);
  file.norm("b", 4);
  file.conv("c", 4, 4, 3);
  file.norm("d", 4);
  file.conv("e", 4, 4, 3);
  file.norm("f", 4);
  file.linear("g", 5, 4);
  file.add("junk", {2});
  const std::pair<const char*, const char*> layers[] = {
      {"a", "stem.conv"},           {"b", "stem.bn"},
      {"c", "stage1.block1.conv1"}, {"d", "stage1.block1.bn1"},
      {"e", "stage1.block1.conv2"}, {"f", "stage1.block1.bn2"},
      {"g", "head.linear"}};
  std::string map = "# a comment\n\njunk\t-\n";
  for (const auto& weight : file.weights) {
    for (const auto& [from, to] : layers) {
      if (weight.name.starts_with(std::string(from) + ".")) {
        map += weight.name + "\t" + to + weight.name.substr(1) + "\r\n";
      }
    }
  }
  Foreign renamed = file;
  convert::rename(renamed, map, "names.tsv");
  const auto found = convert::recognize(renamed, {});
  CHECK(found.family == "resnet-tools names");
  REQUIRE(found.spec.blocks.size() == 1);
  CHECK(found.spec.classes == 5);
  CHECK(found.layers.at("stem.conv") == "stem.conv");

  const auto wrong = [&](const std::string& table) {
    Foreign copy = file;
    return test::error_of(ErrorKind::input, [&] { convert::rename(copy, table, "names.tsv"); });
  };
  CHECK(contains(wrong("a.weight stem"), "names.tsv:1: expected THEIRS<TAB>OURS"));
  CHECK(contains(wrong("#\na.weight\tx\ty"), "names.tsv:2"));
  CHECK(contains(wrong("nothing\tx"), "'nothing', which net does not hold"));
  CHECK(contains(wrong("junk\tx\njunk\ty"), "twice"));
}
