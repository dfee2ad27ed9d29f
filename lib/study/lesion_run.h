// A lesion study from model file to result file: the doing of resnet-lesion.
#pragma once

#include <functional>
#include <string>

#include "base/progress.h"
#include "data/source.h"
#include "io/provenance.h"
#include "study/lesion_result.h"

namespace rn::study {

struct LesionRun {
  std::string model;      // path or "-"
  std::string data = {};  // empty: what the model was trained on, if that is built in
  data::Split split = data::Split::test;
  std::int64_t limit = -1;        // the first N images; -1: all
  std::int64_t limit_train = -1;  // of the images that recalibration takes
  LesionOptions options = {};
  std::int64_t recalibrate = 0;  // estimate the statistics again from so many training images
  Shard shard = {};
  Dtype dtype = Dtype::f32;
  Device device = cpu;
  std::int64_t memory_limit = std::int64_t{2} << 30;  // bytes of activations

  std::string output = {};  // result file; empty: none
  bool force = false, resume = false, dry_run = false;
  bool volatile_provenance = true;
  double checkpoint_seconds = 120;  // between checkpoints, beside the output
  io::Provenance provenance = {};
  Progress* progress = nullptr;
  std::function<std::string()> stop = {};  // polled: the reason to stop ("SIGTERM"), or ""
};

struct LesionOutcome {
  LesionResult result;
  bool stopped = false;      // saved in OUTPUT.ckpt: the same command with resume goes on
  std::string message = {};  // for the reader, when stopped or nothing was left to do
  std::string plan = {};     // of a dry run
  io::Json json = {};        // of a dry run
};

// Errors: usage (options, names, an output that exists), input (model, data, a checkpoint of
// another study), failed.
LesionOutcome run_lesions(const LesionRun& run);

}  // namespace rn::study
