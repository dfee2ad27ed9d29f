#include "train/depth.h"

#include "base/error.h"
#include "base/rng.h"

namespace rn::train {

DepthDecay parse_depth_decay(const std::string& text) {
  if (text == "linear") return DepthDecay::linear;
  if (text == "uniform") return DepthDecay::uniform;
  fail(ErrorKind::usage, "depth decay '{}' is unknown: linear or uniform", text);
}

void set_survival(models::NetworkSpec& spec, double rate, DepthDecay decay) {
  if (!(rate >= 0 && rate < 1)) {
    fail(ErrorKind::usage, "--stochastic-depth {}: expected a probability from 0 to less than 1",
         rate);
  }
  const auto blocks = static_cast<double>(spec.blocks.size());
  double at = 0;
  for (nn::BlockSpec& block : spec.blocks) {
    at += 1;
    if (rate > 0 && block.kind == nn::BlockKind::plain) {
      fail(ErrorKind::usage, "--stochastic-depth: the layers of '{}' have no shortcuts", spec.arch);
    }
    block.survival = 1 - (decay == DepthDecay::linear ? rate * at / blocks : rate);
  }
}

void draw_depth(models::Network& network, std::uint64_t seed, std::int64_t step) {
  for (std::int64_t i = 0; i < network.block_count(); ++i) {
    nn::Residual& block = network.block(i);
    if (block.spec().survival == 1) continue;
    Rng rng(seed, RngPurpose::depth, static_cast<std::uint64_t>(step),
            static_cast<std::uint64_t>(i));
    block.gates.forward.branch = rng.uniform() < block.spec().survival ? 1 : 0;
  }
}

}  // namespace rn::train
