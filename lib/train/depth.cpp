#include "train/depth.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/rng.h"

namespace rn::train {

DepthDecay parse_depth_decay(const std::string& text) {
  if (text == "linear") return DepthDecay::linear;
  if (text == "uniform") return DepthDecay::uniform;
  fail(ErrorKind::usage, "depth decay '{}' is unknown: linear or uniform", text);
}

DepthMode parse_depth_mode(const std::string& text) {
  if (text == "batch") return DepthMode::batch;
  if (text == "row") return DepthMode::row;
  fail(ErrorKind::usage, "depth mode '{}' is unknown: batch or row", text);
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
    if (rate > 0 && (block.kind == nn::BlockKind::plain || block.kind == nn::BlockKind::ck)) {
      fail(ErrorKind::usage, "--stochastic-depth: the layers of '{}' are no residual blocks",
           spec.arch);
    }
    if (rate > 0 && block.reversible) {
      fail(ErrorKind::usage,
           "--stochastic-depth: '{}' is reversible: what is left out could not be computed again",
           spec.arch);
    }
    block.survival = 1 - (decay == DepthDecay::linear ? rate * at / blocks : rate);
  }
}

void draw_depth(models::Network& network, std::uint64_t seed, std::int64_t step, std::int64_t count,
                DepthMode mode, std::int64_t first) {
  for (std::int64_t i = 0; i < network.block_count(); ++i) {
    nn::Residual& block = network.block(i);
    if (block.spec().survival == 1) continue;
    Rng rng(seed, RngPurpose::depth, static_cast<std::uint64_t>(step),
            static_cast<std::uint64_t>(i));
    if (mode == DepthMode::batch) {
      block.gates.forward.branch = rng.uniform() < block.spec().survival ? 1 : 0;
      continue;
    }
    std::vector<std::int32_t> kept;
    for (std::int64_t n = 0; n < first + count; ++n) {
      const bool there = rng.uniform() < block.spec().survival;
      if (n >= first && there) kept.push_back(static_cast<std::int32_t>(n - first));
    }
    const auto open = static_cast<std::int64_t>(kept.size());
    block.gates.forward.branch = open > 0 ? 1 : 0;
    block.gates.rows = Tensor();
    if (open == 0 || open == count) continue;
    block.gates.rows = Tensor({open}, Dtype::i32, Tag::input);
    std::copy(kept.begin(), kept.end(), block.gates.rows.data<std::int32_t>());
  }
}

void set_kept_blocks(models::NetworkSpec& spec, std::int64_t kept, bool rescale) {
  const auto blocks = static_cast<std::int64_t>(spec.blocks.size());
  if (kept < 1 || kept > blocks) {
    fail(ErrorKind::usage, "--keep-blocks {}: the network '{}' has {} blocks", kept, spec.arch,
         blocks);
  }
  for (nn::BlockSpec& block : spec.blocks) {
    if (block.kind == nn::BlockKind::plain || block.kind == nn::BlockKind::ck) {
      fail(ErrorKind::usage, "--keep-blocks: the layers of '{}' are no residual blocks", spec.arch);
    }
    if (block.reversible) {
      fail(ErrorKind::usage, "--keep-blocks: the blocks of '{}' are reversible", spec.arch);
    }
    block.survival = rescale ? static_cast<double>(kept) / static_cast<double>(blocks) : 1;
  }
}

void draw_blocks(models::Network& network, std::uint64_t seed, std::int64_t step,
                 std::int64_t kept) {
  // The last `b` there is: no block's number, which stochastic depth draws with.
  Rng rng(seed, RngPurpose::depth, static_cast<std::uint64_t>(step), 0xffffffff);
  // Selection sampling (Knuth, algorithm S): each block is kept with the probability that fills up
  // what is still to be kept of those that are left.
  std::int64_t wanted = kept;
  for (std::int64_t i = 0; i < network.block_count(); ++i) {
    const auto left = static_cast<std::uint32_t>(network.block_count() - i);
    const bool keep = static_cast<std::int64_t>(rng.below(left)) < wanted;
    network.block(i).gates.forward.branch = keep ? 1 : 0;
    wanted -= keep;
  }
}

}  // namespace rn::train
