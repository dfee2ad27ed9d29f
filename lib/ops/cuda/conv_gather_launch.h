// How the kernel of conv_gather.h is cut to a shape, and launched.
#pragma once

#include "ops/cuda/conv_gather.h"

namespace rn::ops::cuda {

template <class T, int OT, int CT, bool backward>
std::size_t gather_bytes(const Tiling& t, int group) {
  using W = Wide<T>;
  constexpr auto stride = static_cast<std::size_t>(OT) + 16 / sizeof(W);
  // Four sums of each channel and warp, and a number a warp, are smaller than that.
  const std::size_t staged = sizeof(W) * tile_pixels * stride;
  const auto patch = sizeof(T) * static_cast<std::size_t>(t.patch_pixels()) * row_stride<T>(CT);
  return sizeof(T) * static_cast<std::size_t>(group) * Product<T, OT, CT, backward>::per_tap +
         std::max(staged, patch);
}

// Number of parts whose sums an epilogue leaves: blocks and classes.
struct GatherPlan {
  Tiling tiling;
  int group = 1, blocks = 0, classes = 1, tiles_per_block = 1;
  bool resident = false;
  std::size_t shared = 0;
  std::int64_t parts() const { return std::int64_t{blocks} * classes; }
};

template <class T, int OT, int CT, bool backward>
GatherPlan gather_plan(const Axis& down, const Axis& along, int images, int sources, int outputs,
                       const char* op) {
  GatherPlan plan;
  const int taps = std::max(1, down.most_taps() * along.most_taps());
  plan.group = std::min(taps, most_group);
  const auto bytes = [&](const Tiling& t) {
    return gather_bytes<T, OT, CT, backward>(t, plan.group);
  };
  plan.tiling = tile_for(down, along, images, op, bytes);
  plan.shared = bytes(plan.tiling);
  plan.resident = sources <= CT && taps <= plan.group;
  plan.classes = down.classes() * along.classes();
  // The number of blocks depends on shapes only, and with it the order of sums. Blocks that keep
  // their weights read them once for some tiles.
  const int wanted =
      std::max(1, (plan.resident ? 1056 : 4224) / (ceil_div(outputs, OT) * plan.classes));
  plan.tiles_per_block = std::max(1, ceil_div(plan.tiling.tiles, wanted));
  plan.blocks = ceil_div(plan.tiling.tiles, plan.tiles_per_block);
  return plan;
}

template <class T, int OT, int CT, bool backward, class Value, class Epilogue>
void launch_gather(const char* op, const GatherPlan& plan, const Axis& down, const Axis& along,
                   int images, int sources, int outputs, const Value& value, T* kept,
                   const Wide<T>* weights, const Epilogue& epilogue, Stream& stream) {
  if (plan.blocks == 0) return;
  GatherAt<T, Value> at{};
  require(std::max(down.classes(), along.classes()) <= most_stride,
          "{}: strides above {} are not for a GPU", op, most_stride);
  for (int cls = 0; cls < down.classes(); ++cls) at.down[cls] = down.side(cls);
  for (int cls = 0; cls < along.classes(); ++cls) at.along[cls] = along.side(cls);
  at.classes_along = along.classes();
  at.kernel_rows = down.kernel;
  at.kernel_columns = along.kernel;
  at.source_rows = down.source;
  at.source_columns = along.source;
  at.destination_rows = down.destination;
  at.destination_columns = along.destination;
  at.tiling = plan.tiling;
  at.images = images;
  at.sources = sources;
  at.outputs = outputs;
  at.group = plan.group;
  at.tiles_per_block = plan.tiles_per_block;
  at.resident = plan.resident;
  at.value = value;
  at.kept = kept;
  at.weights = weights;
  constexpr int width = pack_width<T>;
  const auto kernel = sources % width == 0 && outputs % width == 0
                          ? gather_kernel<T, OT, CT, backward, true, Value, Epilogue>
                          : gather_kernel<T, OT, CT, backward, false, Value, Epilogue>;
  allow_shared(op, kernel, shared_limit);
  launch_with(op, kernel,
              dim3(static_cast<unsigned>(plan.blocks), static_cast<unsigned>(ceil_div(outputs, OT)),
                   static_cast<unsigned>(plan.classes)),
              dim3(conv_threads), plan.shared, stream, at, epilogue);
}

// Whether the tiles of a forward pass, each with the pixels that are its own, cover the source, and
// no block has to read what it does not multiply: then the value can be kept on the way.
inline bool tiles_cover(const Axis& axis) {
  return axis.pad >= 0 && axis.kernel - axis.pad >= axis.stride &&
         axis.destination * axis.stride >= axis.source;
}

// Calls f<OT, CT>(): the outputs of a block and the channels that are read at a time. With many
// channels a block does more with what it has read; with few pixels there must be blocks enough.
template <class T, class F>
void with_tiles(const Axis& down, const Axis& along, int images, int sources, int outputs, F&& f) {
  const int taps = down.most_taps() * along.most_taps();
  if constexpr (std::is_same_v<T, double>) {
    return f.template operator()<16, 16>();
  } else if constexpr (std::is_same_v<T, float>) {
    if (taps > 64 || sources <= 16) {
      return outputs <= 16 ? f.template operator()<16, 16>() : f.template operator()<32, 16>();
    }
    const std::int64_t pixels = std::int64_t{images} * down.most() * along.most();
    if (outputs <= 16) return f.template operator()<16, 32>();
    if (outputs <= 32 || pixels * ceil_div(outputs, 64) < std::int64_t{132} * tile_pixels) {
      return f.template operator()<32, 32>();
    }
    return f.template operator()<64, 16>();
  } else {
    if (taps > 64 || sources <= 16) {
      return outputs <= 16 ? f.template operator()<16, 16>() : f.template operator()<32, 16>();
    }
    if (outputs <= 16) return f.template operator()<16, 32>();
    if (sources <= 32) return f.template operator()<32, 32>();
    if (sources <= 64 || outputs <= 32) return f.template operator()<32, 64>();
    return f.template operator()<64, 32>();
  }
}

}  // namespace rn::ops::cuda
