// A residual network in the graph of a Keras model: stem, blocks between forks and additions, head.
// Strides, padding, epsilon and biases come from the model's own description.
#include <algorithm>
#include <cmath>

#include "convert/families.h"
#include "convert/keras_graph.h"

namespace rn::convert {
namespace {

using nn::BlockSpec;
using Path = std::vector<const KerasNode*>;

class Walk {
 public:
  Walk(const std::vector<KerasNode>& nodes, const Inventory& names, Recognized& found)
      : nodes_(nodes), names_(names), found_(found) {}
  void run();

 private:
  [[noreturn]] void bad(const KerasNode& node, const std::string& what) const {
    fail(ErrorKind::input, "{}: layer '{}' ({}): {}; such a network cannot be represented",
         names_.file().name, node.name, node.type, what);
  }
  const KerasNode& at(int index) const { return nodes_[static_cast<std::size_t>(index)]; }
  // Layers one after the other from `index` on, up to one whose output goes several ways or into an
  // addition. Sets `index` to that last one, or -1 if the first is an addition itself.
  Path follow(int& index) const;
  void stem(const Path& path);
  int block(int fork);  // returns the addition
  void between(const Path& path, bool last);
  void head(const Path& path);
  void branch(const Path& path, BlockSpec& spec);
  void shortcut(const Path& path, BlockSpec& spec, const KerasNode& add);
  void name_block(BlockSpec& spec);
  void name(const std::string& ours, const KerasNode& node) { found_.layers[ours] = node.name; }
  // Epsilon and momentum of a norm, which must be one for the block (or for stem and head).
  void norm_facts(const KerasNode& node, double& eps, double& momentum, bool& set) const;
  const Shape& kernel_of(const KerasNode& conv) const {
    if (conv.activation != "linear") bad(conv, "has an activation of its own: " + conv.activation);
    return names_.shape(conv.name + ".weight", 4);
  }

