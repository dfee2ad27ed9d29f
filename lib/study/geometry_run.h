// From model file to result file: the doing of resnet-geometry.
#pragma once

#include <optional>
#include <string>

#include "study/geometry_result.h"
#include "study/study_run.h"

namespace rn::study {

// Nothing is kept meanwhile: `resume` and `checkpoint_seconds` are of no use.
struct GeometryRun : StudyRun {  // dtype and device: of classifiers; C^k networks: f64 on the CPU
  GeometryOptions options = {};
  std::optional<OutputMetric> metric = {};    // unset: Euclidean for C^k, Fisher's for classifiers
  std::optional<double> floor = {};           // unset: 1e-12; classifiers in fp32: 1e-6
  std::optional<std::int64_t> grid = {};      // unset: options.grid where points are in the plane
  bool coordinates = false, actions = false;  // asked for by name: errors for classifiers
  std::vector<std::string> retrained = {};    // models with twice the layers each time
  std::int64_t batch = 16;                    // images at a time
};

struct GeometryOutcome : StudyOutcome {
  GeometryResult result;
};

// Errors: usage (options that do not go with the network, an output that exists, memory), input
// (model, data), numeric (coordinates or logits that are not finite), failed (stopped).
GeometryOutcome run_geometry(const GeometryRun& run);

}  // namespace rn::study
