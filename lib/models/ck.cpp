#include "models/ck.h"

#include "base/error.h"

namespace rn::models {

NetworkSpec ck_spec(const CkOptions& options, std::int64_t channels, std::int64_t classes,
                    std::int64_t width) {
  if (width > 0 && width < channels) {
    fail(ErrorKind::usage, "--width {}: points of {} numbers need at least {}", width, channels,
         channels);
  }
  NetworkSpec spec;
  spec.arch = "ck";
  spec.height = spec.width = 1;
  spec.channels = channels;
  spec.classes = classes;
  spec.head.features = width > 0 ? width : channels;
  spec.stem = {.out = spec.head.features * ops::ck_copies(options.order),
               .kernel = 1,
               .stride = 1,
               .pad = 0,
               .norm_relu = false,
               .lift = true};
  for (int layer = 1; layer <= options.layers; ++layer) {
    nn::BlockSpec block;
    block.name = fmt::format("stage1.block{}", layer);
    block.kind = nn::BlockKind::ck;
    block.in = block.out = spec.stem.out;
    block.width = spec.head.features;
    block.ck_order = options.order;
    block.dl = options.dl;
    block.curve = options.curve;
    spec.blocks.push_back(block);
  }
  check(spec);
  return spec;
}

CkOptions ck_options(const NetworkSpec& spec) {
  if (spec.blocks.empty() || spec.blocks.front().kind != nn::BlockKind::ck) {
    fail(ErrorKind::input, "'{}' is no C^k network", spec.arch);
  }
  const nn::BlockSpec& first = spec.blocks.front();
  for (const nn::BlockSpec& block : spec.blocks) {
    if (block.dl != first.dl || block.curve != first.curve) {
      fail(ErrorKind::input, "'{}': layers '{}' and '{}' have different steps or activations",
           spec.arch, first.name, block.name);
    }
  }
  return {first.ck_order, static_cast<int>(spec.blocks.size()), first.dl, first.curve};
}

NetworkSpec refined(const NetworkSpec& spec, int times) {
  CkOptions options = ck_options(spec);
  options.layers *= times;
  options.dl /= times;
  return ck_spec(options, spec.channels, spec.classes, spec.head.features);
}

}  // namespace rn::models
