// What a two-stream network says of clips.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "models/st_resnet.h"
#include "train/evaluate.h"
#include "video/chunk_batcher.h"

namespace rn::video {

// Means of each clip's rows: logits [clips * O, K] to [clips, K], on the CPU. A clip's score is the
// mean of its outputs before the softmax, in training as in testing.
Tensor clip_means(const Tensor& logits, std::int64_t clips);
// Backward: from the gradient of the means [clips, K] to that of the logits [clips * outputs, K],
// overwritten.
Tensor clip_means_backward(const Tensor& d_means, std::int64_t outputs);

struct ScoreOptions {
  std::vector<std::int64_t> clips = {};  // numbers in the store; empty: all
  int frames = 25;                       // of a clip, at equal distances, whole
  bool flip = false;                     // the mean with what is said of the mirrored clip
  std::int64_t batch = 8;                // clips of one size that go through at a time
  bool keep_samples = false;
  int loaders = 1;
  std::string what = "test";
  Progress* progress = nullptr;
  std::function<bool()> should_stop = {};
  TensorPool* pool = nullptr;
};

struct ClipScores {
  // Of the mean of both streams' scores; of one stream where there is one. Samples are in the order
  // of the clips asked for.
  train::Evaluation fused;
  std::optional<train::Evaluation> appearance, motion;  // where there are both
};

// The same result for any number of threads.
ClipScores score_clips(const models::StNetwork& network, const ClipStore& store,
                       const ChunkReader& reader, const ScoreOptions& options);

}  // namespace rn::video
