// "Did you mean": the nearest of the known names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rn {

// The known name nearest to `word` (insertions, deletions, replacements and swaps of neighbours),
// or "" when none is near enough to be meant.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

// Whether one insertion, deletion, replacement or swap of neighbours makes one of the other.
bool one_slip_apart(std::string_view a, std::string_view b);

}  // namespace rn
