#include "base/suggest.h"

#include <algorithm>
#include <cstddef>

namespace rn {
namespace {

// Optimal string alignment distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > 64) return {};  // nobody mistyped that
  std::string best;
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const auto& name : known) {
    // The beginning of a name is a good guess too: "--checkpoint" for "--checkpoint-every".
    const bool begins = word.size() >= 3 && name.starts_with(word);
    const std::size_t d =
        begins ? std::min<std::size_t>(distance(word, name), 1) : distance(word, name);
    if (d < least) {
      least = d;
      best = name;
    }
  }
  return best;
}

bool one_slip_apart(std::string_view a, std::string_view b) {
  return a.size() <= b.size() + 1 && b.size() <= a.size() + 1 && distance(a, b) == 1;
}

}  // namespace rn
