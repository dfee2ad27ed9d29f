// The kernel of the forward pass and of the backward pass to the input (conv_tile.h says why they
// are one program). A block keeps one group of outputs and walks over tiles; a tile's products go
// through shared memory, so that the epilogue walks over rows of neighbouring channels.
#pragma once

#include "ops/cuda/conv_multiply.h"
#include "ops/cuda/sums.h"

namespace rn::ops::cuda {

constexpr int most_group = 9;  // taps whose weights are in shared memory at once

template <class T, class Value>
struct GatherAt {
  Axis down, along;
  Tiling tiling;
  int images, sources, outputs;  // channels read, channels written
  int group;                     // taps at a time
  std::int64_t tiles_per_block;
  bool resident;  // all weights of a block fit: they are read once
  Value value;
  const Wide<T>* weights;  // OHWI
};

// One tap of one class.
struct Tap {
  int index, offset;  // in the weights' kernel; in the patch
  __device__ Tap(const Side& down, const Side& along, int kernel_width, int patch_columns,
                 int tap) {
    const int a = tap / along.taps, b = tap % along.taps;
    index = (down.first + a * down.step) * kernel_width + along.first + b * along.step;
    offset = down.offset(a) * patch_columns + along.offset(b);
  }
};

template <class T, int OT, bool backward, class Value>
__device__ void load_weights(const GatherAt<T, Value>& at, const Side& down, const Side& along,
                             int o0, int c0, TapRange taps, T* to) {
  const int chunk = at.tiling.chunk, per_tap = chunk * OT;
  const int kernel = at.down.kernel * at.along.kernel;
  for (int i = static_cast<int>(threadIdx.x); i < (taps.end - taps.begin) * per_tap;
       i += conv_threads) {
    const int tap = i / per_tap, rest = i % per_tap;
    // Neighbouring threads read neighbouring weights: the input channels of the convolution.
    const int k = backward ? rest / OT : rest % chunk, n = backward ? rest % OT : rest / chunk;
    const int c = c0 + k, o = o0 + n;
    Wide<T> w = 0;
    if (c < at.sources && o < at.outputs) {
      const Tap from(down, along, at.along.kernel, 0, taps.begin + tap);
      const std::int64_t index =
          backward ? (static_cast<std::int64_t>(c) * kernel + from.index) * at.outputs + o
                   : (static_cast<std::int64_t>(o) * kernel + from.index) * at.sources + c;
      w = at.weights[index];
    }
    to[Product<T, OT>::weight_at(tap, n, k, chunk)] = stored_as<T>(w);
  }
}

// Epilogue has Channel, made by every thread for its channel, with operator()(value, i) for element
// i of the destination, and finish().
template <class T, int OT, bool backward, class Value, class Epilogue>
__global__ void __launch_bounds__(conv_threads)
    gather_kernel(GatherAt<T, Value> at, Epilogue epilogue) {
  using W = Wide<T>;
  const int cls_down = static_cast<int>(blockIdx.z) / at.along.classes();
  const int cls_along = static_cast<int>(blockIdx.z) % at.along.classes();
  const Side down = at.down.side(cls_down), along = at.along.side(cls_along);
  const Tiling& t = at.tiling;
  const int thread = static_cast<int>(threadIdx.x);
  const int taps = down.taps * along.taps;

  T* patch = dynamic_shared<T>();
  const int patch_size = t.patch_pixels() * row_stride<T>(t.chunk);
  T* weights = patch + patch_size;
  auto* staged = reinterpret_cast<W*>(weights + Product<T, OT>::weights_size(at.group, t.chunk));
  constexpr int staged_stride = OT + 1;

  const int o0 = static_cast<int>(blockIdx.y) * OT;
  const int channel = o0 + thread % OT;
  const bool live = channel < at.outputs;
  typename Epilogue::Channel finish(epilogue, channel, live);
  Product<T, OT> product(t, down.stride, along.stride);

  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * at.tiles_per_block;
  const std::int64_t end =
      first + at.tiles_per_block < t.tiles ? first + at.tiles_per_block : t.tiles;
  bool loaded = false;
  for (std::int64_t tile = first; tile < end; ++tile) {
    const TileAt where(t, tile);
    if (where.row >= down.count || where.column >= along.count) continue;
    product.clear();
    for (int c0 = 0; c0 < at.sources && taps > 0; c0 += t.chunk) {
      __syncthreads();
      const PatchWhere box{t,
                           where.image,
                           where.row * down.stride + down.lo,
                           where.column * along.stride + along.lo,
                           at.images,
                           at.down.source,
                           at.along.source};
      fill_rows(at.value, at.sources, c0, t.chunk, t.patch_pixels(), box, patch);
      for (int begin = 0; begin < taps; begin += at.group) {
        const TapRange range{begin, begin + at.group < taps ? begin + at.group : taps};
        if (begin > 0) __syncthreads();
        if (!at.resident || !loaded) {
          load_weights<T, OT, backward>(at, down, along, o0, c0, range, weights);
          loaded = true;
        }
        __syncthreads();
        for (int tap = range.begin; tap < range.end; ++tap) {
          const Tap from(down, along, at.along.kernel, t.patch_columns, tap);
          product.add(patch, weights, from.offset, tap - range.begin, t.chunk);
        }
      }
    }
    product.store(staged, staged_stride);
    __syncthreads();
    for (int m = thread / OT; m < t.pixels() && live; m += conv_threads / OT) {
      const int x = where.column + m % t.columns, rest = m / t.columns;
      const int y = where.row + rest % t.rows, n = where.image + rest / t.rows;
      if (x >= along.count || y >= down.count || n >= at.images) continue;
      const std::int64_t pixel =
          (static_cast<std::int64_t>(n) * at.down.destination + y * down.out_step + down.begin) *
              at.along.destination +
          x * along.out_step + along.begin;
      finish(staged[m * staged_stride + thread % OT], pixel * at.outputs + channel);
    }
    __syncthreads();
  }
  const std::int64_t part = static_cast<std::int64_t>(blockIdx.z) * gridDim.x + blockIdx.x;
  finish.finish(part, channel, live, thread, OT, reinterpret_cast<double*>(staged));
}

template <class T, int OT>
std::size_t gather_bytes(const Tiling& t, int group) {
  const std::size_t staged =
      std::max(sizeof(Wide<T>) * tile_pixels * (OT + 1), sizeof(double) * 3 * conv_threads);
  const auto patch =
      static_cast<std::size_t>(t.patch_pixels()) * static_cast<std::size_t>(row_stride<T>(t.chunk));
  return sizeof(T) *
             (patch + static_cast<std::size_t>(Product<T, OT>::weights_size(group, t.chunk))) +
         staged;
}

// Number of parts whose sums an epilogue leaves: blocks and classes.
struct GatherPlan {
  Tiling tiling;
  int group = 1, blocks = 0, classes = 1;
  std::int64_t tiles_per_block = 1;
  bool resident = false;
  std::size_t shared = 0;
  std::int64_t parts() const { return std::int64_t{blocks} * classes; }
};

template <class T, int OT>
GatherPlan gather_plan(const Axis& down, const Axis& along, int images, int sources, int outputs,
                       const char* op) {
  GatherPlan plan;
  const int taps = std::max(1, down.most_taps() * along.most_taps());
  plan.group = std::min(taps, most_group);
  constexpr int most_chunk = std::is_same_v<T, bfloat16> ? 64 : std::is_same_v<T, float> ? 32 : 16;
  const auto bytes = [&](const Tiling& t) { return gather_bytes<T, OT>(t, plan.group); };
  plan.tiling = tile_for(down, along, images, sources, most_chunk, op, bytes);
  plan.shared = bytes(plan.tiling);
  plan.resident = sources <= plan.tiling.chunk && taps <= plan.group;
  plan.classes = down.classes() * along.classes();
  // The number of blocks depends on shapes only, and with it the order of sums.
  const std::int64_t wanted =
      std::max<std::int64_t>(1, 1024 / (ceil_div(outputs, OT) * plan.classes));
  plan.tiles_per_block = std::max<std::int64_t>(1, (plan.tiling.tiles + wanted - 1) / wanted);
  plan.blocks = ceil_div(plan.tiling.tiles, plan.tiles_per_block);
  return plan;
}

template <class T, int OT, bool backward, class Value, class Epilogue>
void launch_gather(const char* op, const GatherPlan& plan, const Axis& down, const Axis& along,
                   int images, int sources, int outputs, const Value& value, const Wide<T>* weights,
                   const Epilogue& epilogue, Stream& stream) {
  if (plan.blocks == 0) return;
  const GatherAt<T, Value> at{down,          along,   plan.tiling, images,
                              sources,       outputs, plan.group,  plan.tiles_per_block,
                              plan.resident, value,   weights};
  const auto kernel = gather_kernel<T, OT, backward, Value, Epilogue>;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(shared_limit)),
        op);
  launch_with(op, kernel,
              dim3(static_cast<unsigned>(plan.blocks), static_cast<unsigned>(ceil_div(outputs, OT)),
                   static_cast<unsigned>(plan.classes)),
              dim3(conv_threads), plan.shared, stream, at, epilogue);
}

}  // namespace rn::ops::cuda
