// Keras models whose layers only have numbers (conv2d, conv2d_1, batch_normalization, ...), without
// their description: the file lists layers in the order of their depth, and shapes say the rest. At
// equal depth, a shortcut comes before the last convolution of its branch.
#include <algorithm>

#include "convert/families.h"

namespace rn::convert {
namespace {

using nn::BlockSpec;

struct ConvLayer {
  std::string name;
  std::int64_t out = 0, in = 0, kernel = 0;
  bool bias = false;
};

struct BlockConvs {
  std::vector<const ConvLayer*> branch;
  const ConvLayer* shortcut = nullptr;
};

class Sequence {
 public:
  Sequence(const Inventory& names, Recognized& found) : names_(names), found_(found) {
    for (const auto& [name, kind] : names.layers()) {
      if (kind == LayerKind::linear) heads_.push_back(name);
      if (kind == LayerKind::norm) norms_.push_back(name);
      if (kind != LayerKind::conv) continue;
      const Shape& s = names.shape(name + ".weight", 4);
      convs_.push_back({name, s[0], s[1], s[2], names.has(name + ".bias")});
    }
  }
  bool plausible() const {
    return names_.keras() && heads_.size() == 1 && convs_.size() >= 3 && !norms_.empty();
  }
  const ConvLayer& stem() const { return convs_[0]; }
  const std::string& head() const { return heads_[0]; }
  void parse();
  // Finds order and norms; false: no table has these norms. A norm after each convolution has the
  // sizes of one before the next, so habits decide: Keras' CIFAR example has post-activation basic
  // blocks or pre-activation bottlenecks, the first of these behind the stem's norm; its networks
  // for ImageNet have a pool between the two.
  bool match_norms(bool imagenet);
  void name_layers();

 private:
  std::size_t basic(std::size_t at, BlockConvs& block) const;
  std::size_t bottleneck(std::size_t at, std::int64_t in, BlockConvs& block) const;
  const ConvLayer& conv(std::size_t at) const;
  void add(const BlockConvs& convs);
  std::vector<Layer> norms_in_file_order(const models::NetworkSpec& spec) const;

