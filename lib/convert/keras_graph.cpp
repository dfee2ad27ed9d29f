#include "convert/keras_graph.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"

namespace rn::convert {
namespace {

using json = nlohmann::json;

constexpr std::size_t most_layers = 20000;
constexpr std::size_t most_text = std::size_t{1} << 24;  // that of a ResNet-152 is 1 MB

class Parser {
 public:
  explicit Parser(const std::string& file) : file_(file) {}
  std::optional<std::vector<KerasNode>> parse(const std::string& config);

 private:
  [[noreturn]] void bad(const std::string& what) const {
    fail(ErrorKind::input, "{}: model_config: {}", file_, what);
  }
  const json& member(const json& object, const char* key, const std::string& where) const {
    if (!object.is_object() || !object.contains(key)) bad(where + " has no " + key);
    return object[key];
  }
  std::string text(const json& object, const char* key, const std::string& where) const {
    const json& value = member(object, key, where);
    if (!value.is_string()) bad(fmt::format("{} of {} is no text", key, where));
    return value.get<std::string>();
  }
  // A whole number of at least `least`, or a list of equal ones: [3, 3].
  int square(const json& config, const char* key, int least, int otherwise,
             const std::string& where) const;
  bool truth(const json& config, const char* key, bool otherwise) const {
    return config.contains(key) && config[key].is_boolean() ? config[key].get<bool>() : otherwise;
  }
  double real(const json& config, const char* key, double otherwise) const {
    return config.contains(key) && config[key].is_number() ? config[key].get<double>() : otherwise;
  }
  void describe(const json& config, KerasNode& node) const;
  void find_inputs(const json& inbound, std::vector<std::string>& names, int depth) const;
  void bypass(std::vector<KerasNode>& nodes) const;

