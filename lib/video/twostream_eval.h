// Evaluation of two-stream networks, and what they say of single clips: the doing of
// video-twostream eval and predict.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "io/provenance.h"
#include "train/evaluate_report.h"
#include "video/twostream.h"

namespace rn::video {

struct TwoStreamEval {
  std::string model;  // path or "-"
  // A second model, of the stream that the first has not: the mean of their scores is that of a
  // two-stream network without connections. Empty: none.
  std::string with = {};
  ClipData data = {};                               // an empty URI: what the model was trained on
  std::optional<int> short_side = {}, frames = {};  // unset: as in training
  std::optional<bool> flip = {};
  data::Split split = data::Split::test;
  std::int64_t limit = -1;
  Dtype dtype = Dtype::f32;
  Device device = cpu;
  train::ReportOptions report = {};
  std::string output = {};  // result file of kind "evaluation"; empty: none
  std::string table = {};   // clip by clip, .csv or .tsv; empty: none
  bool force = false;
  bool dry_run = false;  // only look at the model and the clips, and say what would be done
  bool volatile_provenance = true;
  io::Provenance provenance = {};
  Progress* progress = nullptr;
  std::function<bool()> stop = {};
};

// Pictures of a clip beside each other: RGB bytes, row by row.
struct Strip {
  std::int64_t height = 0, width = 0;
  std::vector<std::uint8_t> bytes;
};

struct TwoStreamReport {
  std::string text;
  io::Json json;
  std::vector<Skipped> skipped;
  std::int64_t clips = 0, nonfinite = 0;
  bool stopped = false;  // nothing was written
  // Of predict, of the last clip: its best classes, and with `strip` what it looks like.
  std::vector<std::string> names = {};
  std::vector<double> probabilities = {};
  Strip strip = {};
};

// Errors: usage (outputs, no data, too few frames), input (model, data, classes that differ),
// failed.
TwoStreamReport evaluate_two_stream(const TwoStreamEval& run);

struct TwoStreamPredict {
  TwoStreamEval how;                // its model, data (without URI), frames, flip, dtype, ...
  std::vector<std::string> inputs;  // clips, folders, lists
  int top = 5;
  bool strip = false;  // one clip only
};

// A table: clip, rank, class, probability and the scores of the streams, the `top` best classes of
// every clip. Probabilities are those of the mean score.
TwoStreamReport predict_two_stream(const TwoStreamPredict& run);

}  // namespace rn::video
