// Small exact counting, for the theory beside the measurements.
#pragma once

#include <cstdint>
#include <vector>

namespace rn::study {

// Share of the paths of length x (through x of n blocks) that are left when d blocks are deleted:
// C(n - d, x) / C(n, x) (Veit et al. 2016, section 4.2). 0 <= x, d <= n.
double paths_left(std::int64_t n, std::int64_t d, std::int64_t x);

// Kendall's rank correlation of a permutation of 0 .. n-1 with the identity: 1 for the identity,
// -1 for its reverse; 1 for n < 2.
double kendall_tau(const std::vector<std::int64_t>& order);

// Two-sided exact p-value of McNemar's test: the probability of a split of b + c changed answers at
// least as uneven, if both directions are as likely.
double mcnemar_p(std::int64_t b, std::int64_t c);

}  // namespace rn::study
