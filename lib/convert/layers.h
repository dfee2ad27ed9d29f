// The layers that a network has, as its table says: names, kinds and shapes, without making it.
// What naming schemes and the accounting of files work from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/network_spec.h"
#include "tensor/tensor.h"

namespace rn::convert {

enum class LayerKind { conv, norm, linear };

struct Layer {
  std::string name;  // "stage1.block2.conv1", "stem.bn", "head.linear"
  LayerKind kind = LayerKind::conv;
  Shape weight;       // ours: OHWI, [C] or [classes, features]
  bool bias = false;  // norms: always
  int block = -1;     // place in the table; -1: stem or head
  std::string role;   // the name without its block: "conv1", "shortcut.bn"
};

// Convolutions and norms in the order of the network's parameters.
std::vector<Layer> layers_of(const models::NetworkSpec& spec);

// One tensor of a layer: "weight", "bias", "running_mean", "running_var".
struct Slot {
  const char* name;
  Shape shape;
};
std::vector<Slot> slots_of(const Layer& layer);

// Where a block stands: stages are counted from 1 by changes of BlockSpec::stage(), blocks from 1.
struct Place {
  int stage = 1, block = 1;
};
std::vector<Place> places_of(const models::NetworkSpec& spec);

// Convolutions on the longest way through, and the linear layer: the number in "ResNet-50".
std::int64_t depth_of(const models::NetworkSpec& spec);
std::int64_t parameter_count(const models::NetworkSpec& spec);

}  // namespace rn::convert
