#include "models/network.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "ops/backend.h"

namespace rn::models {

Network::Network(NetworkSpec spec, Dtype dtype, Device device, const std::string& prefix)
    : spec_(std::move(spec)), dtype_(dtype), store_(wide(dtype), device, prefix) {
  check(spec_);
  ops::require_dtype(dtype, device);
  const StemSpec& stem = spec_.stem;
  if (!stem.lift)
    stem_conv_.emplace(
        "stem.conv",
        nn::ConvSpec{spec_.channels, stem.out, stem.kernel, stem.stride, stem.pad, stem.conv_bias},
        store_);
  if (stem.norm_relu) {
    stem_norm_.emplace("stem.bn", stem.out, spec_.bn_eps, spec_.bn_momentum, store_);
  }
  blocks_.reserve(spec_.blocks.size());
  for (const nn::BlockSpec& block : spec_.blocks) blocks_.emplace_back(block, store_, dtype);
  const std::int64_t channels = spec_.blocks.empty() ? stem.out : spec_.blocks.back().out;
  const std::int64_t features = spec_.head.features > 0 ? spec_.head.features : channels;
  if (spec_.head.norm_relu) {
    head_norm_.emplace("head.bn", channels, spec_.bn_eps, spec_.bn_momentum, store_);
  }
  linear_weight_ = store_.parameter("head.linear.weight", {spec_.classes, features},
                                    nn::ParameterKind::linear_weight);
  linear_bias_ =
      store_.parameter("head.linear.bias", {spec_.classes}, nn::ParameterKind::linear_bias);
  order_.resize(blocks_.size());
  std::iota(order_.begin(), order_.end(), 0);
}

std::int64_t Network::block_index(const std::string& name) const {
  std::string known;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const std::string& candidate = blocks_[i].spec().name;
    if (candidate == name) return static_cast<std::int64_t>(i);
    known += (known.empty() ? "" : ", ") + candidate;
  }
  fail(ErrorKind::usage, "there is no block '{}'; the blocks are {}", name, known);
}

void Network::set_order(const std::vector<std::int64_t>& order) {
  std::vector<bool> seen(blocks_.size(), false);
  if (order.size() != blocks_.size()) {
    fail(ErrorKind::usage, "an order of {} blocks for a network of {}", order.size(),
         blocks_.size());
  }
  for (std::size_t place = 0; place < order.size(); ++place) {
    const std::int64_t index = order[place];
    if (index < 0 || index >= block_count() || seen[static_cast<std::size_t>(index)]) {
      fail(ErrorKind::usage, "the order of blocks is not a permutation of 0 to {}",
           block_count() - 1);
    }
    seen[static_cast<std::size_t>(index)] = true;
    const nn::BlockSpec& here = blocks_[place].spec();
    const nn::BlockSpec& there = blocks_[static_cast<std::size_t>(index)].spec();
    if (static_cast<std::size_t>(index) != place &&
        (here.stage() != there.stage() || here.in != there.in || here.out != there.out ||
         here.stride != there.stride || here.reversible != there.reversible ||
         here.downsamples())) {
      fail(ErrorKind::usage,
           "block '{}' cannot take the place of '{}': only blocks of one stage and shape that keep "
           "their input's shape can be exchanged",
           there.name, here.name);
    }
  }
  order_ = order;
}

void Network::reset_gates() {
  for (nn::Residual& block : blocks_) block.gates = {};
  std::iota(order_.begin(), order_.end(), 0);
}

bool Network::reversible() const {
  return std::any_of(spec_.blocks.begin(), spec_.blocks.end(),
                     [](const nn::BlockSpec& block) { return block.invertible(); });
}

Checkpoints Checkpoints::root(std::int64_t blocks) {
  std::int64_t segment = 1;
  while (segment * segment < blocks) ++segment;
  return {segment};
}

const nn::Residual& Network::at(std::int64_t place) const {
  return blocks_.at(static_cast<std::size_t>(order_.at(static_cast<std::size_t>(place))));
}

void Network::commit(const Saved& saved, std::optional<double> momentum) const {
  ops::batch_norm_update(updates(saved, momentum), default_stream(store_.device()));
}

std::vector<ops::BatchNormUpdate> Network::updates(const Saved& saved,
                                                   std::optional<double> momentum) const {
  std::vector<ops::BatchNormUpdate> all;
  if (stem_norm_) stem_norm_->commit(saved.stem_norm, all, momentum);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    blocks_[i].commit(saved.blocks[i], all, momentum);
  }
  if (head_norm_) head_norm_->commit(saved.head_norm, all, momentum);
  return all;
}

}  // namespace rn::models
