// What an evaluation says: to people, to programs, and as a result file.
#pragma once

#include "io/h5.h"
#include "io/json.h"
#include "train/evaluate.h"
#include "train/model_file.h"

namespace rn::train {

// What was evaluated on what.
struct Evaluated {
  std::string model;  // name for people
  const ModelFile& file;
  std::int64_t parameters = 0;
  std::string data;  // URI
  std::string split;
  const Evaluation& evaluation;
};

struct ReportOptions {
  bool per_class = false, confusion = false;
};

// Two lines, then tables of tab-separated values with a header for what was asked for.
std::string to_text(const Evaluated& done, const ReportOptions& options);

// count errors error top5_error loss ...; errors in percent. Numbers that are not finite are null.
io::Json to_json(const Evaluated& done, const ReportOptions& options);

// A result of kind "evaluation": tables samples and per_class, logits, confusion, attributes at
// summary. The evaluation must have kept its samples. Provenance is the caller's to add.
io::H5 to_result(const Evaluated& done);

}  // namespace rn::train
