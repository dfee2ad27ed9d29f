// What a run of resnet-paths works on, and what it costs: between paths_run.cpp, paths_job.cpp and
// paths_plan.cpp.
#pragma once

#include <string>

#include "study/paths_run.h"
#include "train/evaluate.h"
#include "train/samples.h"

namespace rn::study {

struct PathsJob {
  const PathsRun& run;
  StudyFiles files;
  train::LoadedModel model;
  train::Samples samples = {}, sample_from = {};  // of the spectrum, of sampled paths
  PathsResult result = {};
  PathsPlan cost = {};
};

// Model and data, held against the options. Errors: as of run_paths.
PathsJob prepare_paths(const PathsRun& run);

// How many images and lengths at a time stay within the limit, found by doing one image. Errors:
// usage (one image is too much).
PathsPlan plan_paths(const PathsJob& job);

// What a dry run says, into plan and json. The time is that of the shortest paths, times the
// number of products that all lengths take.
void tell_plan(const PathsJob& job, PathsOutcome& outcome);

// What is there already, from a checkpoint or a finished output of the same study; false: none, or
// not to be gone on with. Errors: input, usage (of another study).
bool take_up(PathsJob& job, const std::string& path);

// The result file.
io::Bytes bytes_of(const PathsJob& job, bool volatile_fields = false);

// The indices of this shard, of `count`, from `from` on.
std::vector<std::int64_t> indices_of(const Shard& shard, std::int64_t count, std::int64_t from);

}  // namespace rn::study
