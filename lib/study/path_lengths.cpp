#include "study/path_lengths.h"

#include <algorithm>

namespace rn::study {

std::vector<double> path_shares(std::int64_t n) {
  // From the middle outwards, where C(n, k) is largest: nothing over- or underflows but what is 0.
  std::vector<double> shares(static_cast<std::size_t>(n + 1), 0);
  const std::int64_t middle = n / 2;
  const auto at = [&](std::int64_t k) -> double& { return shares[static_cast<std::size_t>(k)]; };
  at(middle) = 1;
  for (std::int64_t k = middle; k < n; ++k) {
    at(k + 1) = at(k) * static_cast<double>(n - k) / static_cast<double>(k + 1);
  }
  for (std::int64_t k = middle; k > 0; --k) {
    at(k - 1) = at(k) * static_cast<double>(k) / static_cast<double>(n - k + 1);
  }
  std::vector<double> sorted = shares;
  std::sort(sorted.begin(), sorted.end());
  double sum = 0;
  for (const double share : sorted) sum += share;
  for (double& share : shares) share /= sum;
  return shares;
}

double paths_between(std::int64_t n, std::int64_t first, std::int64_t last) {
  const std::vector<double> shares = path_shares(n);
  double sum = 0;
  for (std::int64_t k = std::max<std::int64_t>(first, 0); k <= std::min(last, n); ++k) {
    sum += shares[static_cast<std::size_t>(k)];
  }
  return sum;
}

LengthRange smallest_range(const std::vector<double>& shares, double wanted) {
  const std::size_t n = shares.size();
  std::vector<long double> before(n + 1, 0);  // sums of the shares of shorter lengths
  for (std::size_t k = 0; k < n; ++k) before[k + 1] = before[k] + shares[k];
  LengthRange best;
  for (std::size_t size = 1; size <= n && best.last < best.first; ++size) {
    for (std::size_t first = 0; first + size <= n; ++first) {
      const auto sum = static_cast<double>(before[first + size] - before[first]);
      if (sum >= wanted && (best.last < best.first || sum > best.share)) {
        best = {static_cast<std::int64_t>(first), static_cast<std::int64_t>(first + size) - 1, sum};
      }
    }
  }
  return best;
}

}  // namespace rn::study
