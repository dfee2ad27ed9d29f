// Networks of Keras: told from names, from order, and from a whole model's description.
#include "convert/keras_files.h"
#include "convert/recognize.h"
#include "models/catalog.h"
#include "support/files.h"

namespace {

using namespace rn;
using test::application;
using test::contains;
using test::described;
using test::Description;
using test::Foreign;
using test::small_model;

std::string refusal(const Foreign& file, const convert::RecognizeOptions& options = {}) {
  return test::error_of(ErrorKind::input, [&] { convert::recognize(file, options); });
}

}  // namespace

TEST_CASE("keras.applications' networks are the catalog's, block for block") {
  models::ArchOptions options;
  options.base_width = 4;
  for (const bool old : {false, true}) {
    const auto found = convert::recognize(application({3, 4, 6, 3}, false, old), {});
    CHECK(found.spec == models::make_arch("resnet50-keras", options));
    CHECK(found.scale == convert::InputScale::keras_caffe);
    CHECK(found.scale_known);
    CHECK(found.assumptions.empty());
    CHECK(found.layers.at("stage3.block2.conv3") ==
          (old ? "res4b_branch2c" : "conv4_block2_3_conv"));
    CHECK(found.layers.at("stage1.block1.shortcut.bn") ==
          (old ? "bn2a_branch1" : "conv2_block1_0_bn"));
  }
  const auto found = convert::recognize(application({3, 4, 6, 3}, true, false), {});
  CHECK(found.spec == models::make_arch("resnet50v2-keras", options));
  CHECK(found.scale == convert::InputScale::keras_tf);
  CHECK(found.layers.at("stage2.block3.bn1") == "conv3_block3_preact_bn");
  CHECK(found.layers.at("stage2.block3.bn3") == "conv3_block3_2_bn");
}

TEST_CASE("holes and missing parts in Keras' names") {
  Foreign file = application({2, 2, 2, 2}, false, false);
  std::erase_if(file.weights,
                [](const io::Weight& w) { return w.name.starts_with("conv3_block1_"); });
  CHECK(contains(refusal(file), "not numbered in a row"));
  file = application({2, 2, 2, 2}, false, false);
  file.remove("predictions/kernel");
  CHECK(contains(refusal(file), "0 dense layers"));
  file = application({2, 2, 2, 2}, false, false);
  file.remove("conv2_block1_3_conv/kernel");
  CHECK(contains(refusal(file), "conv2_block1_3_conv.weight is missing"));
}

TEST_CASE("a whole model says itself how it is built") {
  for (const bool keras3 : {false, true}) {
    const auto found = convert::recognize(described(small_model(keras3)), {});
    const models::NetworkSpec& spec = found.spec;
    REQUIRE(spec.blocks.size() == 2);
    CHECK(spec.height == 8);
    CHECK(spec.stem.conv_bias);
    CHECK(spec.bn_eps == 0.002);
    CHECK(spec.blocks[0].bn_eps == 0.002);
    CHECK(spec.blocks[0].bn_momentum == 0.1);
    CHECK(spec.blocks[0].padding == nn::Padding::symmetric);
    CHECK(spec.blocks[0].shortcut == nn::ShortcutKind::identity);
    CHECK(spec.blocks[1].name == "stage2.block1");
    CHECK(spec.blocks[1].stride == 2);
    CHECK(spec.blocks[1].stride_at == 1);
    CHECK(spec.blocks[1].padding == nn::Padding::same);
    CHECK(spec.blocks[1].shortcut == nn::ShortcutKind::conv);
    CHECK(spec.blocks[1].conv_bias == nn::ConvBias::all);
    CHECK(found.layers.at("stage2.block1.bn2") == "b2n");
    CHECK(found.layers.at("stage2.block1.shortcut.conv") == "bs");
    CHECK(found.layers.at("head.linear") == "d");
    CHECK(found.assumptions.empty());
  }
}

