#include "convert/layers.h"

namespace rn::convert {
namespace {

using nn::BlockKind;
using nn::BlockSpec;
using nn::ConvBias;

class Lister {
 public:
  void conv(const std::string& role, std::int64_t out, int kernel, std::int64_t in, bool bias) {
    add(role, LayerKind::conv, {out, kernel, kernel, in}, bias);
  }
  void norm(const std::string& role, std::int64_t channels) {
    add(role, LayerKind::norm, {channels}, true);
  }
  void linear(const std::string& role, std::int64_t classes, std::int64_t features) {
    add(role, LayerKind::linear, {classes, features}, true);
  }
  void inside(const std::string& name, int index) {
    prefix_ = name + ".";
    block_ = index;
  }
  std::vector<Layer> layers;

 private:
  void add(const std::string& role, LayerKind kind, Shape weight, bool bias) {
    layers.push_back({prefix_ + role, kind, std::move(weight), bias, block_, role});
  }
  std::string prefix_;
  int block_ = -1;
};

// As list_block, for a branch of its own in a reversible block.
void list_branch(Lister& list, const std::string& prefix, const BlockSpec& block, std::int64_t in,
                 bool first_norm) {
  const bool bottleneck = block.kind == BlockKind::bottleneck;
  const int convs = bottleneck ? 3 : 2;
  for (int k = 1; k <= convs; ++k) {
    const std::int64_t from = k == 1 ? in : block.width / 2;
    if (k > 1 || first_norm) list.norm(fmt::format("{}.bn{}", prefix, k), from);
    list.conv(fmt::format("{}.conv{}", prefix, k), k < convs ? block.width / 2 : block.out / 2,
              bottleneck && k != 2 ? 1 : 3, from, false);
  }
}

void list_reversible(Lister& list, const BlockSpec& block) {
  list_branch(list, "f", block, block.in / 2, block.preactivation != nn::Preactivation::none);
  list_branch(list, "g", block, block.out / 2, true);
  if (block.shortcut != nn::ShortcutKind::conv) return;
  for (const char* name : {"shortcut1.conv", "shortcut2.conv"}) {
    list.conv(name, block.out / 2, 1, block.in / 2, false);
  }
}

void list_block(Lister& list, const BlockSpec& block) {
  if (block.reversible) return list_reversible(list, block);
  if (block.kind == BlockKind::ck) return list.linear("linear", block.width, block.width);
  const bool bottleneck = block.kind == BlockKind::bottleneck;
  const bool pre = block.order == nn::Order::pre;
  const int convs = bottleneck ? 3 : block.kind == BlockKind::plain ? 1 : 2;
  for (int k = 1; k <= convs; ++k) {
    const std::int64_t in = k == 1 ? block.in : bottleneck ? block.width : block.out;
    const std::int64_t out = k < convs && bottleneck ? block.width : block.out;
    const std::string conv = fmt::format("conv{}", k), norm = fmt::format("bn{}", k);
    const bool bias =
        block.conv_bias == ConvBias::all || (block.conv_bias == ConvBias::last && k == convs);
    if (pre && (k > 1 || block.preactivation != nn::Preactivation::none)) list.norm(norm, in);
    list.conv(conv, out, bottleneck && k != 2 ? 1 : 3, in, bias);
    if (!pre && block.norm) list.norm(norm, out);
  }
  if (block.shortcut == nn::ShortcutKind::conv || block.shortcut == nn::ShortcutKind::conv_bn) {
    list.conv("shortcut.conv", block.out, 1, block.in, block.conv_bias != ConvBias::none);
    if (block.shortcut == nn::ShortcutKind::conv_bn) list.norm("shortcut.bn", block.out);
  }
}

}  // namespace

std::vector<Layer> layers_of(const models::NetworkSpec& spec) {
  Lister list;
  list.inside("stem", -1);
  if (!spec.stem.lift)
    list.conv("conv", spec.stem.out, spec.stem.kernel, spec.channels, spec.stem.conv_bias);
  if (spec.stem.norm_relu) list.norm("bn", spec.stem.out);
  std::int64_t features = spec.stem.out;
  for (std::size_t i = 0; i < spec.blocks.size(); ++i) {
    list.inside(spec.blocks[i].name, static_cast<int>(i));
    list_block(list, spec.blocks[i]);
    features = spec.blocks[i].out;
  }
  list.inside("head", -1);
  if (spec.head.norm_relu) list.norm("bn", features);
  if (spec.head.features > 0) features = spec.head.features;
  list.linear("linear", spec.classes, features);
  return list.layers;
}

std::vector<Slot> slots_of(const Layer& layer) {
  if (layer.kind == LayerKind::norm) {
    return {{"weight", layer.weight},
            {"bias", layer.weight},
            {"running_mean", layer.weight},
            {"running_var", layer.weight}};
  }
  std::vector<Slot> slots{{"weight", layer.weight}};
  if (layer.bias) slots.push_back({"bias", {layer.weight[0]}});
  return slots;
}

std::vector<Place> places_of(const models::NetworkSpec& spec) {
  std::vector<Place> places;
  for (std::size_t i = 0; i < spec.blocks.size(); ++i) {
    Place place;
    if (i > 0) {
      place = places.back();
      if (spec.blocks[i].stage() == spec.blocks[i - 1].stage()) {
        ++place.block;
      } else {
        place = {place.stage + 1, 1};
      }
    }
    places.push_back(place);
  }
  return places;
}

std::int64_t depth_of(const models::NetworkSpec& spec) {
  std::int64_t depth = 2;
  for (const BlockSpec& block : spec.blocks) {
    const int convs = block.kind == BlockKind::bottleneck                             ? 3
                      : block.kind == BlockKind::plain || block.kind == BlockKind::ck ? 1
                                                                                      : 2;
    depth += block.reversible ? 2 * convs : convs;
  }
  return depth;
}

std::int64_t parameter_count(const models::NetworkSpec& spec) {
  std::int64_t count = 0;
  for (const Layer& layer : layers_of(spec)) {
    for (const Slot& slot : slots_of(layer)) {
      const bool learnt = std::string(slot.name).rfind("running", 0) != 0;
      if (learnt) count += element_count(slot.shape);
    }
  }
  return count;
}

}  // namespace rn::convert
