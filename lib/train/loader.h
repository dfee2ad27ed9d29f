// Reading and augmenting alone: whether the data hold up the training.
#pragma once

#include <string>

#include "train/options.h"

namespace rn::train {

struct LoaderReport {
  std::string data;
  std::int64_t images = 0, batches = 0;
  int loaders = 0;
  double cpu_seconds = 0;  // of all threads
  double seconds = 0;
  std::string text() const;
  std::string json() const;
};

// Takes batches as training would, an epoch of them or what --steps says if that is less, and does
// nothing with them. Errors: as prepare().
LoaderReport measure_loader(TrainOptions options);

}  // namespace rn::train