  const Inventory& names_;
  Recognized& found_;
  std::vector<ConvLayer> convs_;
  std::vector<std::string> norms_, heads_;
  std::vector<BlockConvs> blocks_;
  Place place_{1, 0};
};

const ConvLayer& Sequence::conv(std::size_t at) const {
  if (at >= convs_.size()) {
    fail(ErrorKind::input, "{}: the convolutions end inside a residual block, after {}",
         names_.file().name, convs_.back().name);
  }
  return convs_[at];
}

std::size_t Sequence::basic(std::size_t at, BlockConvs& block) const {
  block.branch.push_back(&conv(at++));
  if (conv(at).kernel == 1) block.shortcut = &conv(at++);
  block.branch.push_back(&conv(at++));
  if (!block.shortcut && at < convs_.size() && convs_[at].kernel == 1) {
    block.shortcut = &convs_[at++];
  }
  return at;
}

// 1x1, 3x3, then one or two 1x1 before the next block's first.
std::size_t Sequence::bottleneck(std::size_t at, std::int64_t in, BlockConvs& block) const {
  block.branch = {&conv(at), &conv(at + 1)};
  at += 2;
  std::size_t pointwise = 0;
  while (at + pointwise < convs_.size() && convs_[at + pointwise].kernel == 1) ++pointwise;
  const bool ends = at + pointwise == convs_.size();
  const bool two = pointwise == (ends ? 2u : 3u);
  const std::int64_t width = block.branch[1]->out;
  if (two && !(convs_[at].in == width && convs_[at].in != in)) {
    block.shortcut = &conv(at++);
    block.branch.push_back(&conv(at++));
  } else {
    block.branch.push_back(&conv(at++));
    if (two) block.shortcut = &conv(at++);
  }
  return at;
}

void Sequence::add(const BlockConvs& convs) {
  models::NetworkSpec& spec = found_.spec;
  BlockSpec block;
  block.kind = convs.branch.size() == 3 ? nn::BlockKind::bottleneck : nn::BlockKind::basic;
  block.in = convs.branch[0]->in;
  block.width = convs.branch[0]->out;
  block.out = convs.branch.back()->out;
  const bool all = std::all_of(convs.branch.begin(), convs.branch.end(),
                               [](const ConvLayer* c) { return c->bias; });
  block.conv_bias = all                         ? nn::ConvBias::all
                    : convs.branch.back()->bias ? nn::ConvBias::last
                                                : nn::ConvBias::none;
  if (convs.shortcut) block.shortcut = nn::ShortcutKind::conv;
  const bool opens = !spec.blocks.empty() && block.out != spec.blocks.back().out;
  place_ = opens ? Place{place_.stage + 1, 1} : Place{place_.stage, place_.block + 1};
  if (opens) block.stride = 2;
  block.name = fmt::format("stage{}.block{}", place_.stage, place_.block);
  spec.blocks.push_back(block);
}

void Sequence::parse() {
  std::int64_t in = convs_[0].out;
  for (std::size_t at = 1; at < convs_.size();) {
    BlockConvs block;
    at = convs_[at].kernel == 1 ? bottleneck(at, in, block) : basic(at, block);
    in = block.branch.back()->out;
    add(block);
    blocks_.push_back(std::move(block));
  }
}

// At equal depth the shortcut's norm stands before the branch's last.
std::vector<Layer> Sequence::norms_in_file_order(const models::NetworkSpec& spec) const {
  std::vector<Layer> norms;
  for (const Layer& layer : layers_of(spec)) {
    if (layer.kind != LayerKind::norm) continue;
    const bool shortcut = layer.role == "shortcut.bn";
    norms.insert(shortcut ? norms.end() - 1 : norms.end(), layer);
  }
  return norms;
}

bool Sequence::match_norms(bool imagenet) {
  const models::NetworkSpec plain = found_.spec;
  const bool prefer_pre = !imagenet && plain.blocks[0].kind == nn::BlockKind::bottleneck;
  for (int form = 0; form < 16; ++form) {
    const bool pre = ((form & 1) != 0) != prefer_pre, stem = !(form & 2),
               first_none = pre && stem && !imagenet, head = !(form & 4), projected = form & 8;
    if (!pre && (!stem || !head || (imagenet && !projected))) continue;
    models::NetworkSpec spec = plain;
    spec.stem.norm_relu = stem;
    spec.head.norm_relu = pre && head;
    for (std::size_t i = 0; i < spec.blocks.size(); ++i) {
      BlockSpec& block = spec.blocks[i];
      if (pre) block.order = nn::Order::pre;
      if (pre && i == 0 && first_none) block.preactivation = nn::Preactivation::none;
      if (projected && blocks_[i].shortcut) block.shortcut = nn::ShortcutKind::conv_bn;
    }
    const std::vector<Layer> wanted = norms_in_file_order(spec);
    bool fits = wanted.size() == norms_.size();
    for (std::size_t i = 0; fits && i < wanted.size(); ++i) {
      fits = names_.shape(norms_[i] + ".weight", 1) == wanted[i].weight;
    }
    if (!fits) continue;
    found_.spec = spec;
    return true;
  }
  return false;
}

void Sequence::name_layers() {
  found_.layers["stem.conv"] = convs_[0].name;
  found_.layers["head.linear"] = heads_[0];
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const std::string& name = found_.spec.blocks[i].name;
    for (std::size_t k = 0; k < blocks_[i].branch.size(); ++k) {
      found_.layers[fmt::format("{}.conv{}", name, k + 1)] = blocks_[i].branch[k]->name;
    }
    if (blocks_[i].shortcut) found_.layers[name + ".shortcut.conv"] = blocks_[i].shortcut->name;
  }
  const std::vector<Layer> norms = norms_in_file_order(found_.spec);
  for (std::size_t i = 0; i < norms.size(); ++i) found_.layers[norms[i].name] = norms_[i];
}

// What Keras' own networks for ImageNet do, against its CIFAR example.
void set_habits(bool imagenet, const RecognizeOptions& options, Recognized& found) {
  models::NetworkSpec& spec = found.spec;
  const bool pre = spec.head.norm_relu;
  spec.bn_eps = imagenet ? 1.001e-5 : 1e-3;
  spec.bn_momentum = 0.01;
  if (imagenet) {
    spec.stem.stride = 2;
    spec.stem.max_pool = true;
    spec.stem.pool_zeros = pre;
  }
  const std::vector<Place> places = places_of(spec);
  for (std::size_t i = 0; i < spec.blocks.size(); ++i) {
    BlockSpec& block = spec.blocks[i];
    block.bn_eps = spec.bn_eps;
    block.bn_momentum = spec.bn_momentum;
    if (imagenet && pre) {
      const bool last = i + 1 < places.size() && places[i + 1].block == 1;
      block.stride_at = 2;
      block.stride = last ? 2 : 1;
      if (places[i].block == 1) block.preactivation = nn::Preactivation::shared;
    }
    if (block.stride > 1 && block.kind == nn::BlockKind::basic) block.padding = nn::Padding::same;
    if (block.downsamples() && block.shortcut == nn::ShortcutKind::identity) {
      block.shortcut = block.in == block.out ? nn::ShortcutKind::pad_end : padded(options, found);
    }
  }
}

}  // namespace

