// From clips to flow: the doing of video-flow.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "io/json.h"
#include "io/provenance.h"
#include "video/flow_field.h"
#include "video/flow_file.h"

namespace rn::video {

struct FlowRun {
  std::vector<std::string> inputs;  // clips, folders, lists; two pictures; one .flo or result file
  FlowOptions options = {};
  Device device = cpu;
  // Of one clip: .flo, else HDF5 ("-": to stdout). Of several: a folder, in which every clip gets
  // NAME.h5. What is there, of the same clip and options, is left as it is.
  std::string output = {};
  std::string render = {};             // a picture or a film; empty: none
  double longest = 0;                  // length of the wheel's full colours; 0: the usual one
  std::string truth = {};              // a .flo to compare with
  std::int64_t field = -1;             // for .flo, PNG and comparison; -1: the only one
  std::int64_t shard = 0, shards = 1;  // clips shard, shard + shards, ...
  bool strict = false;                 // the first clip that cannot be read ends all
  bool force = false, dry_run = false;
  bool volatile_provenance = true;
  io::Provenance provenance = {};
  Progress* progress = nullptr;
  std::function<bool()> stop = {};  // polled between pieces of a clip
};

struct FlowOutcome {
  std::int64_t clips = 0, made = 0, unchanged = 0, fields = 0;  // fields that were made
  struct Skipped {
    std::string path, why;
  };
  std::vector<Skipped> skipped;
  double seconds = 0;
  std::optional<FlowErrors> errors;
  std::optional<FlowHead> head;  // of one clip
  bool several = false, stopped = false;

  std::string text() const;
  io::Json json() const;
};

// Errors: usage (options that do not go together, outputs made with other options), input (one clip
// that cannot be read, or `strict`), failed. Of several, those that cannot be read are warned of
// and kept in `skipped`.
FlowOutcome run_flow(const FlowRun& run);

}  // namespace rn::video
