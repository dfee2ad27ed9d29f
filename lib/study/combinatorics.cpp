#include "study/combinatorics.h"

#include <algorithm>
#include <cmath>

namespace rn::study {

double paths_left(std::int64_t n, std::int64_t d, std::int64_t x) {
  // C(n-d, x) / C(n, x) = prod over i < x of (n - d - i) / (n - i)
  double share = 1;
  for (std::int64_t i = 0; i < x; ++i) {
    if (n - d - i <= 0) return 0;
    share *= static_cast<double>(n - d - i) / static_cast<double>(n - i);
  }
  return share;
}

double kendall_tau(const std::vector<std::int64_t>& order) {
  const auto n = static_cast<std::int64_t>(order.size());
  if (n < 2) return 1;
  std::int64_t inversions = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t j = i + 1; j < order.size(); ++j) inversions += order[i] > order[j];
  }
  return 1 - 4.0 * static_cast<double>(inversions) / static_cast<double>(n * (n - 1));
}

double mcnemar_p(std::int64_t b, std::int64_t c) {
  const std::int64_t n = b + c, least = std::min(b, c);
  if (n == 0 || b == c) return 1;
  const double total = static_cast<double>(n);
  const auto log_choose = [&](std::int64_t k) {
    const double x = static_cast<double>(k);
    return std::lgamma(total + 1) - std::lgamma(x + 1) - std::lgamma(total - x + 1);
  };
  // Terms fall off quickly from the largest, the last: nothing is lost by starting there.
  double sum = 0;
  for (std::int64_t k = least; k >= 0; --k) {
    const double term = std::exp(log_choose(k) - total * std::log(2.0));
    sum += term;
    if (term <= sum * 1e-17) break;  // also where already the first is 0
  }
  return std::min(1.0, 2 * sum);
}

}  // namespace rn::study
