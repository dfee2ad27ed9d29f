#include "study/macs.h"

#include <vector>

namespace rn::study {
namespace {

struct Size {
  std::int64_t h = 0, w = 0;
  double pixels() const { return static_cast<double>(h) * static_cast<double>(w); }
};

// What a convolution of this role ("conv1", "f.conv2", "shortcut.conv") writes, in a block from
// `in` to `out`.
Size written(const nn::BlockSpec& block, const std::string& role, Size in, Size out) {
  if (role.starts_with("shortcut") || role.starts_with("g.")) return out;
  return role.back() - '0' >= block.stride_at ? out : in;
}

// Calls f(block's number or -1, role, elements) for each weight of a convolution, in order.
template <class F>
void for_convs(const models::Network& network, F&& f) {
  const auto& blocks = network.spec().blocks;
  std::size_t at = 0;  // parameters are in the order of blocks
  for (const auto& parameter : network.store().parameters()) {
    if (parameter->kind != nn::ParameterKind::conv_weight) continue;
    const std::string layer = parameter->name.substr(0, parameter->name.rfind('.'));
    const auto elements = static_cast<double>(parameter->value.size());
    if (layer == "stem.conv") {
      f(-1, layer, elements);
      continue;
    }
    while (!layer.starts_with(blocks.at(at).name + ".")) ++at;
    f(static_cast<std::int64_t>(at), layer.substr(blocks[at].name.size() + 1), elements);
  }
}

// By block; stem and linear layer apart.
struct Forward {
  double stem = 0, linear = 0;
  std::vector<double> blocks;
};

Forward forward_macs(const models::Network& network) {
  const models::NetworkSpec& spec = network.spec();
  const models::StemSpec& stem = spec.stem;
  const auto strided = [&](std::int64_t size) {
    return (size + 2 * stem.pad - stem.kernel) / stem.stride + 1;
  };
  const Size stem_out{strided(spec.height), strided(spec.width)};
  const std::vector<Shape> at = models::boundary_shapes(spec);
  std::vector<Size> in, out;
  for (std::size_t b = 0; b < spec.blocks.size(); ++b) {
    in.push_back({at[b][1] / spec.blocks[b].pool, at[b][2] / spec.blocks[b].pool});
    out.push_back({at[b + 1][1], at[b + 1][2]});
  }
  Forward total;
  total.blocks.resize(spec.blocks.size());
  for_convs(network, [&](std::int64_t block, const std::string& role, double weights) {
    const auto i = static_cast<std::size_t>(block);
    if (block < 0) {
      total.stem += weights * stem_out.pixels();
    } else {
      total.blocks[i] += weights * written(spec.blocks[i], role, in[i], out[i]).pixels();
    }
  });
  const std::int64_t features = spec.blocks.empty() ? stem.out : spec.blocks.back().out;
  total.linear = static_cast<double>(spec.classes * features);
  return total;
}

}  // namespace

Macs count_macs(const models::Network& network, const train::MemoryMode& mode) {
  const models::NetworkSpec& spec = network.spec();
  const Forward forward = forward_macs(network);
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

std::int64_t depth_of(const models::Network& network) {
  std::int64_t depth = 1;
  for_convs(network, [&](std::int64_t, const std::string& role, double) {
    depth += !role.starts_with("shortcut");
  });
  return depth;
}

}  // namespace rn::study
