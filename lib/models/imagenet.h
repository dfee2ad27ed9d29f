// ResNets for ImageNet: a 7x7 stem with a maximum pool, four stages (He et al. 2015), in the three
// forms that trained weights come in.
#pragma once

#include <array>
#include <string>

#include "models/network_spec.h"

namespace rn::models {

enum class ImagenetStyle {
  torchvision,  // v1.5: the stride on the 3x3 convolution of a bottleneck; no biases
  keras_v1,     // the stride on the first 1x1; biases; eps 1.001e-5
  keras_v2,     // pre-activation, the stride in the last block of a stage; eps 1.001e-5
};

struct ImagenetOptions {
  ImagenetStyle style = ImagenetStyle::torchvision;
  std::array<int, 4> counts{2, 2, 2, 2};  // blocks of each stage
  bool bottleneck = false;                // Keras: always
  std::int64_t base_width = 64;           // channels of the stem and of the first stage's branch
  std::int64_t height = 224, width = 224, channels = 3, classes = 1000;
};

// Blocks are named stage1.block1 ... Checked.
NetworkSpec imagenet_spec(const std::string& arch, const ImagenetOptions& options);

}  // namespace rn::models
