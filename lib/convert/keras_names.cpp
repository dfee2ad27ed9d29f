// Names of keras.applications: conv1_conv, conv2_block1_0_conv, ..., post_bn, predictions; and
// those of Keras before 2.2.5: conv1, res2a_branch2a, bn2a_branch2a, fc1000.
#include <charconv>

#include "convert/families.h"

namespace rn::convert {
namespace {

using nn::BlockSpec;

constexpr double eps = 1.001e-5, momentum = 0.01;

// Where a layer of a block belongs: "conv3_block2_1_conv", "res3b_branch2a", "res3b1_branch2a".
struct Spot {
  int stage = 0, block = 0;  // from 1; 0: not of a block
};

Spot new_style(const std::string& name) {
  int stage = 0, block = 0, end = 0;
  if (std::sscanf(name.c_str(), "conv%1d_block%4d_%n", &stage, &block, &end) != 2 || end == 0) {
    return {};
  }
  return stage >= 2 && block >= 1 ? Spot{stage - 1, block} : Spot{};
}

Spot old_style(const std::string& name) {
  int stage = 0, number = 0, end = 0;
  char letter = 0;
  if (std::sscanf(name.c_str(), "res%1d%c_branch%n", &stage, &letter, &end) == 2 && end > 0) {
    if (stage >= 2 && letter >= 'a' && letter <= 'z') return {stage - 1, letter - 'a' + 1};
  }
  end = 0;
  if (std::sscanf(name.c_str(), "res%1d%c%4d_branch%n", &stage, &letter, &number, &end) == 3 &&
      end > 0 && stage >= 2 && letter == 'b' && number >= 1) {
    return {stage - 1, number + 1};
  }
  return {};
}

std::vector<int> count_blocks(const Inventory& names, KerasStyle& style) {
  std::map<int, std::set<int>> seen;
  for (const auto& [name, kind] : names.layers()) {
    if (kind != LayerKind::conv) continue;
    Spot spot = new_style(name);
    if (spot.stage == 0) {
      spot = old_style(name);
      if (spot.stage == 0) continue;
      style.old = true;
      style.numbered = style.numbered || name.find("b1_branch") != std::string::npos;
    }
    seen[spot.stage].insert(spot.block);
  }
  std::vector<int> counts;
  for (const auto& [stage, blocks] : seen) {
    const int count = static_cast<int>(blocks.size());
    if (stage != static_cast<int>(counts.size()) + 1 || *blocks.rbegin() != count) {
      fail(ErrorKind::input, "{}: stages and blocks are not numbered in a row at {}",
           names.file().name, style.conv(stage, *blocks.rbegin(), 1));
    }
    counts.push_back(count);
  }
  return counts;
}

BlockSpec block_of(const Inventory& names, const KerasStyle& style, int stage, int k, bool last) {
  BlockSpec block;
  const auto shape = [&](int conv) -> const Shape& {
    return names.shape(style.conv(stage, k, conv) + ".weight", 4);
  };
  const auto biased = [&](int conv) { return names.has(style.conv(stage, k, conv) + ".bias"); };
  block.name = fmt::format("stage{}.block{}", stage, k);
  block.kind = nn::BlockKind::bottleneck;
  block.in = shape(1)[1];
  block.width = shape(1)[0];
  block.out = shape(3)[0];
  block.bn_eps = eps;
  block.bn_momentum = momentum;
  block.conv_bias = biased(1)   ? nn::ConvBias::all
                    : biased(3) ? nn::ConvBias::last
                                : nn::ConvBias::none;
  const bool projects = names.has(style.conv(stage, k, 0) + ".weight");
  if (style.v2) {
    block.order = nn::Order::pre;
    block.preactivation = projects ? nn::Preactivation::shared : nn::Preactivation::own;
    block.stride_at = 2;
    block.stride = last ? 2 : 1;
    if (projects) block.shortcut = nn::ShortcutKind::conv;
    if (!projects && last) block.shortcut = nn::ShortcutKind::pad_end;
  } else {
    block.stride_at = 1;
    block.stride = stage > 1 && k == 1 ? 2 : 1;
    if (projects) block.shortcut = nn::ShortcutKind::conv_bn;
  }
  return block;
}

}  // namespace

std::optional<Recognized> recognize_keras_names(const Inventory& names,
                                                const RecognizeOptions& options) {
  KerasStyle style;
  const std::vector<int> counts = count_blocks(names, style);
  if (counts.empty()) return std::nullopt;
  style.v2 = names.has("post_bn.weight");
  const std::string stem = names.has("conv1_conv.weight") ? "conv1_conv" : "conv1";
  const std::string stem_norm = names.has("bn_conv1.weight") ? "bn_conv1" : "conv1_bn";
  std::vector<std::string> heads;
  for (const auto& [name, kind] : names.layers()) {
    if (kind == LayerKind::linear) heads.push_back(name);
  }
  if (heads.size() != 1) {
    fail(ErrorKind::input, "{}: has {} dense layers ({}); expected one, the classifier",
         names.file().name, heads.size(), some(heads));
  }

  Recognized found;
  found.family = style.v2 ? "Keras ResNet v2" : "Keras ResNet v1";
  found.scale = style.v2 ? InputScale::keras_tf : InputScale::keras_caffe;
  found.scale_known = true;
  models::NetworkSpec& spec = found.spec;
  const Shape& first = names.shape(stem + ".weight", 4);
  spec.channels = first[1];
  spec.classes = names.shape(heads[0] + ".weight", 2)[0];
  if (!take_arch(options, spec.channels, spec.classes, spec)) {
    spec.bn_eps = eps;
    spec.bn_momentum = momentum;
    spec.stem = {.out = first[0],
                 .kernel = 7,
                 .stride = 2,
                 .pad = 3,
                 .norm_relu = !style.v2,
                 .max_pool = true,
                 .pool_zeros = style.v2,
                 .conv_bias = names.has(stem + ".bias")};
    spec.head.norm_relu = style.v2;
    for (int stage = 1; stage <= static_cast<int>(counts.size()); ++stage) {
      const int count = counts[static_cast<std::size_t>(stage - 1)];
      for (int k = 1; k <= count; ++k) {
        const bool last = k == count && stage < static_cast<int>(counts.size());
        spec.blocks.push_back(block_of(names, style, stage, k, last));
      }
    }
  }
  finish(options, 224, found);

  const std::vector<Place> places = places_of(spec);
  for (const Layer& layer : layers_of(spec)) {
    std::string theirs = layer.name == "stem.conv" ? stem
                         : layer.name == "stem.bn" ? stem_norm
                         : layer.name == "head.bn" ? "post_bn"
                                                   : heads[0];
    if (layer.block >= 0) {
      const Place at = places[static_cast<std::size_t>(layer.block)];
      const int k = layer.role.starts_with("shortcut") ? 0 : layer.role.back() - '0';
      theirs = layer.kind == LayerKind::conv ? style.conv(at.stage, at.block, k)
                                             : style.norm(at.stage, at.block, k);
    }
    found.layers[layer.name] = theirs;
  }
  return found;
}

}  // namespace rn::convert