  std::string file_;
};

int Parser::square(const json& config, const char* key, int least, int otherwise,
                   const std::string& where) const {
  if (!config.contains(key) || config[key].is_null()) return otherwise;
  std::set<std::int64_t> seen;
  const auto collect = [&](const json& value, const auto& self, int depth) -> void {
    if (value.is_number_integer()) {
      seen.insert(value.get<std::int64_t>());
    } else if (value.is_array() && value.size() <= 4 && depth < 3) {
      for (const json& one : value) self(one, self, depth + 1);
    } else {
      bad(fmt::format("{} of {} is no list of numbers", key, where));
    }
  };
  collect(config[key], collect, 0);
  if (seen.size() != 1) {
    bad(fmt::format("{} of {} is not the same in both directions", key, where));
  }
  if (*seen.begin() < least || *seen.begin() > 1 << 16) {
    bad(fmt::format("{} of {} is {}", key, where, *seen.begin()));
  }
  return static_cast<int>(*seen.begin());
}

void Parser::describe(const json& config, KerasNode& node) const {
  const std::string where = fmt::format("layer '{}' ({})", node.name, node.type);
  const bool conv = node.type == "Conv2D", norm = node.type == "BatchNormalization";
  const bool pool = node.type == "MaxPooling2D" || node.type == "AveragePooling2D";
  if (config.contains("data_format") && config["data_format"] == "channels_first") {
    bad(where + " has channels first");
  }
  if (conv || pool) {
    node.kernel = square(config, conv ? "kernel_size" : "pool_size", 1, conv ? 1 : 2, where);
    node.stride = square(config, "strides", 1, conv ? 1 : node.kernel, where);
    node.same = config.contains("padding") && config["padding"] == "same";
  }
  if (conv && (square(config, "dilation_rate", 1, 1, where) != 1 ||
               square(config, "groups", 1, 1, where) != 1)) {
    bad(where + " is dilated or grouped");
  }
  if (conv || node.type == "Dense") {
    node.bias = truth(config, "use_bias", true);
    node.activation = "linear";
    if (config.contains("activation") && config["activation"].is_string()) {
      node.activation = config["activation"].get<std::string>();
    } else if (config.contains("activation") && !config["activation"].is_null()) {
      node.activation = "of its own";
    }
  }
  if (norm) {
    node.eps = real(config, "epsilon", 1e-3);
    node.momentum = real(config, "momentum", 0.99);
    const int axis = config.contains("axis") && config["axis"].is_number_integer()
                         ? config["axis"].get<int>()
                         : square(config, "axis", 0, 3, where);
    if (axis != 3 && axis != -1) bad(where + " is not over the last axis");
  }
  if (node.type == "ZeroPadding2D") node.pad = square(config, "padding", 0, 1, where);
  if (node.type == "Activation") {
    node.type = config.contains("activation") && config["activation"].is_string()
                    ? config["activation"].get<std::string>()
                    : "activation of its own";
  }
  if (node.type == "ReLU" && real(config, "negative_slope", 0) == 0 &&
      real(config, "threshold", 0) == 0 &&
      (!config.contains("max_value") || config["max_value"].is_null())) {
    node.type = "relu";
  }
  if (node.type == "InputLayer") {
    for (const char* key : {"batch_shape", "batch_input_shape"}) {
      if (!config.contains(key) || !config[key].is_array()) continue;
      for (std::size_t i = 1; i < config[key].size() && i < 5; ++i) {
        const json& size = config[key][i];
        node.shape.push_back(size.is_number_integer() ? size.get<std::int64_t>() : 0);
      }
    }
  }
}

// Keras 2: [[["name", 0, 0, {}]]]; Keras 3: {"keras_history": ["name", 0, 0]} somewhere inside.
void Parser::find_inputs(const json& inbound, std::vector<std::string>& names, int depth) const {
  if (depth > 12) bad("inbound_nodes are nested too deeply");
  if (inbound.is_array() && inbound.size() >= 3 && inbound[0].is_string() &&
      inbound[1].is_number_integer() && inbound[2].is_number_integer()) {
    names.push_back(inbound[0].get<std::string>());
  } else if (inbound.is_array() || inbound.is_object()) {
    for (const json& one : inbound) find_inputs(one, names, depth + 1);
  }
}

// Takes out the layers that pass their input on.
void Parser::bypass(std::vector<KerasNode>& nodes) const {
  static const std::set<std::string> passing{
      "Dropout", "Flatten", "linear", "Identity", "Reshape", "SpatialDropout2D", "GaussianNoise"};
  std::vector<bool> passes;
  for (const KerasNode& node : nodes) {
    passes.push_back(passing.count(node.type) > 0 && node.inputs.size() == 1);
  }
  std::vector<int> source(nodes.size(), -1);  // what a layer passes on; found once
  const auto resolve = [&](int start) {
    std::vector<std::size_t> chain;
    auto at = static_cast<std::size_t>(start);
    for (; source[at] < 0 && passes[at]; at = static_cast<std::size_t>(nodes[at].inputs[0])) {
      if (chain.size() > nodes.size()) bad("layer '" + nodes[at].name + "' runs in a circle");
      chain.push_back(at);
    }
    const int end = source[at] < 0 ? static_cast<int>(at) : source[at];
    for (const std::size_t layer : chain) source[layer] = end;
    return end;
  };
  for (KerasNode& node : nodes) {
    for (int& input : node.inputs) input = resolve(input);
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (passing.count(nodes[i].type) > 0) continue;
    for (const int input : nodes[i].inputs) {
      nodes[static_cast<std::size_t>(input)].consumers.push_back(static_cast<int>(i));
    }
  }
}

std::optional<std::vector<KerasNode>> Parser::parse(const std::string& config) {
  if (config.size() > most_text) bad("is longer than 16 MiB");
  const json root = json::parse(config, nullptr, false);
  if (root.is_discarded()) bad("is no valid JSON");
  const std::string kind = text(root, "class_name", "the model");
  if (kind != "Functional" && kind != "Model") return std::nullopt;
  const json& layers = member(member(root, "config", "the model"), "layers", "the model");
  if (!layers.is_array() || layers.size() > most_layers) bad("layers is no list, or too long");
  std::vector<KerasNode> nodes;
  std::vector<std::vector<std::string>> inputs;
  std::map<std::string, int> by_name;
  for (const json& layer : layers) {
    KerasNode node;
    node.name = text(layer, layer.contains("name") ? "name" : "", "a layer");
    node.type = text(layer, "class_name", "layer '" + node.name + "'");
    const json& own = member(layer, "config", "layer '" + node.name + "'");
    if (own.is_object()) describe(own, node);
    const json& inbound = member(layer, "inbound_nodes", "layer '" + node.name + "'");
    if (inbound.is_array() && inbound.size() > 1) {
      bad(fmt::format("layer '{}' is used {} times", node.name, inbound.size()));
    }
    find_inputs(inbound, inputs.emplace_back(), 0);
    if (!by_name.emplace(node.name, static_cast<int>(nodes.size())).second) {
      bad("two layers are named '" + node.name + "'");
    }
    nodes.push_back(std::move(node));
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const std::string& name : inputs[i]) {
      const auto from = by_name.find(name);
      if (from == by_name.end()) bad(fmt::format("'{}' takes '{}'", nodes[i].name, name));
      nodes[i].inputs.push_back(from->second);
    }
  }
  bypass(nodes);
  return nodes;
}

}  // namespace

std::optional<std::vector<KerasNode>> parse_keras_graph(const std::string& config,
                                                        const std::string& file) {
  return Parser(file).parse(config);
}

}  // namespace rn::convert
