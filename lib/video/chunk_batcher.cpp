#include "video/chunk_batcher.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "data/ahead.h"

namespace rn::video {

struct ChunkBatcher::Impl {
  const ClipStore& store;
  const ChunkReader& reader;
  const ChunkBatcherOptions options;
  data::Workers workers;  // used by the thread that fills only
  data::Ahead<ChunkBatch> ahead;

  Impl(const ClipStore& s, const ChunkReader& r, ChunkBatcherOptions o)
      : store(s),
        reader(r),
        options(std::move(o)),
        workers(std::max(1, options.loaders)),
        ahead(options.ahead) {
    ahead.start([this] { produce(); });
  }

  void produce() {
    for (std::int64_t number = options.first;; ++number) {
      const std::vector<ChunkJob> jobs = options.jobs(number);
      if (jobs.empty()) return;
      ChunkBatch* slot = ahead.take();
      if (!slot) return;
      fill(*slot, jobs, number);
      ahead.give(slot);
    }
  }

  void fill(ChunkBatch& slot, const std::vector<ChunkJob>& jobs, std::int64_t number) {
    const Chunk& first = jobs.front().chunk;
    const auto n = static_cast<std::int64_t>(jobs.size()),
               frames = static_cast<std::int64_t>(first.frames.size());
    for (const ChunkJob& job : jobs) {
      require(job.chunk.frames.size() == first.frames.size() && job.chunk.height == first.height &&
                  job.chunk.width == first.width,
              "ChunkBatcher: chunks of several sizes in batch {}", number);
    }
    const Shape shape{n * frames, first.height, first.width, 3};
    if (options.frames) slot.frames.ensure(shape, options.dtype, Tag::input);
    if (options.flow) {
      slot.flow.ensure({shape[0], shape[1], shape[2], 2 * options.flow_stack}, options.dtype,
                       Tag::input);
    }
    slot.number = number;
    slot.clips.assign(jobs.size(), 0);
    slot.labels.assign(jobs.size(), 0);
    workers.run(n, [&](int, std::int64_t i) {
      if (ahead.stopped()) return;
      const ChunkJob& job = jobs[static_cast<std::size_t>(i)];
      slot.clips[static_cast<std::size_t>(i)] = job.clip;
      slot.labels[static_cast<std::size_t>(i)] =
          store.clips().at(static_cast<std::size_t>(job.clip)).named.label;
      // The pool of threads belongs to the compute: what is computed here is so by this thread.
      parallel_for(1, [&](int) {
        reader.read(job.clip, job.chunk, options.frames ? slot.frames : Tensor(),
                    options.flow ? slot.flow : Tensor(), i * frames);
      });
    });
  }
};

ChunkBatcher::ChunkBatcher(const ClipStore& store, const ChunkReader& reader,
                           ChunkBatcherOptions options)
    : impl_(std::make_unique<Impl>(store, reader, std::move(options))) {}
ChunkBatcher::~ChunkBatcher() = default;
const ChunkBatch* ChunkBatcher::next() { return impl_->ahead.next(); }

}  // namespace rn::video
