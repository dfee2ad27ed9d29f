// From model file to result file: the doing of resnet-geometry.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/progress.h"
#include "data/source.h"
#include "io/provenance.h"
#include "study/geometry_result.h"

namespace rn::study {

struct GeometryRun {
  std::string model;      // path or "-"
  std::string data = {};  // empty: what the model was trained on, if that is built in
  data::Split split = data::Split::test;
  std::int64_t limit = 1000;  // the first N points or images; -1: all
  GeometryOptions options = {};
  std::optional<OutputMetric> output = {};    // unset: Euclidean for C^k, Fisher's for classifiers
  std::optional<double> floor = {};           // unset: 1e-12; classifiers in fp32: 1e-6
  std::optional<std::int64_t> grid = {};      // unset: options.grid where points are in the plane
  bool coordinates = false, actions = false;  // asked for by name: errors for classifiers
  std::vector<std::string> retrained = {};    // models with twice the layers each time
  Shard shard = {};
  Dtype dtype = Dtype::f32;  // of classifiers; C^k networks are studied in f64
  Device device = cpu;
  std::int64_t batch = 16;  // images at a time
  std::int64_t memory_limit = std::int64_t{2} << 30;

  std::string output_file = {};  // empty: none
  bool force = false, dry_run = false;
  bool volatile_provenance = true;
  io::Provenance provenance = {};
  Progress* progress = nullptr;
  std::function<std::string()> stop = {};  // polled: the reason to stop ("SIGTERM"), or ""
};

struct GeometryOutcome {
  GeometryResult result;
  std::string text = {};  // of a dry run
  io::Json json = {};     // of a dry run
};

// Errors: usage (options that do not go with the network, an output that exists, memory), input
// (model, data), numeric (coordinates or logits that are not finite), failed (stopped).
GeometryOutcome run_geometry(const GeometryRun& run);

// The shards of a study as one; says in `inputs` what was read. Errors: input.
GeometryResult merge_geometry(const std::vector<std::string>& paths,
                              std::vector<io::Provenance::Input>& inputs);

}  // namespace rn::study
