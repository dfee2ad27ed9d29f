// How many paths of each length there are, and where a share of something is concentrated.
#pragma once

#include <cstdint>
#include <vector>

namespace rn::study {

// Shares of the 2^n paths through n blocks by their length k = 0 .. n: C(n, k) / 2^n.
std::vector<double> path_shares(std::int64_t n);

// Paths of lengths first .. last among all: 0.98016567 for 19 .. 35 of 54, 0.00453667 for 5 .. 17.
double paths_between(std::int64_t n, std::int64_t first, std::int64_t last);

// Lengths first .. last, and what they carry together.
struct LengthRange {
  std::int64_t first = 0, last = -1;  // last < first: there is no such range
  double share = 0;
  std::int64_t size() const { return last - first + 1; }
};

// The smallest range of lengths whose shares add up to `wanted` or more; of several the one with
// the most. Shares may be negative, their sum need not be 1.
LengthRange smallest_range(const std::vector<double>& shares, double wanted);

}  // namespace rn::study