TEST_CASE("descriptions of what cannot be represented, and damaged ones") {
  const std::string good = small_model(true);
  CHECK(
      contains(refusal(described(small_model(true, 2))), "layer 'p' (AveragePooling2D): pools 2"));
  CHECK(contains(refusal(described(small_model(true, 4, "sigmoid"))), "the activation sigmoid"));
  const auto edited = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    REQUIRE(text.find(from) != std::string::npos);
    text.replace(text.find(from), from.size(), to);
    return refusal(described(text));
  };
  CHECK(contains(edited(R"("name":"a2","config":{)", R"("name":"a2","config":{"groups":2,)"),
                 "layer 'a2' (Conv2D) is dilated or grouped"));
  CHECK(contains(edited(R"("name":"a2","config":{)",
                        R"("name":"a2","config":{"data_format":"channels_first",)"),
                 "channels first"));
  CHECK(contains(edited(R"("axis":[3])", R"("axis":[1])"), "not over the last axis"));
  CHECK(contains(edited(R"("kernel_size":[3,3])", R"("kernel_size":[3,5])"), "both directions"));
  for (const std::string key : {"kernel_size", "strides"}) {
    const std::string value = key == "strides" ? "1,1" : "3,3";
    CHECK(contains(edited("\"" + key + "\":[" + value + "]", "\"" + key + "\":[0,0]"),
                   key + " of layer 's' (Conv2D) is 0"));
  }
  CHECK(contains(edited(R"("keras_history":["p",0,0])", R"("keras_history":["f",0,0])"),
                 "layer 'f' runs in a circle"));
  CHECK(contains(edited(R"("name":"a2n")", R"("name":"a1n")"), "two layers are named 'a1n'"));
  CHECK(contains(edited(R"("keras_history":["a1r",0,0])", R"("keras_history":["zz",0,0])"),
                 "'a2' takes 'zz'"));
  CHECK(contains(edited(R"("keras_history":["a1r",0,0])", R"("keras_history":["a2n",0,0])"),
                 "net: "));  // a circle
  CHECK(contains(edited(R"("class_name":"Add")", R"("class_name":"Concatenate")"), "net: layer"));
  CHECK(contains(edited(R"("name":"a1n","config":{"axis":[3],"epsilon":0.002)",
                        R"("name":"a1n","config":{"axis":[3],"epsilon":0.1)"),
                 "another epsilon"));
  CHECK(contains(refusal(described(good.substr(0, good.size() / 2))), "no valid JSON"));
  CHECK(contains(refusal(described("[]")), "has no class_name"));
  CHECK(contains(refusal(described(R"({"class_name":"Functional","config":{"layers":7}})")),
                 "layers is no list"));
  CHECK(contains(refusal(described(R"({"class_name":"Functional","config":{"layers":[]}})")),
                 "no input layer"));
  CHECK(contains(refusal(described(std::string(100000, '['))), "no valid JSON"));
  // Layers that pass on what they get, listed from the last to the first.
  Description chain(true);
  chain.layer("in", "InputLayer", R"("batch_shape":[null,8,8,3])", {});
  constexpr int length = 15000;
  for (int i = length; i > 0; --i) {
    chain.layer("f" + std::to_string(i), "Flatten", "",
                {i == 1 ? "in" : "f" + std::to_string(i - 1)});
  }
  CHECK(contains(refusal(described(chain.json())), "comes before any convolution"));
  Foreign lacking = described(good);
  lacking.remove("b1/kernel");
  CHECK(contains(refusal(lacking), "b1.weight is missing"));
}

TEST_CASE("layers with numbers only, of a pre-activation network") {
  // As Keras lists them: at equal depth the shortcut's convolution comes first.
  Foreign file(io::WeightFormat::keras_h5);
  int norms = 0;
  const auto norm = [&](std::int64_t c) {
    file.keras_norm("batch_normalization_" + std::to_string(++norms), c);
  };
  const auto conv = [&](int number, std::int64_t out, std::int64_t in, int kernel) {
    file.keras_conv("conv2d_" + std::to_string(number), out, in, kernel);
  };
  conv(1, 4, 3, 3), norm(4), conv(2, 4, 4, 1), norm(4), conv(3, 4, 4, 3), norm(4);
  conv(5, 16, 4, 1), conv(4, 16, 4, 1);
  norm(16), conv(6, 16, 16, 1), norm(16), conv(7, 16, 16, 3), norm(16);
  conv(9, 32, 16, 1), conv(8, 32, 16, 1), norm(32);
  file.keras_dense("dense", 10, 32);
  const auto found = convert::recognize(file, {});
  REQUIRE(found.spec.blocks.size() == 2);
  CHECK(found.spec.blocks[0].preactivation == nn::Preactivation::none);
  CHECK(found.spec.blocks[1].preactivation == nn::Preactivation::own);
  CHECK(found.spec.blocks[1].stride == 2);
  CHECK(found.spec.blocks[1].stride_at == 1);
  CHECK(found.spec.stem.norm_relu);
  CHECK(found.spec.head.norm_relu);
  CHECK(found.layers.at("stage1.block1.conv3") == "conv2d_4");
  CHECK(found.layers.at("stage1.block1.shortcut.conv") == "conv2d_5");
  CHECK(found.layers.at("stage2.block1.bn1") == "batch_normalization_4");
  CHECK(found.layers.at("head.bn") == "batch_normalization_7");

  norm(3);
  CHECK(contains(refusal(file), "batch norms fit no residual network"));
}
