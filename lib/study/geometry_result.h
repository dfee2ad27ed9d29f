// What resnet-geometry finds, of a C^k network or of a classifier of images. Written as a result
// file (docs/man/resnet-h5.5, kind "geometry").
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/shard.h"
#include "io/h5.h"
#include "io/json.h"
#include "io/provenance.h"
#include "models/ck.h"
#include "study/block_lanczos.h"
#include "study/ck_studies.h"
#include "study/metric_spectrum.h"

namespace rn::study {

struct GeometryOptions {
  OutputMetric output = OutputMetric::euclidean;
  double floor = 1e-12;  // of singular values (C^k), of eigenvalues (classifiers)
  std::uint64_t seed = 1;
  // C^k networks.
  bool metric = true, actions = false;
  int converge = 0;                // times; 0: not
  std::int64_t grid = 21;          // points a side, over points in the plane; 0: none
  std::vector<std::int64_t> path;  // two points; empty: none
  PathOptions relax = {};
  BatchOptions batches = {};  // sizes empty: none
  // Classifiers.
  std::int64_t vectors = 0;       // images whose leading eigenvector is kept
  std::int64_t block_images = 0;  // images at which single blocks' spectra are taken
  LanczosOptions lanczos = {};
};

struct GeometryResult {
  GeometryOptions options;
  std::string arch, model_digest, precision = "fp64";
  std::string data, data_digest, split;
  std::vector<std::string> class_names;
  std::int64_t images = 0;          // of the whole study
  Shard shard = {};                 // classifiers: images index, index + count, ...
  std::vector<std::int64_t> index;  // of points or images, in the data's order
  std::vector<std::int64_t> labels, answers;

  bool ck = false;
  models::CkOptions network = {};
  std::int64_t channels = 0, width = 0;  // of a point, of the coordinates
  std::vector<double> mean, stddev;      // what points were normalised by
  std::vector<double> points;            // [N, channels], normalised
  CkGeometry at_points, at_grid;
  std::int64_t grid_side = 0;
  std::optional<Converge> converge, retrained;
  std::optional<BatchSizes> batches;
  std::optional<PathResult> path;

  std::vector<std::string> boundaries;  // names, and numbers of a value
  std::vector<std::int64_t> sizes;
  ImageSpectra spectra;
  Shape image_shape;  // [H, W, C] of an eigenvector
  std::vector<std::string> blocks;
  LanczosResult singular;  // [images, blocks, values]

  std::int64_t state() const { return width * ops::ck_copies(network.order); }
  double error() const;  // percent
};

// Over images, at each boundary of a classifier.
struct SpectrumMeans {
  struct Column {
    std::vector<double> mean, error, median;  // error: standard error of the mean
  };
  Column leading, trace, effective_rank, log_volume;                       // [B]
  std::vector<double> rank;                                                // [B], mean
  std::vector<double> eigenvalues, eigenvalue_errors, eigenvalue_medians;  // [B, C]
};
SpectrumMeans spectrum_means(const ImageSpectra& spectra);

// Of a C^k network by boundary, over points.
struct LayerSummary {
  std::vector<double> condition, log_determinant;  // medians; inf, -inf where most are singular
  std::vector<double> rank;                        // mean
  std::vector<double> largest, smallest;           // eigenvalues' medians
};
LayerSummary layer_summary(const MetricField& field);

// With `paths` false, where the data are is left out (io::without_path).
io::H5 to_h5(const GeometryResult& result, bool paths = true);
// Errors (input): another kind of file, damaged.
GeometryResult read_geometry(const io::H5& file);
// Shards of a classifier's study. Errors (input): of different studies, twice, missing.
GeometryResult merge(std::vector<GeometryResult> shards, const std::vector<std::string>& names);
// The same from their files; says in `inputs` what was read.
GeometryResult merge_geometry(const std::vector<std::string>& paths,
                              std::vector<io::Provenance::Input>& inputs);

std::string to_text(const GeometryResult& result);
std::string to_table(const GeometryResult& result);  // TSV, a row for each boundary
io::Json to_json(const GeometryResult& result);

}  // namespace rn::study
