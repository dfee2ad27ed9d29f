// From model file to result file: the doing of resnet-paths.
#pragma once

#include <functional>
#include <string>

#include "base/progress.h"
#include "data/source.h"
#include "io/provenance.h"
#include "study/paths_result.h"

namespace rn::study {

struct PathsRun {
  std::string model;      // path or "-"
  std::string data = {};  // empty: what the model was trained on, if that is built in
  data::Split split = data::Split::test;          // of the spectrum
  data::Split sample_split = data::Split::train;  // of sampled paths
  std::int64_t limit = -1, sample_limit = -1;     // the first N images of each; -1: all
  PathsOptions options = {};                      // sampled.lengths empty: all
  Shard shard = {};
  Dtype dtype = Dtype::f32;
  Device device = cpu;
  std::int64_t memory_limit = std::int64_t{2} << 30;  // bytes of everything that is counted

  std::string output = {};  // result file; empty: none
  bool force = false, resume = false, dry_run = false;
  bool volatile_provenance = true;
  double checkpoint_seconds = 120;  // between checkpoints, beside the output
  io::Provenance provenance = {};
  Progress* progress = nullptr;
  std::function<std::string()> stop = {};  // polled: the reason to stop ("SIGTERM"), or ""
};

// Memory and work, as told before the first long step.
struct PathsPlan {
  std::int64_t images = 0;   // at a time
  std::int64_t lengths = 0;  // at a time
  std::int64_t bytes = 0;    // peak of everything that is counted in the ledger
};

struct PathsOutcome {
  PathsResult result;
  PathsPlan plan;
  bool stopped = false;      // saved in OUTPUT.ckpt: the same command with resume goes on
  std::string message = {};  // for the reader, when stopped or nothing was left to do
  std::string text = {};     // of a dry run
  io::Json json = {};        // of a dry run
};

// Errors: usage (options, an output that exists, a memory limit too small), input (model, data, a
// checkpoint of another study), failed.
PathsOutcome run_paths(const PathsRun& run);

// The shards of a study as one; says in `inputs` what was read. Errors: input.
PathsResult merge_paths(const std::vector<std::string>& paths,
                        std::vector<io::Provenance::Input>& inputs);

}  // namespace rn::study
