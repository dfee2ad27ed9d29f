// What our layers are called elsewhere.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "convert/layers.h"

namespace rn::convert {

using LayerNames = std::vector<std::pair<Layer, std::string>>;  // with the foreign name

// torchvision's names: conv1, bn1, layerS.I.convK, layerS.I.downsample.0, fc; a norm before the
// pooling is `bn`. Stages and blocks are numbered by their place in the table.
LayerNames torch_names(const models::NetworkSpec& spec);

// Keras' names, in the order in which Keras lists such a model's layers. `form` says which:
// "keras.applications v1", "keras.applications v2" where the table is of that form,
// "functional" (conv2d, conv2d_1, ... in the order of creation) where it is like Keras' own CIFAR
// example, else "resnet-tools" (our own names, in our order).
struct KerasNames {
  std::string form;
  LayerNames layers;
};
KerasNames keras_names(const models::NetworkSpec& spec);

}  // namespace rn::convert
