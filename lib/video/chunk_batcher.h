// Batches of chunks, made ahead of the compute by threads of their own.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "video/chunk.h"

namespace rn::video {

struct ChunkJob {
  std::int64_t clip = 0;
  Chunk chunk;
};

struct ChunkBatch {
  Tensor frames;                    // [N*T, H, W, 3]; undefined if not wanted
  Tensor flow;                      // [N*T, H, W, 2L]
  std::vector<std::int64_t> clips;  // numbers in the store
  std::vector<std::int32_t> labels;
  std::int64_t number = 0;
};

struct ChunkBatcherOptions {
  bool frames = true, flow = true;
  int flow_stack = 10;
  Dtype dtype = Dtype::f32;
  std::int64_t first = 0;  // number of the first batch
  int loaders = 1, ahead = 2;
  // What is in batch `number`, a pure function of it: chunks of as many frames and of one size;
  // empty behind the last batch.
  std::function<std::vector<ChunkJob>(std::int64_t number)> jobs;
};

// Tensors of a batch are memory that later batches reuse.
class ChunkBatcher {
 public:
  // Store and reader must outlive it.
  ChunkBatcher(const ClipStore& store, const ChunkReader& reader, ChunkBatcherOptions options);
  ~ChunkBatcher();
  // The next batch, or null behind the last; valid until the following call. Rethrows what the
  // reading threads met.
  const ChunkBatch* next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rn::video
