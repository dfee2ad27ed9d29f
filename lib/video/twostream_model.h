// A model file of two-stream networks, ready to look at clips as it did in training: what
// evaluation and prediction share.
#pragma once

#include <string>

#include "train/st_model_file.h"
#include "video/chunk_batcher.h"
#include "video/clip_scores.h"
#include "video/twostream_eval.h"

namespace rn::video {

// A model that is ready, and how it looks at clips.
struct TwoStreamModel {
  train::StModelFile file;
  models::StNetwork network;
  std::string name, digest;
  ClipData data;

  bool two() const { return network.appearance() && network.motion(); }
  const char* streams() const {
    return two() ? "two streams" : network.appearance() ? "appearance" : "motion";
  }
};

// The model of run.model, and of run.with: a stream each. What the options leave open is as in
// training. Errors: input (no such model, other classes), usage (not a stream each, too few
// frames).
TwoStreamModel open_model(const TwoStreamEval& run);

ChunkReader reader_of(const TwoStreamModel& model, const ClipStore& store);

// Warns where frames in testing are at another distance than they were in training.
void warn_of_spacing(const TwoStreamModel& model, const ClipStore& store);

ScoreOptions score_options(const TwoStreamModel& model, const TwoStreamEval& run);

}  // namespace rn::video
