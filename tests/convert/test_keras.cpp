// Networks of Keras: told from names, from order, and from a whole model's description.
#include "convert/recognize.h"
#include "models/catalog.h"
#include "support/files.h"
#include "weight_files.h"

namespace {

using namespace rn;
using test::contains;
using test::Foreign;

std::string refusal(const Foreign& file, const convert::RecognizeOptions& options = {}) {
  return test::error_of(ErrorKind::input, [&] { convert::recognize(file, options); });
}

// keras.applications' ResNet of that many blocks, `base` channels wide.
Foreign application(const std::vector<int>& counts, bool v2, bool old, std::int64_t base = 4) {
  Foreign file(io::WeightFormat::keras_h5);
  file.keras_conv(old ? "conv1" : "conv1_conv", base, 3, 7);
  if (!v2) file.keras_norm(old ? "bn_conv1" : "conv1_bn", base);
  std::int64_t in = base;
  for (int s = 0; s < static_cast<int>(counts.size()); ++s) {
    const std::int64_t width = base << s, out = 4 * width;
    for (int b = 1; b <= counts[static_cast<std::size_t>(s)]; ++b) {
      const auto name = [&](int k, bool norm) {
        if (old) {
          const std::string branch =
              k == 0 ? "1" : std::string("2") + static_cast<char>('a' + k - 1);
          return (norm ? "bn" : "res") + std::to_string(s + 2) + static_cast<char>('a' + b - 1) +
                 "_branch" + branch;
        }
        const std::string at = "conv" + std::to_string(s + 2) + "_block" + std::to_string(b) + "_";
        if (v2 && norm && k == 1) return at + "preact_bn";
        return at + std::to_string(v2 && norm ? k - 1 : k) + (norm ? "_bn" : "_conv");
      };
      const std::int64_t sizes[] = {in, width, width, out};
      for (int k = 1; k <= 3; ++k) {
        if (v2) file.keras_norm(name(k, true), sizes[k - 1]);
        file.keras_conv(name(k, false), sizes[k], sizes[k - 1], k == 2 ? 3 : 1);
        if (v2 && k < 3) file.remove(name(k, false) + "/bias");
        if (!v2) file.keras_norm(name(k, true), sizes[k]);
      }
      if (b == 1) {
        file.keras_conv(name(0, false), out, in, 1);
        if (!v2) file.keras_norm(name(0, true), out);
      }
      in = out;
    }
  }
  if (v2) file.keras_norm("post_bn", in);
  file.keras_dense(old ? "fc1000" : "predictions", 1000, in);
  return file;
}

// A whole model: one stage without, one with a projection, as Keras 2 or 3 describes it.
class Description {
 public:
  explicit Description(bool keras3) : keras3_(keras3) {}
  std::string layer(const std::string& name, const std::string& type, const std::string& config,
                    const std::vector<std::string>& inputs) {
    std::string nodes;
    for (const std::string& input : inputs) {
      if (!nodes.empty()) nodes += ",";
      nodes += keras3_ ? R"({"class_name":"__keras_tensor__","config":{"shape":[null,8,8,4],)"
                         R"("keras_history":[")" +
                             input + R"(",0,0]}})"
                       : R"([")" + input + R"(",0,0,{}])";
    }
    if (!inputs.empty()) {
      nodes = keras3_ ? R"({"args":[)" + (inputs.size() > 1 ? "[" + nodes + "]" : nodes) +
                            R"(],"kwargs":{}})"
                      : "[" + nodes + "]";
    }
    layers_ += (layers_.empty() ? "" : ",") + std::string(R"({"class_name":")") + type +
               R"(","name":")" + name + R"(","config":{)" + config + R"(},"inbound_nodes":[)" +
               nodes + "]}";
    return name;
  }
  std::string conv(const std::string& name, int kernel, int stride, const std::string& in) {
    const std::string k = std::to_string(kernel), s = std::to_string(stride);
    return layer(name, "Conv2D",
                 R"("kernel_size":[)" + k + "," + k + R"(],"strides":[)" + s + "," + s +
                     R"(],"padding":"same","use_bias":true,"activation":"linear")",
                 {in});
  }
  std::string norm(const std::string& name, const std::string& in) {
    return layer(name, "BatchNormalization", R"("axis":[3],"epsilon":0.002,"momentum":0.9)", {in});
  }
  std::string relu(const std::string& name, const std::string& in) {
    return layer(name, "Activation", R"("activation":"relu")", {in});
  }
  std::string json() const {
    return R"({"class_name":"Functional","config":{"name":"m","layers":[)" + layers_ + "]}}";
  }

 private:
  bool keras3_;
  std::string layers_;
};

Foreign described(const std::string& config) {
  Foreign file(io::WeightFormat::keras_h5);
  for (const auto& [name, out, in, kernel] : {std::tuple{"s", 4, 3, 3},
                                              {"a1", 4, 4, 3},
                                              {"a2", 4, 4, 3},
                                              {"b1", 8, 4, 3},
                                              {"b2", 8, 8, 3},
                                              {"bs", 8, 4, 1}}) {
    file.keras_conv(name, out, in, kernel);
    if (std::string(name) != "bs") file.keras_norm(std::string(name) + "n", out);
  }
  file.keras_dense("d", 5, 8);
  file.metadata["model_config"] = config;
  return file;
}

std::string small_model(bool keras3, int pool = 4, const std::string& last = "softmax") {
  Description d(keras3);
  d.layer("in", "InputLayer",
          keras3 ? R"("batch_shape":[null,8,8,3])" : R"("batch_input_shape":[null,8,8,3])", {});
  std::string x = d.relu("sr", d.norm("sn", d.conv("s", 3, 1, "in")));
  std::string y = d.relu("a1r", d.norm("a1n", d.conv("a1", 3, 1, x)));
  y = d.norm("a2n", d.conv("a2", 3, 1, y));
  x = d.relu("ar", d.layer("aa", "Add", "", {x, y}));
  y = d.relu("b1r", d.norm("b1n", d.conv("b1", 3, 2, x)));
  y = d.norm("b2n", d.conv("b2", 3, 1, y));
  x = d.relu("br", d.layer("ba", "Add", "", {d.conv("bs", 1, 2, x), y}));
  const std::string p = std::to_string(pool);
  x = d.layer("p", "AveragePooling2D", R"("pool_size":[)" + p + "," + p + "]", {x});
  x = d.layer("f", "Flatten", "", {x});
  d.layer("d", "Dense", R"("units":5,"activation":")" + last + "\"", {x});
  return d.json();
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
