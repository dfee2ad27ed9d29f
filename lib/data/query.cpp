#include "data/query.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace rn::data {

Query parse_query(const std::string& where, std::initializer_list<const char*> known) {
  Query query{where, {}};
  const std::size_t mark = where.rfind('?');
  if (mark == std::string::npos || ::access(where.c_str(), F_OK) == 0) return query;
  query.where = where.substr(0, mark);
  for (std::size_t from = mark + 1; from <= where.size();) {
    const std::size_t end = std::min(where.find('&', from), where.size());
    const std::string part = where.substr(from, end - from);
    const std::size_t equals = part.find('=');
    const std::string key = part.substr(0, equals);
    const bool good =
        std::any_of(known.begin(), known.end(), [&](const char* k) { return key == k; });
    if (equals == std::string::npos || !good) {
      fail(ErrorKind::usage, "'{}' after the question mark of data '{}': expected {}", part, where,
           known.size() == 0 ? std::string("nothing")
                             : fmt::format("{}=...", fmt::join(known, "=..., ")));
    }
    query.value[key] = part.substr(equals + 1);
    from = end + 1;
  }
  return query;
}

std::int64_t Query::number(const std::string& key, std::int64_t otherwise, std::int64_t lowest,
                           std::int64_t highest) const {
  const auto found = value.find(key);
  if (found == value.end()) return otherwise;
  const std::string& text = found->second;
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || number < lowest ||
      number > highest) {
    fail(ErrorKind::usage, "{}={} of data '{}': expected {} to {}", key, text, where, lowest,
         highest);
  }
  return number;
}

}  // namespace rn::data
