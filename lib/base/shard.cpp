#include "base/shard.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/error.h"

namespace rn {
namespace {

constexpr int named = 20;  // in a message

}  // namespace

Shard parse_shard(const std::string& text) {
  const auto number = [&](const char* begin, const char* end) {
    std::int64_t value = 0;
    const auto parsed = std::from_chars(begin, end, value);
    if (begin == end || parsed.ec != std::errc() || parsed.ptr != end) {
      fail(ErrorKind::usage, "--shard {}: expected K/N (from 1), such as 3/8, or auto", text);
    }
    return value;
  };
  if (text == "auto") {
    const auto variable = [](const char* name) {
      const char* value = std::getenv(name);
      if (!value) {
        fail(ErrorKind::usage, "--shard auto: {} is not set; this is no Slurm job array", name);
      }
      return std::string(value);
    };
    const std::string id = variable("SLURM_ARRAY_TASK_ID"),
                      least = variable("SLURM_ARRAY_TASK_MIN"),
                      count = variable("SLURM_ARRAY_TASK_COUNT");
    const auto of = [&](const std::string& s) { return number(s.data(), s.data() + s.size()); };
    const Shard shard{of(id) - of(least), of(count)};
    if (shard.index < 0 || shard.index >= shard.count) {
      fail(ErrorKind::usage,
           "--shard auto: task {} of {} from {}: the array's indices must follow each other", id,
           count, least);
    }
    return shard;
  }
  const std::size_t slash = text.find('/');
  const char* end = text.data() + text.size();
  const char* cut = slash == std::string::npos ? end : text.data() + slash;
  const Shard shard{number(text.data(), cut) - 1, number(std::min(cut + 1, end), end)};
  if (shard.count < 1 || shard.index < 0 || shard.index >= shard.count) {
    fail(ErrorKind::usage, "--shard {}: expected K/N with K from 1 to N", text);
  }
  return shard;
}

std::string to_string(const Shard& shard) {
  return fmt::format("{}/{}", shard.index + 1, shard.count);
}

std::string missing_shards(const std::vector<bool>& have) {
  const auto count = static_cast<std::int64_t>(have.size());
  std::string missing;
  int listed = 0;
  for (std::int64_t at = 0; at < count && listed <= named; ++at) {
    if (have[static_cast<std::size_t>(at)]) continue;
    missing += missing.empty() ? "" : ", ";
    missing += ++listed > named ? "..." : to_string(Shard{at, count});
  }
  return missing;
}

void GivenShards::add(const Shard& shard, const std::string& file) {
  const auto at = static_cast<std::size_t>(shard.index);
  if (have_[at]) {
    fail(ErrorKind::input, "{}: shard {} was given twice", file, to_string(shard));
  }
  have_[at] = true;
}

void GivenShards::demand_all(const std::string& file) const {
  const std::string missing = missing_shards(have_);
  if (missing.empty()) return;
  fail(ErrorKind::input, "{}: {} of {} shards: {} missing", file,
       std::count(have_.begin(), have_.end(), true), have_.size(), missing);
}

}  // namespace rn
