#include "models/network_spec.h"

#include <set>

#include "base/error.h"

namespace rn::models {

const char* to_string(TemporalPool value) {
  switch (value) {
    case TemporalPool::none: return "none";
    case TemporalPool::before_average: return "before_average";
    case TemporalPool::after_average: return "after_average";
  }
  return "?";
}

void check(const NetworkSpec& spec) {
  const auto demand = [&](bool holds, const std::string& what) {
    if (!holds) fail(ErrorKind::input, "network '{}': {}", spec.arch.substr(0, 200), what);
  };
  demand(spec.arch.size() <= 200 && one_line(spec.arch) == spec.arch,
         "its name is not one line of at most 200 bytes");
  demand(spec.height >= 1 && spec.height <= 8192 && spec.width >= 1 && spec.width <= 8192,
         "input height and width must be between 1 and 8192");
  demand(spec.channels >= 1 && spec.channels <= 4096, "input channels must be 1 to 4096");
  demand(spec.classes >= 1 && spec.classes <= 1 << 20, "classes must be between 1 and 1048576");
  demand(spec.bn_eps > 0 && spec.bn_eps < 1, "bn_eps must be between 0 and 1");
  demand(spec.bn_momentum > 0 && spec.bn_momentum <= 1, "bn_momentum must be in (0, 1]");
  const StemSpec& stem = spec.stem;
  demand(stem.out >= 1 && stem.out <= 1 << 16, "stem channels must be between 1 and 65536");
  demand(stem.kernel >= 1 && stem.kernel <= 31 && stem.stride >= 1 && stem.stride <= 16 &&
             stem.pad >= 0 && stem.pad < stem.kernel,
         "the stem's kernel (1 to 31), stride (1 to 16) or padding (less than the kernel) is off");
  demand(!(stem.norm_relu && stem.relu), "the stem has its ReLU twice");
  demand(spec.blocks.size() <= 10000, "more than 10000 blocks");

  demand(spec.head.pool_size >= 1 && spec.head.pool_size <= 1024 && spec.head.pool_stride >= 1 &&
             spec.head.pool_stride <= 1024,
         "the pooling over time must be over 1 to 1024 frames, with a stride of 1 to 1024");

  const nn::BlockSpec* ck = nullptr;  // whatever is one layer of a C^k network is all of it
  for (const nn::BlockSpec& block : spec.blocks) {
    if (block.kind == nn::BlockKind::ck) ck = &block;
  }
  demand(stem.lift == (ck != nullptr), "C^k layers and a stem that lifts points go together");
  demand(spec.head.features == (ck ? ck->width : 0), "the head of a C^k network reads coordinates");
  for (const nn::BlockSpec& block : spec.blocks) {
    demand(!ck || (block.kind == nn::BlockKind::ck && block.ck_order == ck->ck_order),
           fmt::format("block '{}': a C^k network has layers of one order only", block.name));
  }
  demand(!ck || (spec.height == 1 && spec.width == 1),
         "a C^k network takes points (images of 1x1), not images");
  demand(!ck || (stem.out == ck->in && spec.channels <= ck->width && stem.kernel == 1 &&
                 stem.stride == 1 && stem.pad == 0 && !stem.norm_relu && !stem.relu &&
                 !stem.max_pool && !stem.conv_bias && !spec.head.norm_relu),
         "a C^k network's width must be at least the numbers of a point, and its stem bare");

  demand(spec.head.temporal_pool == TemporalPool::none ||
             (!ck && (spec.blocks.empty() || !spec.blocks.back().reversible)),
         "neither C^k nor reversible networks pool over time");

  std::int64_t h = (spec.height + 2 * stem.pad - stem.kernel) / stem.stride + 1;
  std::int64_t w = (spec.width + 2 * stem.pad - stem.kernel) / stem.stride + 1;
  demand(spec.height + 2 * stem.pad >= stem.kernel && spec.width + 2 * stem.pad >= stem.kernel,
         "the stem's kernel is larger than its input");
  if (stem.max_pool) {
    h = (h + 2 - 3) / 2 + 1;
    w = (w + 2 - 3) / 2 + 1;
  }
  std::int64_t channels = stem.out;
  std::set<std::string> names;
  bool follows_reversible = false;
  for (const nn::BlockSpec& block : spec.blocks) {
    nn::check(block);
    demand(names.insert(block.name).second, fmt::format("two blocks are named '{}'", block.name));
    demand(block.reversible || !follows_reversible,
           fmt::format("block '{}' is not reversible, but comes after one that is", block.name));
    follows_reversible = block.reversible;
    demand(block.in == channels, fmt::format("block '{}' takes {} channels, but gets {}",
                                             block.name, block.in, channels));
    demand(block.shortcut_pool != nn::ShortcutPool::average ||
               (h % block.stride == 0 && w % block.stride == 0),
           fmt::format("block '{}' averages {}x{} pixels by {}", block.name, h, w, block.stride));
    demand(h >= block.pool && w >= block.pool,
           fmt::format("block '{}' pools {}x{} pixels by {}", block.name, h, w, block.pool));
    h = block.output_size(h);
    w = block.output_size(w);
    channels = block.out;
  }
}

std::vector<Shape> boundary_shapes(const NetworkSpec& spec) {
  const StemSpec& stem = spec.stem;
  const auto behind_stem = [&](std::int64_t size) {
    size = (size + 2 * stem.pad - stem.kernel) / stem.stride + 1;
    return stem.max_pool ? (size - 1) / 2 + 1 : size;
  };
  std::int64_t h = behind_stem(spec.height), w = behind_stem(spec.width);
  std::vector<Shape> shapes{{1, h, w, stem.out}};
  for (const nn::BlockSpec& block : spec.blocks) {
    h = block.output_size(h);
    w = block.output_size(w);
    shapes.push_back({1, h, w, block.out});
  }
  return shapes;
}

}  // namespace rn::models
