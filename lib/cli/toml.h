// The part of TOML that recipes use: "key = value" lines, comments, strings ("..." and '...'),
// numbers, true and false, and arrays of them. Tables are refused: keys are the options of a tool.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rn::cli {

struct TomlEntry {
  std::string key;
  std::vector<std::string> values;  // one, or as many as the array has; text without quotes
  int line = 0;
};

// Errors (usage): "NAME:LINE: ...".
std::vector<TomlEntry> parse_toml(std::string_view text, const std::string& name);

std::string toml_string(std::string_view text);  // quoted and escaped

}  // namespace rn::cli
