// Names of torchvision, timm and the CIFAR networks written after them: conv1, bn1,
// layerS.I.{convK,bnK,downsample.0,downsample.1}, fc; and our own names.
#include <algorithm>
#include <charconv>

#include "convert/families.h"

namespace rn::convert {
namespace {

using nn::BlockSpec;

// The words of one naming.
struct Scheme {
  std::string stage = "layer", block;  // "layer1.0." or "stage1.block1."
  int first_block = 0;
  std::string stem_conv, stem_norm, head_norm, head;  // empty: not there
  std::string shortcut_conv = "downsample.0", shortcut_norm = "downsample.1";

  std::string prefix(int stage_number, int block_number) const {  // both from 1
    return fmt::format("{}{}.{}{}.", stage, stage_number, block, block_number - 1 + first_block);
  }
};

// Reads a number at `at` and moves behind it; -1: there is none.
int number_at(const std::string& text, std::size_t& at) {
  int value = -1;
  const auto parsed = std::from_chars(text.data() + at, text.data() + text.size(), value);
  if (parsed.ec != std::errc()) return -1;
  at = static_cast<std::size_t>(parsed.ptr - text.data());
  return value;
}

// Blocks of each stage. Errors (input): numbers with holes.
std::vector<int> count_blocks(const Inventory& names, const Scheme& scheme) {
  std::map<int, std::set<int>> seen;
  for (const auto& [name, entry] : names.entries()) {
    if (!name.starts_with(scheme.stage)) continue;
    std::size_t at = scheme.stage.size();
    const int stage = number_at(name, at);
    if (stage < 0 || name.compare(at, 1 + scheme.block.size(), "." + scheme.block) != 0) continue;
    at += 1 + scheme.block.size();
    const int block = number_at(name, at);
    if (block >= 0 && at < name.size() && name[at] == '.') seen[stage].insert(block);
  }
  std::vector<int> counts;
  for (const auto& [stage, blocks] : seen) {
    const bool whole = stage == static_cast<int>(counts.size()) + 1 &&
                       *blocks.begin() == scheme.first_block &&
                       *blocks.rbegin() == scheme.first_block + static_cast<int>(blocks.size()) - 1;
    if (!whole) {
      fail(ErrorKind::input,
           "{}: stages and blocks are not numbered in a row: {}{} has {} blocks, from {} to {}",
           names.file().name, scheme.stage, stage, blocks.size(), *blocks.begin(),
           *blocks.rbegin());
    }
    counts.push_back(static_cast<int>(blocks.size()));
  }
  return counts;
}

std::string first_of(const Inventory& names, const std::vector<std::string>& words,
                     const std::string& suffix, std::size_t rank) {
  for (const std::string& word : words) {
    if (names.rank(word + suffix) == rank) return word;
  }
  return {};
}

[[noreturn]] void refuse(const Inventory& names, const std::string& what, const std::string& why) {
  fail(ErrorKind::input, "{}: {}: {}; such a network cannot be represented", names.file().name,
       what, why);
}

// Relatives of the plain ResNet that share its names. Told apart before anything is counted.
void refuse_relatives(const Inventory& names) {
  const auto having = [&](auto test) {
    std::vector<std::string> found;
    for (const auto& [name, entry] : names.entries()) {
      if (test(name, entry.shape)) found.push_back(name);
    }
    return found;
  };
  const auto part = [](const std::string& text) {
    return [text](const std::string& name, const Shape&) {
      return name.starts_with("layer") && name.find(text) != std::string::npos;
    };
  };
  if (const auto deep = having([](const std::string& name, const Shape& shape) {
        return name.starts_with("conv1.") && name != "conv1.weight" && shape.size() == 4;
      });
      !deep.empty()) {
    refuse(names, some(deep, 3), "the stem has several convolutions");
  }
  for (const char* word : {".se.", ".attn.", ".se_module."}) {
    if (const auto se = having(part(word)); !se.empty()) {
      refuse(names, some(se, 3), "the blocks have attention (SE or the like)");
    }
  }
  if (const auto d = having([](const std::string& name, const Shape& shape) {
        return name.ends_with("downsample.1.weight") && shape.size() == 4;
      });
      !d.empty()) {
    refuse(names, some(d, 3), "the shortcuts pool before they project (the \"d\" variant)");
  }
  for (const char* word : {".aa.", ".conv4.", ".gn1."}) {
    if (const auto odd = having(part(word)); !odd.empty()) {
      refuse(names, some(odd, 3), "blocks with other layers than convolution and batch norm");
    }
  }
}

nn::ConvBias bias_of(const Inventory& names, const std::string& prefix, int convs,
                     const std::string& shortcut) {
  int biased = 0;
  for (int k = 1; k <= convs; ++k) biased += names.has(fmt::format("{}conv{}.bias", prefix, k));
  const bool last = names.has(fmt::format("{}conv{}.bias", prefix, convs));
  const bool projects = !shortcut.empty();
  const bool shortcut_biased = projects && names.has(shortcut + ".bias");
  if (biased == 0 && !shortcut_biased) return nn::ConvBias::none;
  if (biased == convs && shortcut_biased == projects) return nn::ConvBias::all;
  if (biased == 1 && last && shortcut_biased == projects) return nn::ConvBias::last;
  refuse(names, prefix + "conv*.bias", "some convolutions have a bias, and others have none");
}

BlockSpec block_of(const Inventory& names, const std::string& prefix, const Scheme& scheme) {
  BlockSpec block;
  const Shape& first = names.shape(prefix + "conv1.weight", 4);
  const bool bottleneck = names.has(prefix + "conv3.weight");
  const std::string last = prefix + (bottleneck ? "conv3" : "conv2") + ".weight";
  block.kind = bottleneck ? nn::BlockKind::bottleneck : nn::BlockKind::basic;
  block.in = first[1];
  block.width = first[0];
  block.out = names.shape(last, 4)[0];
  block.stride_at = bottleneck ? 2 : 1;
  const Shape& second = names.shape(prefix + "conv2.weight", 4);
  if (second[1] > 0 && second[1] < block.width && block.width % second[1] == 0) {
    refuse(
        names, fmt::format("{}conv2.weight is {}", prefix, to_string(second)),
        fmt::format("a grouped convolution ({} groups, as in ResNeXt)", block.width / second[1]));
  }
  std::string shortcut;
  if (names.has(prefix + scheme.shortcut_conv + ".weight")) {
    shortcut = prefix + scheme.shortcut_conv;
    const bool norm = names.has(prefix + scheme.shortcut_norm + ".running_mean");
    block.shortcut = norm ? nn::ShortcutKind::conv_bn : nn::ShortcutKind::conv;
  }
  block.conv_bias = bias_of(names, prefix, bottleneck ? 3 : 2, shortcut);
  return block;
}

// Pre-activation blocks have the norm of their input first: told by its size where a block changes
// the width inside, otherwise by a norm that is missing after the stem.
nn::Order order_of(const Inventory& names, const Scheme& scheme, const std::vector<int>& counts,
                   Recognized& found) {
  int pre = 0, post = 0;
  for (std::size_t s = 0; s < counts.size(); ++s) {
    for (int i = 1; i <= counts[s]; ++i) {
      const std::string prefix = scheme.prefix(static_cast<int>(s) + 1, i);
      if (names.rank(prefix + "bn1.weight") != 1) {
        ++pre;  // only a pre-activation block can do without
        continue;
      }
      const Shape& conv = names.shape(prefix + "conv1.weight", 4);
      const std::int64_t norm = names.shape(prefix + "bn1.weight", 1)[0];
      if (conv[0] == conv[1]) continue;
      pre += norm == conv[1];
      post += norm == conv[0];
    }
  }
  if (pre > 0 && post > 0) {
    refuse(names, scheme.prefix(1, 1) + "bn1", "pre- and post-activation blocks in one network");
  }
  if (pre + post > 0) return pre > 0 ? nn::Order::pre : nn::Order::post;
  const bool stem_norm = names.rank("bn1.weight") == 1 || names.rank("stem.bn.weight") == 1;
  found.assumptions.push_back(
      fmt::format("blocks are {}-activation, as {} batch norm follows the first convolution",
                  stem_norm ? "post" : "pre", stem_norm ? "a" : "no"));
  return stem_norm ? nn::Order::post : nn::Order::pre;
}

void find_norms(const Inventory& names, nn::Order order, std::int64_t stem, std::int64_t features,
                Scheme& scheme) {
  std::vector<std::string> norms;
  for (const char* word : {"stem.bn", "bn1", "bn0", "bn", "norm", "bn_final", "head.bn"}) {
    if (names.rank(word + std::string(".weight")) == 1) norms.emplace_back(word);
  }
  if (norms.size() == 2) {
    scheme.stem_norm = norms[0];
    scheme.head_norm = norms[1];
  } else if (norms.size() == 1) {
    const std::int64_t size = names.shape(norms[0] + ".weight", 1)[0];
    const bool head =
        norms[0] == "head.bn" || (order == nn::Order::pre && (size != stem || norms[0] != "bn1") &&
                                  size == features && norms[0] != "stem.bn");
    (head ? scheme.head_norm : scheme.stem_norm) = norms[0];
  }
}

// What a table from the catalog is called in this naming.
void name_layers(const Scheme& scheme, Recognized& found) {
  const std::vector<Place> places = places_of(found.spec);
  for (const Layer& layer : layers_of(found.spec)) {
    std::string theirs;
    if (layer.block >= 0) {
      const Place place = places[static_cast<std::size_t>(layer.block)];
      const std::string word = layer.role == "shortcut.conv" ? scheme.shortcut_conv
                               : layer.role == "shortcut.bn" ? scheme.shortcut_norm
                                                             : layer.role;
      theirs = scheme.prefix(place.stage, place.block) + word;
    } else if (layer.name == "stem.conv") {
      theirs = scheme.stem_conv;
    } else if (layer.name == "stem.bn") {
      theirs = scheme.stem_norm.empty() ? "bn1" : scheme.stem_norm;
    } else if (layer.name == "head.bn") {
      theirs = scheme.head_norm.empty() ? "bn" : scheme.head_norm;
    } else {
      theirs = scheme.head;
    }
    found.layers[layer.name] = theirs;
  }
}

std::optional<Scheme> scheme_of(const Inventory& names) {
  Scheme scheme;
  scheme.stem_conv = first_of(names, {"conv1", "conv", "stem.conv", "conv0"}, ".weight", 4);
  if (scheme.stem_conv == "stem.conv") {
    scheme.stage = "stage";
    scheme.block = "block";
    scheme.first_block = 1;
    scheme.shortcut_conv = "shortcut.conv";
    scheme.shortcut_norm = "shortcut.bn";
  }
  bool blocks = false;
  for (const auto& [name, entry] : names.entries()) {
    blocks = blocks || (name.starts_with(scheme.stage + "1.") && name.ends_with(".conv1.weight"));
    if (name.ends_with(".shortcut.0.weight")) {
      scheme.shortcut_conv = "shortcut.0";
      scheme.shortcut_norm = "shortcut.1";
    }
  }
  if (!blocks) return std::nullopt;
  refuse_relatives(names);
  if (scheme.stem_conv.empty()) {
    fail(ErrorKind::input, "{}: has blocks ({}1...), but no first convolution (conv1.weight)",
         names.file().name, scheme.stage);
  }
  scheme.head =
      first_of(names, {"fc", "linear", "classifier", "head.linear", "head.fc"}, ".weight", 2);
  if (scheme.head.empty()) {
    fail(ErrorKind::input, "{}: has no linear layer at the end (fc.weight, linear.weight)",
         names.file().name);
  }
  return scheme;
}

void set_order(const Scheme& scheme, const Inventory& names, nn::Order order, bool asked,
               Recognized& found) {
  std::vector<BlockSpec>& blocks = found.spec.blocks;
  const std::vector<Place> places = places_of(found.spec);
  if (order == nn::Order::post) return;
  bool projects = false;
  for (BlockSpec& block : blocks) {
    block.order = order;
    projects = projects || block.shortcut == nn::ShortcutKind::conv ||
               block.shortcut == nn::ShortcutKind::conv_bn;
  }
  apply_options({.options = {{"preactivation", projects ? "projections" : "shared"}}}, found.spec);
  if (!asked) {
    found.assumptions.push_back(
        fmt::format("the first norm and ReLU feed the shortcut too in {} (--arch-option "
                    "preactivation=own|shared|projections)",
                    projects ? "blocks with a projection" : "the first block of each stage"));
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (!names.has(scheme.prefix(places[i].stage, places[i].block) + "bn1.weight")) {
      blocks[i].preactivation = nn::Preactivation::none;
    }
  }
}

void build_table(const Inventory& names, const RecognizeOptions& options, Scheme& scheme,
                 Recognized& found) {
  models::NetworkSpec& spec = found.spec;
  const std::vector<int> counts = count_blocks(names, scheme);
  if (counts.empty()) {
    fail(ErrorKind::input, "{}: has blocks, but none with a number ({})", names.file().name,
         scheme.prefix(1, 1));
  }
  const nn::Order order = order_of(names, scheme, counts, found);
  for (std::size_t s = 0; s < counts.size(); ++s) {
    for (int i = 1; i <= counts[s]; ++i) {
      const int stage = static_cast<int>(s) + 1;
      BlockSpec block = block_of(names, scheme.prefix(stage, i), scheme);
      block.name = fmt::format("stage{}.block{}", stage, i);
      const bool changes = block.in != block.out || block.shortcut != nn::ShortcutKind::identity;
      if (stage > 1 && i == 1 && changes) block.stride = 2;
      if (block.downsamples() && block.shortcut == nn::ShortcutKind::identity) {
        // As in pytorch_resnet_cifar10 (Idelbayev), whose names these are.
        block.shortcut = padded(options, found, scheme.head == "linear");
      }
      spec.blocks.push_back(block);
    }
  }
  set_order(scheme, names, order, options.options.count("preactivation") > 0, found);
  find_norms(names, order, spec.stem.out, spec.blocks.back().out, scheme);
  spec.stem.norm_relu = !scheme.stem_norm.empty();
  spec.head.norm_relu = !scheme.head_norm.empty();
}

void set_stem(const Inventory& names, const Scheme& scheme, Recognized& found) {
  models::NetworkSpec& spec = found.spec;
  const Shape& conv = names.shape(scheme.stem_conv + ".weight", 4);
  spec.channels = conv[1];
  spec.stem.out = conv[0];
  spec.stem.kernel = static_cast<int>(std::min<std::int64_t>(conv[2], 1 << 20));
  spec.stem.pad = (spec.stem.kernel - 1) / 2;
  spec.stem.conv_bias = names.has(scheme.stem_conv + ".bias");
  if (conv[2] == 7) {
    spec.stem.stride = 2;
    spec.stem.max_pool = true;
  } else if (conv[2] != 3) {
    found.assumptions.push_back(
        fmt::format("the first convolution, {}x{}, has stride 1 and padding {} (--arch-option "
                    "stem_stride=, stem_pad=, max_pool=)",
                    conv[2], conv[3], spec.stem.pad));
  }
}

}  // namespace

std::optional<Recognized> recognize_torch(const Inventory& names, const RecognizeOptions& options) {
  std::optional<Scheme> scheme = scheme_of(names);
  if (!scheme) return std::nullopt;
  Recognized found;
  found.spec.classes = names.shape(scheme->head + ".weight", 2)[0];
  set_stem(names, *scheme, found);
  const bool imagenet = found.spec.stem.kernel == 7;
  found.scale = imagenet ? InputScale::imagenet : InputScale::cifar;
  found.family = scheme->stage == "stage" ? "resnet-tools names"
                 : imagenet               ? "torchvision ResNet"
                                          : "CIFAR ResNet with PyTorch names";
  if (!take_arch(options, found.spec.channels, found.spec.classes, found.spec)) {
    build_table(names, options, *scheme, found);
  }
  finish(options, imagenet ? 224 : 32, found);
  for (const BlockSpec& block : found.spec.blocks) {
    if (block.kind == nn::BlockKind::bottleneck && block.stride > 1 &&
        options.options.count("stride_at") == 0 && options.arch.empty()) {
      found.assumptions.push_back(
          "a bottleneck's stride is on its 3x3 convolution (--arch-option stride_at=1)");
      break;
    }
  }
  name_layers(*scheme, found);
  return found;
}

}  // namespace rn::convert
