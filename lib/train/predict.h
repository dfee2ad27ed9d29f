// What a model sees in images that nobody has labelled: the doing of resnet-eval --predict.
#pragma once

#include <string>
#include <vector>

#include "base/progress.h"
#include "train/model_file.h"

namespace rn::train {

struct PredictRun {
  std::string model;        // path or "-"
  std::string images;       // a directory of JPEG and PNG images, or one
  std::int64_t resize = 0;  // of their shorter side; 0: 256 / 224 of what the model takes
  std::int64_t top = 5;     // classes of each image; at most those there are
  std::int64_t batch = 250;
  bool ten_crop = false;
  Dtype dtype = Dtype::f32;
  Device device = cpu;
  Progress* progress = nullptr;
};

struct Predictions {
  std::string table;  // tab-separated, with a header: image, class and probability, ...; the most
                      // probable first
  std::int64_t images = 0;
  std::vector<std::string> skipped;    // what is wrong with the images that could not be read
  std::vector<std::string> nonfinite;  // images for which not all outputs are finite
};

// Errors: usage, input (model; no images at all; a model whose images are not square or not in
// colour).
Predictions predict(const PredictRun& run);

}  // namespace rn::train
