// Shards of a study of paths put together.
#include <algorithm>

#include "study/paths_result.h"
#include "study/result_file.h"

namespace rn::study {

bool same_study(const PathsResult& a, const PathsResult& b) {
  const PathsOptions &o = a.options, &p = b.options;
  return o.spectrum == p.spectrum && o.sample == p.sample && o.seed == p.seed &&
         o.exact.batch_statistics == p.exact.batch_statistics && a.arch == b.arch &&
         a.model_digest == b.model_digest && a.precision == b.precision && a.blocks == b.blocks &&
         a.shard.count == b.shard.count && a.data_digest == b.data_digest && a.split == b.split &&
         a.images == b.images && o.batch == p.batch && a.lengths() == b.lengths() &&
         o.exact.boundaries == p.exact.boundaries && o.exact.weights == p.exact.weights &&
         o.exact.blocks == p.exact.blocks && a.sample_digest == b.sample_digest &&
         a.sample_split == b.sample_split && a.sample_images == b.sample_images &&
         o.sampled.batch == p.sampled.batch && o.sampled.trials == p.sampled.trials &&
         o.sampled.boundaries == p.sampled.boundaries && o.sampled.lengths == p.sampled.lengths;
}

PathsResult merge(std::vector<PathsResult> shards, const std::vector<std::string>& names) {
  require(!shards.empty() && shards.size() == names.size(), "merge: {} shards, {} names",
          shards.size(), names.size());
  PathsResult all = shards.front();
  GivenShards given(all.shard.count);
  for (std::size_t s = 0; s < shards.size(); ++s) {
    const PathsResult& part = shards[s];
    if (!same_study(part, shards.front())) {
      fail(ErrorKind::input, "{} and {} do not belong together: another study, model or data",
           names.front(), names[s]);
    }
    given.add(part.shard, names[s]);
    if (s == 0) continue;
    all.batches.insert(all.batches.end(), part.batches.begin(), part.batches.end());
    all.sampled.insert(all.sampled.end(), part.sampled.begin(), part.sampled.end());
  }
  given.demand_all(names.front());
  std::stable_sort(all.batches.begin(), all.batches.end(),
                   [](const auto& a, const auto& b) { return a.index < b.index; });
  std::stable_sort(all.sampled.begin(), all.sampled.end(),
                   [](const SampledNorm& a, const SampledNorm& b) { return a.trial < b.trial; });
  for (std::size_t i = 1; i < all.batches.size(); ++i) {
    if (all.batches[i].index == all.batches[i - 1].index) {
      fail(ErrorKind::input, "{}: batch {} twice", names.front(), all.batches[i].index);
    }
  }
  if (!all.whole()) {
    fail(ErrorKind::input, "{}: is not finished; resnet-paths --resume goes on", names.front());
  }
  all.shard = {};
  return all;
}

PathsResult merge_paths(const std::vector<std::string>& paths,
                        std::vector<io::Provenance::Input>& inputs) {
  return merge(read_parts(paths, inputs, read_paths), paths);
}

}  // namespace rn::study
