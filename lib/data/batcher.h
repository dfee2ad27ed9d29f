// Batches for training and evaluation, made ahead of the compute by a thread of its own: reading,
// augmentation and normalisation never hold up a step. Content is a pure function of (seed, epoch,
// position): any batch of any epoch can be made again.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/augmentation.h"
#include "data/source.h"

namespace rn::data {

struct BatcherOptions {
  std::vector<std::int64_t> indices;  // samples of the source, in evaluation order
  std::int64_t batch = 128;           // the last batch of an epoch may be smaller
  bool shuffle = false;               // order(seed, epoch) when true
  Augment augment;
  Normalization normalization;
  Dtype dtype = Dtype::f32;
  std::uint64_t seed = 1;
  std::int64_t first_epoch = 0, first_batch = 0;  // where to start (resume)
  // Stop after this many epochs, counted from first_epoch; -1: never.
  std::int64_t epochs = -1;
  int ahead = 3;    // batches kept ready
  int loaders = 0;  // threads that read and augment; 0: one, or threads() where samples are costly
};

struct Batch {
  Tensor images;                      // dtype [n, H, W, C]
  Tensor labels;                      // int32 [n]
  Tensor others, shares;              // int32 [n], f64 [n]: see ops/loss.h; undefined: not mixed
  std::vector<std::int64_t> indices;  // sample numbers in the source
  std::int64_t epoch = 0;
  std::int64_t number = 0;  // within the epoch
};

// Tensors of a batch are memory that later batches reuse: clone() what must stay.
class Batcher {
 public:
  // `source` must outlive the batcher. Errors: shape (options that make no sense).
  Batcher(const Source& source, BatcherOptions options);
  ~Batcher();
  std::int64_t batches_per_epoch() const;
  // The next batch, or nullptr after the last epoch; valid until the following call. Rethrows what
  // the reading thread met. To be called from one thread.
  const Batch* next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Order of an epoch's samples: a Fisher-Yates shuffle drawn from (seed, RngPurpose::order, epoch).
std::vector<std::int64_t> epoch_order(std::vector<std::int64_t> indices, std::uint64_t seed,
                                      std::int64_t epoch);

}  // namespace rn::data
