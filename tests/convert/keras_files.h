// Weight files made by hand, as Keras names, lays out and describes networks.
#pragma once

#include <tuple>

#include "convert/weight_files.h"

namespace rn::test {

// keras.applications' ResNet of that many blocks, `base` channels wide.
inline Foreign application(const std::vector<int>& counts, bool v2, bool old,
                           std::int64_t base = 4) {
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

inline Foreign described(const std::string& config) {
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

inline std::string small_model(bool keras3, int pool = 4, const std::string& last = "softmax") {
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

}  // namespace rn::test
