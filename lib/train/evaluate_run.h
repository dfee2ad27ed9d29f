// An evaluation from model file to report: the doing of resnet-eval.
#pragma once

#include "io/provenance.h"
#include "train/evaluate_report.h"

namespace rn::train {

struct EvaluateRun {
  std::string model;      // path or "-"
  std::string data = {};  // empty: what the model was trained on, if that is built in
  data::Split split = data::Split::test;
  std::int64_t limit = -1;  // the first N; -1: all
  std::int64_t batch = 250;
  bool ten_crop = false;
  Dtype dtype = Dtype::f32;
  Device device = cpu;
  ReportOptions report = {};
  std::string output = {};  // result file; empty: none
  bool force = false;
  bool dry_run = false;  // one batch only, to say what the whole would take
  bool volatile_provenance = true;
  io::Provenance provenance = {};
  Progress* progress = nullptr;
};

struct EvaluateOutcome {
  std::string text;
  std::string row;  // of a table of models: see evaluation_header
  io::Json json;
  std::int64_t nonfinite = 0;  // images whose logits are not finite
};

extern const char* const evaluation_header;  // tab-separated, with a newline

// Errors: usage (no data, a validation split that is not known, an output that exists), input
// (model, data, or data that does not fit the model), failed.
EvaluateOutcome run_evaluation(const EvaluateRun& run);

}  // namespace rn::train
