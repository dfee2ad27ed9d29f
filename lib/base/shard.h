// One part of a job that is done in several, as --shard names it: by hand, or as a task of a Slurm
// job array.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace rn {

struct Shard {
  std::int64_t index = 0, count = 1;  // index from 0
  bool operator==(const Shard&) const = default;
};

constexpr std::int64_t most_shards = 1000000;

// "3/8" (from 1), or "auto": from SLURM_ARRAY_TASK_ID, _MIN and _COUNT. Errors: usage.
Shard parse_shard(const std::string& text);

std::string to_string(const Shard& shard);  // "3/8"

// Those that are not there, "2/8, 5/8"; after twenty "..."; "" if all are.
std::string missing_shards(const std::vector<bool>& have);

// Which of a job's shards have been given, to put them together.
class GivenShards {
 public:
  explicit GivenShards(std::int64_t count) : have_(static_cast<std::size_t>(count), false) {}
  // Errors (input), naming the file: given twice.
  void add(const Shard& shard, const std::string& file);
  // Errors (input), naming the file and those that are missing.
  void demand_all(const std::string& file) const;

 private:
  std::vector<bool> have_;
};

}  // namespace rn
