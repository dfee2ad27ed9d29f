// What optimizer steps share: lanes over all parameters laid end to end, and all or nothing.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <span>

#include "base/parallel.h"

namespace rn::ops::cpu {

// Calls body(i, parameter, begin, end) for the lane's part of all parameters laid end to end.
template <class P, class F>
void for_lane(std::span<const P> parameters, int lane, F&& body) {
  std::int64_t total = 0;
  for (const P& parameter : parameters) total += parameter.value.size();
  const Range range = lane_range(total, lanes(), lane);
  std::int64_t start = 0;
  for (std::size_t i = 0; i < parameters.size() && start < range.end; ++i) {
    const std::int64_t size = parameters[i].value.size();
    const std::int64_t begin = std::max<std::int64_t>(0, range.begin - start);
    const std::int64_t end = std::min(size, range.end - start);
    if (begin < end) body(static_cast<int>(i), parameters[i], begin, end);
    start += size;
  }
}

// If stays_finite(parameter, begin, end) holds for all parts, calls commit for all; else returns
// the number of the first parameter for which it does not. -1: committed.
template <class P, class Finite, class Commit>
int all_or_nothing(std::span<const P> parameters, Finite&& stays_finite, Commit&& commit) {
  constexpr int none = std::numeric_limits<int>::max();
  std::atomic<int> first{none};
  parallel_for(lanes(), [&](int lane) {
    for_lane(parameters, lane,
             [&](int i, const P& parameter, std::int64_t begin, std::int64_t end) {
               if (stays_finite(parameter, begin, end)) return;
               for (int seen = first; i < seen && !first.compare_exchange_weak(seen, i);) {
               }
             });
  });
  if (first != none) return first.load();
  parallel_for(lanes(), [&](int lane) {
    for_lane(parameters, lane, [&](int, const P& parameter, std::int64_t begin, std::int64_t end) {
      commit(parameter, begin, end);
    });
  });
  return -1;
}

}  // namespace rn::ops::cpu
