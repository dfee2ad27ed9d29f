#include "models/imagenet.h"

#include "base/error.h"

namespace rn::models {
namespace {

constexpr std::int64_t expansion = 4;                          // of a bottleneck
constexpr double keras_eps = 1.001e-5, keras_momentum = 0.01;  // Keras writes 0.99

nn::BlockSpec block_of(const ImagenetOptions& o, int stage, int k, std::int64_t in) {
  const bool first = k == 1, last = k == o.counts[static_cast<std::size_t>(stage - 1)];
  nn::BlockSpec block;
  block.name = fmt::format("stage{}.block{}", stage, k);
  block.kind = o.bottleneck ? nn::BlockKind::bottleneck : nn::BlockKind::basic;
  block.in = in;
  block.width = o.base_width << (stage - 1);
  block.out = o.bottleneck ? expansion * block.width : block.width;
  if (o.style == ImagenetStyle::keras_v2) {
    block.order = nn::Order::pre;
    block.preactivation = first ? nn::Preactivation::shared : nn::Preactivation::own;
    block.stride = last && stage < 4 ? 2 : 1;
    block.conv_bias = nn::ConvBias::last;
    if (first) block.shortcut = nn::ShortcutKind::conv;
    if (!first && block.stride > 1) block.shortcut = nn::ShortcutKind::pad_end;  // sub-samples
  } else {
    block.stride = first && stage > 1 ? 2 : 1;
    if (o.style == ImagenetStyle::keras_v1) block.conv_bias = nn::ConvBias::all;
    // Keras has a projection in the first block of every stage, as bottlenecks need one.
    if (block.downsamples()) block.shortcut = nn::ShortcutKind::conv_bn;
  }
  if (o.bottleneck) block.stride_at = o.style == ImagenetStyle::keras_v1 ? 1 : 2;
  if (o.style != ImagenetStyle::torchvision) {
    block.bn_eps = keras_eps;
    block.bn_momentum = keras_momentum;
  }
  return block;
}

}  // namespace

NetworkSpec imagenet_spec(const std::string& arch, const ImagenetOptions& options) {
  require(options.bottleneck || options.style == ImagenetStyle::torchvision,
          "imagenet_spec: Keras has bottlenecks only");
  const bool pre = options.style == ImagenetStyle::keras_v2;
  const bool keras = options.style != ImagenetStyle::torchvision;
  NetworkSpec spec;
  spec.arch = arch;
  spec.height = options.height;
  spec.width = options.width;
  spec.channels = options.channels;
  spec.classes = options.classes;
  if (keras) {
    spec.bn_eps = keras_eps;
    spec.bn_momentum = keras_momentum;
  }
  spec.stem = {.out = options.base_width,
               .kernel = 7,
               .stride = 2,
               .pad = 3,
               .norm_relu = !pre,
               .max_pool = true,
               .pool_zeros = pre,
               .conv_bias = keras};
  spec.head.norm_relu = pre;
  std::int64_t in = options.base_width;
  for (int stage = 1; stage <= 4; ++stage) {
    const int count = options.counts[static_cast<std::size_t>(stage - 1)];
    for (int k = 1; k <= count; ++k) {
      spec.blocks.push_back(block_of(options, stage, k, in));
      in = spec.blocks.back().out;
    }
  }
  check(spec);
  return spec;
}

}  // namespace rn::models
