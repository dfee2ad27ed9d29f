// The outcome of a lesion study: what was done, to what, and what became of the answers. Written as
// a result file (docs/man/resnet-h5.5, kind "lesion"), of the whole study or of one shard of it.
#pragma once

#include <string>
#include <vector>

#include "base/shard.h"
#include "io/h5.h"
#include "io/json.h"
#include "study/lesion.h"
#include "study/study_block.h"
#include "study/tally.h"

namespace rn::study {

using rn::Shard;

struct LesionResult {
  LesionOptions options;
  std::string arch, model_digest, data, data_digest, split;
  std::string precision = "fp32";
  std::int64_t recalibrated = 0;  // images that the statistics were estimated from again; 0: kept
  std::int64_t images = 0;        // to be answered, ...
  std::int64_t done = 0;          // ... and answered so far (a checkpoint)
  Shard shard;                    // lesions index, index + count, ... of the list
  std::int64_t total = 0;         // lesions of the whole study, the intact network included
  std::vector<std::string> class_names;

  std::vector<StudyBlock> blocks;

  std::vector<std::int64_t> index;  // of each lesion in the whole study's list; 0 first
  std::vector<Lesion> lesions;
  std::vector<Tally> tallies;

  bool whole() const { return static_cast<std::int64_t>(lesions.size()) == total; }
};

// Means over the trials of each k.
struct KSummary {
  std::int64_t k = 0, trials = 0;
  double error = 0, standard_error = 0, least = 0, most = 0;  // %
  double tau = 1;                                             // mean
};
std::vector<KSummary> summarize(const LesionResult& result);

// Each block's Shapley value for accuracy, in percentage points, and its standard error over the
// permutations. Their sum is accuracy(all) - accuracy(none). Only of a whole shapley study.
struct Shapley {
  double value = 0, standard_error = 0;
};
std::vector<Shapley> shapley_values(const LesionResult& result);

// error(i, j) - error(i) - error(j) + error(intact), in percentage points: f64 [n, n], 0 on the
// diagonal. Only of a whole pairs study.
Tensor pair_interactions(const LesionResult& result);

// What is left of the network's order in a lesion: Kendall's tau.
double tau_of(const Lesion& lesion);

// With `paths` false, where the data are is left out (io::without_path).
io::H5 to_h5(const LesionResult& result, bool paths = true);
// Errors (input): another kind of file, damaged.
LesionResult read_lesions(const io::H5& file);
// Several shards as one. Errors (input): shards of different studies, models or data; the same
// lesions twice; lesions missing (names the shards that lack, unless `partial`).
LesionResult merge(std::vector<LesionResult> shards, const std::vector<std::string>& names);
// Reads one or more files and merges them.
LesionResult read_lesions(const std::vector<std::string>& paths);

std::string to_text(const LesionResult& result);   // for the reader
std::string to_table(const LesionResult& result);  // TSV with a header row
io::Json to_json(const LesionResult& result);

}  // namespace rn::study
