#include "io/keras_file.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <functional>
#include <unordered_set>

#include "io/element.h"
#include "io/quoted.h"
#include "io/schema.h"
#include "io/zip.h"

namespace rn::io {
namespace {

constexpr std::size_t header_limit = 64512;  // bytes of one attribute that Keras writes
constexpr int max_parts = 1000;              // of one list; more than all names allowed here need
constexpr int max_depth = 16;                // of models in models
constexpr std::int64_t tensor_limit = std::int64_t{1} << 36;
constexpr const char* weights_entry = "model.weights.h5";

class Reader {
 public:
  Reader(const H5& file, WeightFile& out)
      : file_(file), out_(out), budget_(file.name(), file.size()) {}

  void read_layers(const std::string& root);
  void read_vars(const std::string& path, const std::string& prefix, int depth);

 private:
  std::vector<std::string> names(const std::string& path, const std::string& attribute) const;
  void add(const std::string& path, std::string name);
  void check_name(const std::string& name, const char* what) const;
  void enter(const std::string& group);

  const H5& file_;
  WeightFile& out_;
  WeightBudget budget_;
  std::unordered_set<std::string> seen_;
  std::unordered_set<std::uint64_t> groups_;  // by address
};

// A list that may be cut into name0, name1, ...
std::vector<std::string> Reader::names(const std::string& path,
                                       const std::string& attribute) const {
  if (file_.has_attribute(path, attribute)) {
    return file_.get_strings(path, attribute, WeightLimits::tensors);
  }
  std::vector<std::string> all;
  for (int i = 0; file_.has_attribute(path, attribute + std::to_string(i)); ++i) {
    const auto part = file_.get_strings(path, attribute + std::to_string(i), WeightLimits::tensors);
    all.insert(all.end(), part.begin(), part.end());
    if (all.size() > WeightLimits::tensors || i >= max_parts) {
      fail(ErrorKind::input, "{}: more than {} {}, or in more than {} parts", file_.name(),
           WeightLimits::tensors, attribute, max_parts);
    }
  }
  return all;
}

// Names become paths.
void Reader::check_name(const std::string& name, const char* what) const {
  const bool plain =
      std::all_of(name.begin(), name.end(), [](unsigned char c) { return c >= 0x20; });
  if (name.empty() || !plain || name.size() > WeightLimits::name) {
    fail(ErrorKind::input, "{}: {} {} is empty, longer than {} bytes or has control characters",
         file_.name(), what, quoted(name), WeightLimits::name);
  }
}

void Reader::add(const std::string& path, std::string name) {
  const std::string where = fmt::format("{}: {}", file_.name(), quoted(path));
  if (out_.weights.size() >= WeightLimits::tensors) {
    fail(ErrorKind::input, "{}: more than {} weights", file_.name(), WeightLimits::tensors);
  }
  check_name(name, "the weight");
  if (!seen_.insert(name).second) {
    fail(ErrorKind::input, "{}: {} is there twice", file_.name(), quoted(name));
  }
  if (!file_.is_dataset(path)) {
    fail(ErrorKind::input, "{}: is listed, but there is no such data set", where);
  }
  const Shape shape = file_.shape(path);
  budget_.take(widened_bytes(shape, Element::f64, where), path);
  Weight weight{.name = std::move(name)};
  weight.value = file_.read_widened(path, Tag::parameter, weight.stored, tensor_limit);
  out_.weights.push_back(std::move(weight));
}

// "conv1/kernel:0" of layer "conv1" is conv1/kernel; what scopes come before the layer's name is
// cut off, and weights of a model inside are prefixed by that model's name.
std::string full_name(const std::string& layer, std::string weight) {
  const std::size_t colon = weight.rfind(':');
  if (colon != std::string::npos && colon + 1 < weight.size() &&
      weight.find_first_not_of("0123456789", colon + 1) == std::string::npos) {
    weight.resize(colon);
  }
  const std::string within = "/" + weight;
  const std::size_t at = within.find("/" + layer + "/");
  return at == std::string::npos ? layer + within : within.substr(at + 1);
}

void Reader::read_layers(const std::string& root) {
  const std::string base = root == "/" ? "" : root + "/";
  for (const std::string& layer : names(root, "layer_names")) {
    check_name(layer, "the layer");
    const std::string group = base + layer;
    if (!file_.is_group(group)) {
      fail(ErrorKind::input, "{}: layer {} is listed, but there is no such group", file_.name(),
           quoted(layer));
    }
    for (const std::string& weight : names(group, "weight_names")) {
      check_name(weight, "the weight");
      add(group + "/" + weight, full_name(layer, weight));
    }
  }
  const std::string loose = base + "top_level_model_weights";
  if (file_.is_group(loose) && !names(loose, "weight_names").empty()) {
    out_.ignored.emplace_back("top_level_model_weights");
  }
}

// conv2d, conv2d_1, conv2d_2, conv2d_10: the order in which Keras counted them.
std::pair<std::string, std::uint64_t> counted(const std::string& name) {
  const std::size_t bar = name.rfind('_');
  std::uint64_t number = 0;
  if (bar != std::string::npos && bar + 1 < name.size() && name.size() - bar < 12 &&
      name.find_first_not_of("0123456789", bar + 1) == std::string::npos) {
    std::from_chars(name.data() + bar + 1, name.data() + name.size(), number);
    return {name.substr(0, bar), number + 1};
  }
  return {name, 0};
}

// Keras 3 numbers a layer's variables; the kind of layer, in the group's name, says which is which.
std::string variable_name(const std::string& group, const std::string& index, std::size_t count) {
  static const std::vector<std::string> kernel = {"kernel", "bias"};
  static const std::vector<std::string> norm = {"gamma", "beta", "moving_mean", "moving_variance"};
  const std::string kind = counted(group).first;
  const bool is_norm = kind.ends_with("batch_normalization") && count == norm.size();
  const bool has_kernel = (kind.starts_with("conv") || kind.starts_with("dense") ||
                           kind.starts_with("depthwise_conv")) &&
                          count <= kernel.size();
  const auto& names = is_norm ? norm : kernel;
  for (std::size_t i = 0; (is_norm || has_kernel) && i < count; ++i) {
    if (index == std::to_string(i)) return names[i];
  }
  return index;
}

// Links may run in circles, or lead to one group by more ways than could ever be walked.
void Reader::enter(const std::string& group) {
  if (!groups_.insert(file_.address(group)).second) {
    fail(ErrorKind::input,
         "{}: {} is a group that is reached by another path too; Keras writes no such links",
         file_.name(), quoted(group));
  }
}

void Reader::read_vars(const std::string& path, const std::string& prefix, int depth) {
  if (depth > max_depth) {
    fail(ErrorKind::input, "{}: {}: groups nested deeper than {}", file_.name(), quoted(path),
         max_depth);
  }
  enter(path);
  const std::string base = path == "/" ? "" : path + "/";
  const std::string group = path.substr(path.rfind('/') + 1);
  std::vector<std::string> children = file_.list(path);
  std::string inner = prefix;
  if (file_.is_group(base + "vars")) {
    const std::string vars = base + "vars";
    enter(vars);
    std::string name = group;
    if (file_.has_attribute(vars, "name")) name = file_.get_string(vars, "name");
    if (path != "/") {
      check_name(name, "the layer");
      inner += name + "/";
    }
    std::vector<std::string> indices = file_.list(vars);
    std::sort(indices.begin(), indices.end(), [](const std::string& a, const std::string& b) {
      return std::pair(a.size(), a) < std::pair(b.size(), b);
    });
    for (const std::string& index : indices) {
      add(vars + "/" + index, inner + variable_name(group, index, indices.size()));
    }
  }
  std::sort(children.begin(), children.end(),
            [](const std::string& a, const std::string& b) { return counted(a) < counted(b); });
  for (const std::string& child : children) {
    if (child == "vars" || !file_.is_group(base + child)) continue;
    const bool outside = child == "optimizer" || child == "loss" || child == "metrics";
    if (path == "/" && outside) {
      out_.ignored.push_back(child);
    } else {
      read_vars(base + child, inner, depth + 1);
    }
  }
}

bool has_layer_names(const H5& file, const std::string& path) {
  return file.has_attribute(path, "layer_names") || file.has_attribute(path, "layer_names0");
}

}  // namespace

WeightFile read_keras(const H5& file) {
  WeightFile out;
  out.name = file.name();
  out.format = WeightFormat::keras_h5;
  std::string root = "/";
  if (!has_layer_names(file, root) && file.is_group("model_weights")) root = "model_weights";
  if (file.has_attribute("/", schema::format_attribute)) {
    fail(ErrorKind::input, "{}: is a file of resnet-tools already, not one of Keras", file.name());
  }
  const bool numbered = file.is_group("layers") ||
                        file.is_group("_layer_checkpoint_dependencies") || file.is_group("vars");
  Reader reader(file, out);
  if (has_layer_names(file, root)) {
    reader.read_layers(root);
    if (file.is_group("optimizer_weights")) out.ignored.emplace_back("optimizer_weights");
  } else if (numbered) {
    out.format = WeightFormat::keras3_h5;
    reader.read_vars("/", "", 0);
  } else {
    fail(ErrorKind::input, "{}: an HDF5 file, but not of Keras: no layer_names, no layers",
         file.name());
  }
  if (out.weights.empty()) fail(ErrorKind::input, "{}: no weights in it", file.name());
  for (const std::string& from : {std::string("/"), root}) {
    for (const char* key : {"model_config", "keras_version", "backend", "resnet_tools_table",
                            "resnet_tools_input", "resnet_tools_classes"}) {
      if (file.has_attribute(from, key)) out.metadata[key] = file.get_string(from, key);
    }
  }
  return out;
}

bool looks_like_keras_archive(std::span<const std::byte> bytes) {
  // The directory at the end of an archive has the names as they are.
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.starts_with("PK\x03\x04") && text.rfind(weights_entry) != std::string_view::npos &&
         text.rfind("config.json") != std::string_view::npos;
}

WeightFile read_keras_archive(std::span<const std::byte> bytes, const std::string& name) {
  const Zip zip(bytes, name);
  const std::uint64_t limit = (std::uint64_t{1} << 20) + 16 * bytes.size();
  const std::string inner = fmt::format("{}: {}", name, weights_entry);
  WeightFile out = read_keras(H5::open_image(zip.read(weights_entry, limit), inner));
  out.name = name;
  if (zip.has("config.json")) {
    const Bytes config = zip.read("config.json", limit);
    out.metadata["model_config"].assign(reinterpret_cast<const char*>(config.data()),
                                        config.size());
  }
  return out;
}

H5 write_keras(std::span<const KerasLayer> layers, const std::string& model_config) {
  H5 file = H5::create();
  const std::string root = model_config.empty() ? "/" : "model_weights";
  const std::string base = model_config.empty() ? "" : "model_weights/";
  const auto set_names = [&](const std::string& path, const std::string& attribute,
                             const std::vector<std::string>& names) {
    std::size_t width = 1;
    for (const std::string& name : names) width = std::max(width, name.size());
    const std::size_t most = std::max<std::size_t>(header_limit / width, 1);
    if (names.size() <= most) return file.set(path, attribute, names);
    for (std::size_t i = 0, part = 0; i < names.size(); i += most, ++part) {
      file.set(path, attribute + std::to_string(part),
               std::span(names).subspan(i, std::min(most, names.size() - i)));
    }
  };
  // Both versions of Keras look at these; the layout is that of version 2.
  std::vector<std::string> names;
  for (const KerasLayer& layer : layers) names.push_back(layer.name);
  if (!model_config.empty()) file.set("/", "model_config", model_config);
  for (const std::string& path : {std::string("/"), root}) {
    file.set(path, "keras_version", "2.15.0");
    file.set(path, "backend", "tensorflow");
  }
  set_names(root, "layer_names", names);
  for (const KerasLayer& layer : layers) {
    std::vector<std::string> weights;
    for (const Weight& weight : layer.weights) {
      weights.push_back(fmt::format("{}/{}:0", layer.name, weight.name));
      file.write(fmt::format("{}{}/{}", base, layer.name, weights.back()), weight.value);
    }
    set_names(base + layer.name, "weight_names", weights);
  }
  set_names(base + "top_level_model_weights", "weight_names", {});
  return file;
}

}  // namespace rn::io
