// A bound on the Ledger's total: buffers that would go beyond it are refused as if there were no
// more memory, so that what fits into so many bytes can be tried out.
#pragma once

#include <cstdint>
#include <limits>

namespace rn {

inline constexpr std::int64_t no_limit = std::numeric_limits<std::int64_t>::max();

void set_memory_limit(std::int64_t bytes);  // no_limit: none
std::int64_t memory_limit();

}  // namespace rn
