// What may follow a data URI's place: "folder:DIR?size=160&resize=182".
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace rn::data {

struct Query {
  std::string where;                         // before the question mark
  std::map<std::string, std::string> value;  // by key

  // A whole number in [lowest, highest], or `otherwise`. Errors (usage).
  std::int64_t number(const std::string& key, std::int64_t otherwise, std::int64_t lowest,
                      std::int64_t highest) const;
};

// Cuts `where` at its last question mark, unless a file of the whole name is there. Errors (usage):
// a key that is none of `known`, or not KEY=VALUE.
Query parse_query(const std::string& where, std::initializer_list<const char*> known);

}  // namespace rn::data