std::optional<Recognized> recognize_keras_sequence(const Inventory& names,
                                                   const RecognizeOptions& options) {
  Recognized found;
  Sequence sequence(names, found);
  if (!sequence.plausible()) return std::nullopt;
  const ConvLayer& stem = sequence.stem();
  models::NetworkSpec& spec = found.spec;
  spec.channels = stem.in;
  spec.classes = names.shape(sequence.head() + ".weight", 2)[0];
  spec.stem = {.out = stem.out,
               .kernel = static_cast<int>(std::min<std::int64_t>(stem.kernel, 1 << 20)),
               .conv_bias = stem.bias};
  spec.stem.pad = (spec.stem.kernel - 1) / 2;
  const bool imagenet = stem.kernel == 7;
  sequence.parse();
  if (!sequence.match_norms(imagenet)) {
    fail(ErrorKind::input,
         "{}: its batch norms fit no residual network with its convolutions ({} blocks as read); "
         "save the whole model, whose description says how it is built, or rename with --map",
         names.file().name, spec.blocks.size());
  }
  sequence.name_layers();
  set_habits(imagenet, options, found);
  const bool pre = spec.head.norm_relu;
  found.family = imagenet ? (pre ? "Keras ResNet v2" : "Keras ResNet v1") : "Keras CIFAR ResNet";
  found.scale = !imagenet ? InputScale::none : pre ? InputScale::keras_tf : InputScale::keras_caffe;
  found.scale_known = imagenet;
  found.assumptions.push_back(fmt::format(
      "the file only numbers its layers: strides, padding, epsilon ({:g}) and {}-activation "
      "are those of Keras' own networks (a whole model says them itself; --arch-option)",
      spec.bn_eps, pre ? "pre" : "post"));
  if (!options.arch.empty()) {
    found.spec = {};
    take_arch(options, stem.in, names.shape(sequence.head() + ".weight", 2)[0], found.spec);
  }
  finish(options, imagenet ? 224 : 32, found);
  for (const Layer& layer : layers_of(found.spec)) {
    if (found.layers.count(layer.name) > 0) continue;
    fail(ErrorKind::input, "{}: the file has no layer for {} of {}", names.file().name, layer.name,
         options.arch);
  }
  return found;
}

}  // namespace rn::convert
