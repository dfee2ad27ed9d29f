// From model file to result file: the doing of resnet-paths.
#pragma once

#include "study/paths_result.h"
#include "study/study_run.h"

namespace rn::study {

struct PathsRun : StudyRun {                      // split and limit: of the spectrum
  data::Split sample_split = data::Split::train;  // of sampled paths
  std::int64_t sample_limit = -1;                 // the first N images of it; -1: all
  PathsOptions options = {};                      // sampled.lengths empty: all
};

// Memory and work, as told before the first long step.
struct PathsPlan {
  std::int64_t images = 0;   // at a time
  std::int64_t lengths = 0;  // at a time
  std::int64_t bytes = 0;    // peak of everything that is counted in the ledger
};

struct PathsOutcome : StudyOutcome {
  PathsResult result;
  PathsPlan cost;
};

// Errors: usage (options, an output that exists, a memory limit too small), input (model, data, a
// checkpoint of another study), failed.
PathsOutcome run_paths(const PathsRun& run);

}  // namespace rn::study
