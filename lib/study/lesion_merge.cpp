// Shards of a lesion study put together.
#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "io/schema.h"
#include "study/lesion_result.h"

namespace rn::study {
namespace {

// Errors (input): they are not of one study.
void demand_same(const LesionResult& first, const LesionResult& part, const std::string& name,
                 const std::string& first_name) {
  const auto same = [&](bool holds, const char* what) {
    if (holds) return;
    fail(ErrorKind::input, "{} and {} do not belong together: another {}", first_name, name, what);
  };
  same(part.options.study == first.options.study, "study");
  same(part.arch == first.arch && part.model_digest == first.model_digest, "model");
  same(part.data_digest == first.data_digest && part.split == first.split, "data set");
  same(part.images == first.images && part.done == first.done, "number of images");
  same(part.options.seed == first.options.seed, "seed");
  same(part.options.trials == first.options.trials && part.options.sigma == first.options.sigma,
       "set of options");
  same(part.precision == first.precision && part.recalibrated == first.recalibrated, "precision");
  same(part.total == first.total && part.shard.count == first.shard.count &&
           part.blocks == first.blocks && part.class_names == first.class_names,
       "set of lesions");
  same(part.tallies.front().errors == first.tallies.front().errors,
       "intact network (its errors differ)");
}

// The rows in the order of the study.
void sort_rows(LesionResult& r) {
  std::vector<std::size_t> order(r.index.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return r.index[a] < r.index[b]; });
  const LesionResult unsorted = r;
  for (std::size_t i = 0; i < order.size(); ++i) {
    r.index[i] = unsorted.index[order[i]];
    r.lesions[i] = unsorted.lesions[order[i]];
    r.tallies[i] = unsorted.tallies[order[i]];
  }
}

}  // namespace

LesionResult merge(std::vector<LesionResult> shards, const std::vector<std::string>& names) {
  require(!shards.empty() && shards.size() == names.size(), "merge: {} shards, {} names",
          shards.size(), names.size());
  const LesionResult& first = shards.front();
  std::vector<bool> seen(static_cast<std::size_t>(first.total), false);
  GivenShards given(first.shard.count);
  LesionResult all = first;
  all.index.clear();
  all.lesions.clear();
  all.tallies.clear();
  for (std::size_t s = 0; s < shards.size(); ++s) {
    const LesionResult& part = shards[s];
    demand_same(first, part, names[s], names.front());
    given.add(part.shard, names[s]);
    for (std::size_t i = s == 0 ? 0 : 1; i < part.lesions.size(); ++i) {
      const auto index = static_cast<std::size_t>(part.index[i]);
      if (seen[index]) {
        fail(ErrorKind::input, "{}: lesion {} twice", names[s], part.lesions[i].name);
      }
      seen[index] = true;
      all.index.push_back(part.index[i]);
      all.lesions.push_back(part.lesions[i]);
      all.tallies.push_back(part.tallies[i]);
    }
  }
  sort_rows(all);
  if (shards.size() == 1) return all;  // a part of a study, or all of it
  given.demand_all(names.front());
  all.shard = {};
  if (!all.whole()) {
    fail(ErrorKind::input, "{}: the shards hold {} lesions of {}", names.front(),
         all.lesions.size(), all.total);
  }
  return all;
}

LesionResult read_lesions(const std::vector<std::string>& paths) {
  std::vector<LesionResult> parts;
  for (const std::string& path : paths) {
    parts.push_back(read_lesions(io::schema::open(path, io::schema::Format::result)));
  }
  return merge(std::move(parts), paths);
}

}  // namespace rn::study
