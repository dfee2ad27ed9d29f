#include "study/macs.h"

#include <vector>

#include "convert/layers.h"

namespace rn::study {
namespace {

struct Size {
  std::int64_t h = 0, w = 0;
  double pixels() const { return static_cast<double>(h) * static_cast<double>(w); }
};

// What a convolution of this role writes, in a block from `in` to `out`.
Size written(const nn::BlockSpec& block, const std::string& role, Size in, Size out) {
  if (role.starts_with("shortcut") || role.starts_with("g.")) return out;
  return role.back() - '0' >= block.stride_at ? out : in;
}

// By block; stem and linear layer apart.
struct Forward {
  double stem = 0, linear = 0;
  std::vector<double> blocks;
};

Forward forward_macs(const models::NetworkSpec& spec) {
  const models::StemSpec& stem = spec.stem;
  const auto strided = [&](std::int64_t size) {
    return (size + 2 * stem.pad - stem.kernel) / stem.stride + 1;
  };
  Size at{strided(spec.height), strided(spec.width)};
  const Size stem_out = at;
  if (stem.max_pool) at = {(at.h - 1) / 2 + 1, (at.w - 1) / 2 + 1};
  std::vector<Size> in, out;
  for (const nn::BlockSpec& block : spec.blocks) {
    in.push_back({at.h / block.pool, at.w / block.pool});
    at = {block.output_size(at.h), block.output_size(at.w)};
    out.push_back(at);
  }
  Forward total;
  total.blocks.resize(spec.blocks.size());
  for (const convert::Layer& layer : convert::layers_of(spec)) {
    const auto weights = static_cast<double>(element_count(layer.weight));
    if (layer.kind == convert::LayerKind::linear) total.linear += weights;
    if (layer.kind != convert::LayerKind::conv) continue;
    if (layer.block < 0) {
      total.stem += weights * stem_out.pixels();
      continue;
    }
    const auto i = static_cast<std::size_t>(layer.block);
    total.blocks[i] += weights * written(spec.blocks[i], layer.role, in[i], out[i]).pixels();
  }
  return total;
}

}  // namespace

Macs count_macs(const models::NetworkSpec& spec, const train::MemoryMode& mode) {
  const Forward forward = forward_macs(spec);
  const auto count = static_cast<std::int64_t>(spec.blocks.size());
  const std::int64_t segment =
      mode.segment > 0 ? mode.segment : models::Checkpoints::root(count).segment;
  const std::int64_t last = count > 0 ? (count - 1) / segment * segment : 0;
  Macs macs;
  macs.forward = forward.stem + forward.linear;
  macs.backward = forward.stem + 2 * forward.linear;
  for (std::int64_t i = 0; i < count; ++i) {
    const double block = forward.blocks[static_cast<std::size_t>(i)];
    macs.forward += block;
    macs.backward += 2 * block;
    const bool again = mode.activations == train::Activations::reversible
                           ? spec.blocks[static_cast<std::size_t>(i)].invertible()
                           : mode.activations == train::Activations::checkpointed && i < last;
    if (again) macs.recomputed += block;
  }
  return macs;
}

}  // namespace rn::study
