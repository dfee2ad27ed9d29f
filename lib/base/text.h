// Text as lines.
#pragma once

#include <string>
#include <vector>

namespace rn {

// Without their ends, "\n" or "\r\n"; what follows the last end is a line if it is not empty.
std::vector<std::string> lines_of(const std::string& text);

// Text from a file fit for a terminal or a table: control characters become "?".
std::string printable(std::string text);

}  // namespace rn
