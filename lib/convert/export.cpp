#include "convert/export.h"

#include <algorithm>

#include "convert/families.h"
#include "models/imagenet.h"

namespace rn::convert {
namespace {

// Is the table one of keras.applications', of whatever size?
bool is_application(const models::NetworkSpec& spec, models::ImagenetStyle style) {
  const std::vector<Place> places = places_of(spec);
  if (places.empty() || places.back().stage != 4) return false;
  models::ImagenetOptions options;
  options.style = style;
  options.counts = {0, 0, 0, 0};
  for (const Place& place : places) ++options.counts[static_cast<std::size_t>(place.stage - 1)];
  options.bottleneck = true;
  options.base_width = spec.stem.out;
  options.height = spec.height;
  options.width = spec.width;
  options.channels = spec.channels;
  options.classes = spec.classes;
  return models::imagenet_spec(spec.arch, options) == spec;
}

// Like the networks of Keras' CIFAR example, which recognise_keras_sequence knows?
bool is_functional(const models::NetworkSpec& spec) {
  const models::StemSpec& stem = spec.stem;
  const bool pre = spec.head.norm_relu;
  bool good = !spec.blocks.empty() && stem.kernel == 3 && stem.stride == 1 && stem.norm_relu &&
              !stem.max_pool && stem.conv_bias;
  for (std::size_t i = 0; good && i < spec.blocks.size(); ++i) {
    const nn::BlockSpec& block = spec.blocks[i];
    good =
        block.conv_bias == nn::ConvBias::all && (block.order == nn::Order::pre) == pre &&
        block.preactivation == (pre && i == 0 ? nn::Preactivation::none : nn::Preactivation::own) &&
        (block.kind == nn::BlockKind::bottleneck) == pre &&
        (block.shortcut == nn::ShortcutKind::identity || block.shortcut == nn::ShortcutKind::conv);
  }
  return good;
}

// Keras lists layers by depth: at equal depth the shortcut's before the last of the branch.
std::vector<Layer> in_keras_order(const models::NetworkSpec& spec) {
  std::vector<Layer> order;
  for (const Layer& layer : layers_of(spec)) {
    std::ptrdiff_t back = 0;
    if (layer.block >= 0 && layer.role.starts_with("shortcut")) {
      const nn::BlockSpec& block = spec.blocks[static_cast<std::size_t>(layer.block)];
      const bool normed = block.shortcut == nn::ShortcutKind::conv_bn;
      const bool conv = layer.kind == LayerKind::conv;
      back = block.order == nn::Order::post && normed && conv ? 2 : 1;
    }
    order.insert(order.end() - back, layer);
  }
  return order;
}

std::string application_name(const Layer& layer, const std::vector<Place>& places,
                             const KerasStyle& style) {
  if (layer.block < 0) {
    return layer.name == "stem.conv" ? "conv1_conv"
           : layer.name == "stem.bn" ? "conv1_bn"
           : layer.name == "head.bn" ? "post_bn"
                                     : "predictions";
  }
  const Place at = places[static_cast<std::size_t>(layer.block)];
  const int k = layer.role.starts_with("shortcut") ? 0 : layer.role.back() - '0';
  return layer.kind == LayerKind::conv ? style.conv(at.stage, at.block, k)
                                       : style.norm(at.stage, at.block, k);
}

void refuse_ck(const models::NetworkSpec& spec) {
  if (!spec.stem.lift) return;
  fail(ErrorKind::input, "'{}' is a C^k network, which other frameworks have no layers for",
       spec.arch);
}

}  // namespace

LayerNames torch_names(const models::NetworkSpec& spec) {
  refuse_ck(spec);
  const std::vector<Place> places = places_of(spec);
  LayerNames names;
  for (const Layer& layer : layers_of(spec)) {
    std::string name = layer.name == "stem.conv" ? "conv1"
                       : layer.name == "stem.bn" ? "bn1"
                       : layer.name == "head.bn" ? "bn"
                                                 : "fc";
    if (layer.block >= 0) {
      const Place place = places[static_cast<std::size_t>(layer.block)];
      const std::string word = layer.role == "shortcut.conv" ? "downsample.0"
                               : layer.role == "shortcut.bn" ? "downsample.1"
                                                             : layer.role;
      name = fmt::format("layer{}.{}.{}", place.stage, place.block - 1, word);
    }
    names.emplace_back(layer, name);
  }
  return names;
}

KerasNames keras_names(const models::NetworkSpec& spec) {
  refuse_ck(spec);
  KerasNames names;
  KerasStyle style;
  style.v2 = is_application(spec, models::ImagenetStyle::keras_v2);
  const bool application = style.v2 || is_application(spec, models::ImagenetStyle::keras_v1);
  const bool functional = !application && is_functional(spec);
  names.form = style.v2      ? "keras.applications v2"
               : application ? "keras.applications v1"
               : functional  ? "functional"
                             : "resnet-tools";
  std::map<std::string, std::string> numbered;
  int convs = 0, norms = 0;
  for (const Layer& layer : layers_of(spec)) {
    const bool conv = layer.kind == LayerKind::conv, norm = layer.kind == LayerKind::norm;
    const int number = conv ? convs++ : norm ? norms++ : 0;
    const std::string word = conv ? "conv2d" : norm ? "batch_normalization" : "dense";
    numbered[layer.name] = number == 0 ? word : fmt::format("{}_{}", word, number);
  }
  const std::vector<Place> places = places_of(spec);
  for (const Layer& layer : in_keras_order(spec)) {
    names.layers.emplace_back(layer, application  ? application_name(layer, places, style)
                                     : functional ? numbered.at(layer.name)
                                                  : layer.name);
  }
  return names;
}

}  // namespace rn::convert
