// A Keras model's own description (model_config, JSON) as a graph of layers. Internal to
// lib/convert.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace rn::convert {

struct KerasNode {
  std::string name, type;  // "conv2_block1_1_conv", "Conv2D"; activations: "relu", "softmax", ...
  std::vector<int> inputs, consumers;  // places in the graph
  int kernel = 1, stride = 1;          // of convolutions and pooling
  int pad = 0;                         // ZeroPadding2D: on every side
  bool same = false;                   // padding "same", else "valid"
  bool bias = false;
  std::string activation;  // of convolutions and dense layers; "linear": none
  double eps = 1e-3, momentum = 0.99;
  std::vector<std::int64_t> shape;  // InputLayer: height, width, channels (0: any)
};

// Without layers that do nothing in evaluation (dropout, flatten, linear activations). Nothing
// where it is no functional model. Errors (input), naming the layer: damaged, a layer used twice,
// options that no ResNet has (dilation, groups, channels first, another axis).
std::optional<std::vector<KerasNode>> parse_keras_graph(const std::string& config,
                                                        const std::string& file);

}  // namespace rn::convert
