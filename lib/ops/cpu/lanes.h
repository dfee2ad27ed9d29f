// What pointwise and pooling ops share: lanes over rows, and the partial sums and moments of the
// lanes, combined in lane order.
#pragma once

#include <algorithm>
#include <vector>

#include "base/parallel.h"
#include "ops/cpu/rows.h"
#include "ops/cpu/scratch.h"

namespace rn::ops::cpu {

// Rows that go through the kernels at a time: a tile stays in the L1 cache.
inline std::int64_t tile_rows(std::int64_t channels) {
  return std::clamp<std::int64_t>(8192 / channels, 1, 2 * chunk_rows);
}

// Calls body(lane, begin, end) with tiles of rows, lanes in parallel.
template <class F>
void for_tiles(std::int64_t rows, std::int64_t channels, F&& body) {
  const std::int64_t tile = tile_rows(channels);
  parallel_for(lanes(), [&](int lane) {
    const Range range = lane_range(rows, lanes(), lane);
    for (std::int64_t begin = range.begin; begin < range.end; begin += tile) {
      body(lane, begin, std::min(begin + tile, range.end));
    }
  });
}

// The reductions of a gradient that an op stores.
template <class T>
class LaneSums {
 public:
  LaneSums(const Reductions& reductions, std::int64_t channels)
      : reductions_(reductions), channels_(channels) {
    const std::int64_t count = lanes() * per_lane();
    partial_ = scratch<double>(Slot::partial, count);
    std::fill(partial_, partial_ + count, 0.0);
  }

  // Adds rows of d that begin at `row` of the whole tensor; d points at the first of them.
  void add(int lane, const T* d, std::int64_t row, std::int64_t rows) const {
    for (std::size_t i = 0; i < reductions_.size(); ++i) {
      const Reduction& reduction = reductions_[i];
      if (!reduction.sums) continue;
      ReductionRows<T> at;
      if (reduction.against) {
        at.against = reduction.against.template data<T>() + row * channels_;
        at.center = pointer<Wide<T>>(reduction.center);
      }
      at.sums = partial_ + lane * per_lane() + static_cast<std::int64_t>(i) * 2 * channels_;
      reduce_rows(d, at, rows, channels_);
    }
  }

  void finish() const {
    for (std::size_t i = 0; i < reductions_.size(); ++i) {
      if (!reductions_[i].sums) continue;
      double* sums = reductions_[i].sums.template data<double>();
      std::fill(sums, sums + 2 * channels_, 0.0);
      for (int lane = 0; lane < lanes(); ++lane) {
        const double* part =
            partial_ + lane * per_lane() + static_cast<std::int64_t>(i) * 2 * channels_;
        for (std::int64_t c = 0; c < 2 * channels_; ++c) sums[c] += part[c];
      }
    }
  }

 private:
  std::int64_t per_lane() const {
    return 2 * channels_ * static_cast<std::int64_t>(reductions_.size());
  }

  const Reductions& reductions_;
  std::int64_t channels_;
  double* partial_;
};

// Empty moments of every lane, in this thread's scratch memory.
inline std::vector<LaneMoments> lane_moments(std::int64_t channels) {
  double* memory = scratch<double>(Slot::partial, 2 * channels * lanes());
  std::fill(memory, memory + 2 * channels * lanes(), 0.0);
  std::vector<LaneMoments> moments(static_cast<std::size_t>(lanes()));
  for (LaneMoments& lane : moments) {
    lane.mean = memory;
    lane.m2 = memory + channels;
    memory += 2 * channels;
  }
  return moments;
}

}  // namespace rn::ops::cpu