  const std::vector<KerasNode>& nodes_;
  const Inventory& names_;
  Recognized& found_;
  Path ahead_;  // norm and ReLU before a fork, of a shared pre-activation
  bool outer_set_ = false;
  Place place_{1, 0};
};

Path Walk::follow(int& index) const {
  Path path;
  int here = index;
  index = -1;
  while (here >= 0 && at(here).type != "Add") {
    if (path.size() > nodes_.size()) bad(at(here), "runs in a circle");
    path.push_back(&at(here));
    index = here;
    if (at(here).consumers.size() != 1) break;
    here = at(here).consumers[0];
  }
  return path;
}

void Walk::norm_facts(const KerasNode& node, double& eps, double& momentum, bool& set) const {
  const double taken = std::round((1 - node.momentum) * 1e12) / 1e12;
  if (set && (eps != node.eps || momentum != taken)) bad(node, "another epsilon or momentum");
  eps = node.eps;
  momentum = std::clamp(taken, 1e-9, 1.0);
  set = true;
}

// [pad] conv [norm relu] [[pad] max-pool] and perhaps the first block's [norm relu].
void Walk::stem(const Path& path) {
  models::NetworkSpec& spec = found_.spec;
  std::size_t i = 0;
  const auto is = [&](const char* type) { return i < path.size() && path[i]->type == type; };
  const KerasNode& input = *path[0];
  if (!is("InputLayer")) bad(input, "is not the input");
  ++i;
  if (input.shape.size() == 3) {
    spec.height = input.shape[0];
    spec.width = input.shape[1];
  }
  int pad = 0;
  if (is("ZeroPadding2D")) pad = path[i++]->pad;
  if (!is("Conv2D")) bad(*path[std::min(i, path.size() - 1)], "comes before any convolution");
  const KerasNode& conv = *path[i++];
  const Shape& shape = kernel_of(conv);
  if (conv.same && (conv.stride > 1 || pad > 0)) bad(conv, "uneven padding in the first layer");
  spec.channels = shape[1];
  spec.stem = {.out = shape[0],
               .kernel = conv.kernel,
               .stride = conv.stride,
               .pad = conv.same ? (conv.kernel - 1) / 2 : pad,
               .norm_relu = false,
               .conv_bias = conv.bias};
  name("stem.conv", conv);
  if (is("BatchNormalization") && i + 1 < path.size() && path[i + 1]->type == "relu") {
    spec.stem.norm_relu = true;
    norm_facts(*path[i], spec.bn_eps, spec.bn_momentum, outer_set_);
    name("stem.bn", *path[i]);
    i += 2;
  }
  pad = 0;
  if (is("ZeroPadding2D")) pad = path[i++]->pad;
  if (is("MaxPooling2D")) {
    const KerasNode& pool = *path[i++];
    if (pool.kernel != 3 || pool.stride != 2 || pool.same || pad != 1) {
      bad(pool, "is not 3x3 with stride 2 after padding by 1");
    }
    spec.stem.max_pool = true;
    spec.stem.pool_zeros = !spec.stem.norm_relu;  // after a ReLU zeros change nothing
  } else if (pad > 0) {
    bad(*path[i - 1], "pads where nothing needs it");
  }
  ahead_.assign(path.begin() + static_cast<std::ptrdiff_t>(i), path.end());
}

void Walk::branch(const Path& path, BlockSpec& spec) {
  std::vector<const KerasNode*> convs, norms;
  std::string order;  // c, n, r
  std::vector<int> pads;
  int pad = 0;
  for (const KerasNode* node : path) {
    if (node->type == "ZeroPadding2D") {
      pad = node->pad;
    } else if (node->type == "Conv2D") {
      order += 'c';
      convs.push_back(node);
      pads.push_back(pad);
      pad = 0;
    } else if (node->type == "BatchNormalization") {
      order += 'n';
      norms.push_back(node);
    } else if (node->type == "relu") {
      order += 'r';
    } else {
      bad(*node, "is in a residual branch");
    }
  }
  const std::string three = convs.size() == 3 ? "nrc" : "";
  const bool bottleneck = convs.size() == 3;
  if (order == (bottleneck ? "cnrcnrcn" : "cnrcn")) {
    spec.order = nn::Order::post;
  } else if (order == "nrcnrc" + three) {
    spec.order = nn::Order::pre;
  } else if (order == "cnrc" + three) {
    spec.order = nn::Order::pre;
    spec.preactivation = ahead_.empty() ? nn::Preactivation::none : nn::Preactivation::shared;
    norms.insert(norms.begin(), ahead_.begin(), ahead_.begin() + (ahead_.empty() ? 0 : 1));
  } else {
    bad(*path.back(), "ends a branch of another form than two or three convolutions with norms");
  }
  if (spec.preactivation != nn::Preactivation::shared && !ahead_.empty()) {
    bad(*ahead_[0], "stands before a block that does not use it");
  }
  ahead_.clear();
  spec.kind = bottleneck ? nn::BlockKind::bottleneck : nn::BlockKind::basic;
  spec.in = kernel_of(*convs[0])[1];
  spec.width = kernel_of(*convs[0])[0];
  spec.out = kernel_of(*convs.back())[0];
  spec.stride_at = bottleneck ? 2 : 1;
  bool all = true, any = false;
  for (std::size_t k = 0; k < convs.size(); ++k) {
    const KerasNode& conv = *convs[k];
    const int kernel = bottleneck && k != 1 ? 1 : 3;
    const bool even = kernel == 1 ? pads[k] == 0 : conv.same ? pads[k] == 0 : pads[k] == 1;
    if (conv.kernel != kernel || !even) bad(conv, "another kernel or padding than a ResNet's");
    if (conv.stride > 1 && spec.stride > 1) bad(conv, "a second stride in one block");
    if (conv.stride > 1) {
      spec.stride = conv.stride;
      spec.stride_at = static_cast<int>(k) + 1;
      if (kernel == 3 && conv.same) spec.padding = nn::Padding::same;
    }
    all = all && conv.bias;
    any = any || (conv.bias && k + 1 < convs.size());
  }
  spec.conv_bias = all                  ? nn::ConvBias::all
                   : convs.back()->bias ? nn::ConvBias::last
                                        : nn::ConvBias::none;
  if (any && !all) bad(*convs[0], "some convolutions have a bias, and others have none");
  bool set = false;
  for (const KerasNode* norm : norms) norm_facts(*norm, spec.bn_eps, spec.bn_momentum, set);
  name_block(spec);
  const std::size_t first = spec.preactivation == nn::Preactivation::none ? 2 : 1;
  for (std::size_t k = 0; k < convs.size(); ++k) {
    name(fmt::format("{}.conv{}", spec.name, k + 1), *convs[k]);
  }
  for (std::size_t k = 0; k < norms.size(); ++k) {
    name(fmt::format("{}.bn{}", spec.name, k + first), *norms[k]);
  }
}

void Walk::name_block(BlockSpec& spec) {
  const bool opens = place_.block > 0 && spec.in != spec.out;
  place_ = opens ? Place{place_.stage + 1, 1} : Place{place_.stage, place_.block + 1};
  spec.name = fmt::format("stage{}.block{}", place_.stage, place_.block);
}

void Walk::shortcut(const Path& path, BlockSpec& spec, const KerasNode& add) {
  if (path.empty()) {
    if (spec.downsamples()) bad(add, "adds what has another shape");
    return;
  }
  const KerasNode& first = *path[0];
  if (first.type == "MaxPooling2D" && path.size() == 1 && first.kernel == 1) {
    if (first.stride != spec.stride || spec.in != spec.out) bad(first, "does not fit its block");
    spec.shortcut = nn::ShortcutKind::pad_end;  // sub-samples; no channels to add
    return;
  }
  const bool normed = path.size() == 2 && path[1]->type == "BatchNormalization";
  if (first.type != "Conv2D" || (path.size() > 1 && !normed)) {
    bad(first, "is in a shortcut that is no projection");
  }
  if (first.kernel != 1 || first.stride != spec.stride)
    bad(first, "is no 1x1 with its block's stride");
  if (first.bias != (spec.conv_bias != nn::ConvBias::none)) {
    bad(first, "some convolutions have a bias, and others have none");
  }
  kernel_of(first);
  spec.shortcut = normed ? nn::ShortcutKind::conv_bn : nn::ShortcutKind::conv;
  name(spec.name + ".shortcut.conv", first);
  if (normed) {
    bool set = true;
    norm_facts(*path[1], spec.bn_eps, spec.bn_momentum, set);
    name(spec.name + ".shortcut.bn", *path[1]);
  }
}

int Walk::block(int fork) {
  const KerasNode& from = at(fork);
  if (from.consumers.size() != 2) bad(from, fmt::format("goes {} ways", from.consumers.size()));
  Path paths[2];
  int ends[2];
  for (int side = 0; side < 2; ++side) {
    int index = from.consumers[static_cast<std::size_t>(side)];
    const int start = index;
    paths[side] = follow(index);
    ends[side] = index < 0 ? start : index;
    if (index >= 0) {
      if (at(index).consumers.size() != 1) bad(at(index), "goes several ways inside a block");
      ends[side] = at(index).consumers[0];
    }
  }
  const KerasNode& add = at(ends[0]);
  if (ends[0] != ends[1] || add.type != "Add" || add.inputs.size() != 2) {
    bad(from, "two ways from here do not meet in one addition");
  }
  const auto convs = [](const Path& path) {
    return std::count_if(path.begin(), path.end(),
                         [](const KerasNode* node) { return node->type == "Conv2D"; });
  };
  const int long_side = convs(paths[0]) > convs(paths[1]) ? 0 : 1;
  if (paths[long_side].empty()) bad(add, "adds a layer to itself");
  BlockSpec spec;
  branch(paths[long_side], spec);
  shortcut(paths[1 - long_side], spec, add);
  found_.spec.blocks.push_back(spec);
  return ends[0];
}

// Between an addition and the next fork, or the head.
void Walk::between(const Path& path, bool last) {
  const BlockSpec& spec = found_.spec.blocks.back();
  Path rest = path;
  if (spec.order == nn::Order::post) {
    if (rest.size() < 2 || rest[1]->type != "relu") bad(*rest[0], "no ReLU follows the addition");
    rest.erase(rest.begin(), rest.begin() + 2);
  } else {
    rest.erase(rest.begin());
  }
  if (last) {
    head(rest);
  } else {
    ahead_ = rest;
  }
}

void Walk::head(const Path& path) {
  models::NetworkSpec& spec = found_.spec;
  std::size_t i = 0;
  const auto is = [&](const char* type) { return i < path.size() && path[i]->type == type; };
  if (is("BatchNormalization") && i + 1 < path.size() && path[i + 1]->type == "relu") {
    spec.head.norm_relu = true;
    norm_facts(*path[i], spec.bn_eps, spec.bn_momentum, outer_set_);
    name("head.bn", *path[i]);
    i += 2;
  }
  if (is("AveragePooling2D")) {  // fits if it covers all that is left
    std::int64_t side = spec.height / spec.stem.stride / (spec.stem.max_pool ? 2 : 1);
    for (const BlockSpec& block : spec.blocks) side = (side + block.stride - 1) / block.stride;
    if (path[i]->kernel != side || spec.height != spec.width) {
      bad(*path[i], fmt::format("pools {} pixels of {}", path[i]->kernel, side));
    }
    ++i;
  } else if (is("GlobalAveragePooling2D")) {
    ++i;
  }
  if (i == 0 || !is("Dense")) {
    fail(ErrorKind::input, "{}: model_config: no average pooling and dense layer at the end",
         names_.file().name);
  }
  const KerasNode& dense = *path[i++];
  if (dense.activation != "softmax" && dense.activation != "linear") {
    bad(dense, "the activation " + dense.activation);
  }
  if (is("softmax") || is("Softmax")) ++i;
  if (i != path.size()) bad(*path[i], "comes after the classifier");
  spec.classes = names_.shape(dense.name + ".weight", 2)[0];
  name("head.linear", dense);
}

void Walk::run() {
  int index = -1;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].type != "InputLayer") continue;
    if (index >= 0) bad(nodes_[i], "a second input");
    index = static_cast<int>(i);
  }
  if (index < 0) fail(ErrorKind::input, "{}: model_config: no input layer", names_.file().name);
  stem(follow(index));
  std::set<int> forks;
  while (at(index).consumers.size() == 2) {
    if (!forks.insert(index).second) bad(at(index), "runs in a circle");
    if (ahead_.size() == 2 &&
        (ahead_[0]->type != "BatchNormalization" || ahead_[1]->type != "relu")) {
      bad(*ahead_[0], "stands between two blocks");
    }
    if (!ahead_.empty() && ahead_.size() != 2) bad(*ahead_[0], "stands between two blocks");
    const int add = block(index);
    Path path{&at(add)};
    index = add;
    if (at(add).consumers.size() == 1) {
      index = at(add).consumers[0];
      const Path more = follow(index);
      if (more.empty()) bad(at(add), "goes from addition to addition");
      path.insert(path.end(), more.begin(), more.end());
    }
    between(path, at(index).consumers.size() != 2);
  }
  if (found_.spec.blocks.empty()) bad(at(index), "no residual block follows");
}

}  // namespace

std::optional<Recognized> recognize_keras_graph(const Inventory& names,
                                                const RecognizeOptions& options) {
  const auto config = names.file().metadata.find("model_config");
  if (config == names.file().metadata.end() || !options.arch.empty()) return std::nullopt;
  const auto nodes = parse_keras_graph(config->second, names.file().name);
  if (!nodes) return std::nullopt;
  Recognized found;
  models::NetworkSpec& spec = found.spec;
  spec.height = spec.width = 0;
  Walk(*nodes, names, found).run();
  const bool imagenet = spec.stem.max_pool, pre = spec.head.norm_relu;
  found.family = imagenet ? (pre ? "Keras ResNet v2" : "Keras ResNet v1") : "Keras CIFAR ResNet";
  found.scale = !imagenet ? InputScale::none : pre ? InputScale::keras_tf : InputScale::keras_caffe;
  found.scale_known = imagenet && names.has("conv1_conv.weight");
  const std::int64_t side = spec.height > 0 ? spec.height : imagenet ? 224 : 32;
  RecognizeOptions sized = options;
  if (sized.width == 0 && spec.width > 0) sized.width = spec.width;
  finish(sized, side, found);
  return found;
}

}  // namespace rn::convert
