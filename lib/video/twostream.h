// What the commands of video-twostream have in common: which clips, and what a network sees of
// them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/st_resnet.h"
#include "train/options.h"
#include "train/plan.h"
#include "train/session.h"
#include "train/st_model_file.h"
#include "video/clip_scores.h"

namespace rn::video {

// Where clips come from, and how they are looked at in testing.
struct ClipData {
  std::string uri = {};         // see open_clips
  std::string flow = {};        // folder of flow files; empty: computed
  int short_side = 0;           // of pictures; 0: as they are, or as the flow is
  bool flip = false;            // mirroring does not change a class
  int test_frames = 25;         // of a clip
  std::int64_t test_batch = 8;  // clips at a time
  std::int64_t cache_bytes = std::int64_t{1} << 30;
  int loaders = 0;      // threads; 0: as many as compute
  bool strict = false;  // the first clip that cannot be used is an error
};

// Opens the clips of a split. `limit`: the first N of them; -1: all. Errors: usage, input.
std::unique_ptr<ClipStore> open_store(const ClipData& data, data::Split split, bool frames,
                                      bool flow, std::int64_t limit, Progress* progress,
                                      const std::function<bool()>& stop);

// Networks with taps in time know the distance of frames that they were trained at: warns where
// `test_frames` of the usual clip are nearer to each other, or farther, than `frames` were at
// strides low to high.
void check_spacing(const models::StSpec& spec, const ClipStore& store, int test_frames, int frames,
                   int low, int high);

struct TwoStreamTrain {
  // As of image networks, with clips for images: arch, seed, schedule, optimizer, step, files, ...;
  // init, augment, normalize and memory are not used.
  train::TrainOptions train;
  models::StOptions network;  // height, width and classes are those of chunk and data
  // Image networks, for both streams, and spatiotemporal ones, for the streams they have; later
  // ones are stronger.
  std::vector<std::string> init_from = {};
  ClipData data;
  ChunkOptions chunk;
};

struct TwoStreamOutcome {
  train::Outcome train;
  std::vector<Skipped> skipped;  // clips of all splits
};

// Trains, and writes the model. Errors: as of train::train, and of open_store.
TwoStreamOutcome train_two_stream(TwoStreamTrain options);

struct TwoStreamOutlook {
  train::Plan plan;
  std::vector<Skipped> skipped;
  std::string stopped;  // a message; empty: not stopped
};

// What that training would be: looks at all clips, measures steps of a few, and writes nothing.
TwoStreamOutlook plan_two_stream(TwoStreamTrain options);

// The value of an option in a model's recipe, without quotation marks: "short-side = 64". Empty:
// not there.
std::string recipe_value(const std::string& recipe, const std::string& key);

}  // namespace rn::video
