#include "video/chunk_batcher.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "data/workers.h"

namespace rn::video {

struct ChunkBatcher::Impl {
  const ClipStore& store;
  const ChunkReader& reader;
  const ChunkBatcherOptions options;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<ChunkBatch> slots;
  std::vector<ChunkBatch*> empty, ready;
  ChunkBatch* lent = nullptr;
  bool stop = false, finished = false;
  std::exception_ptr error;
  data::Workers workers;  // used by `thread` only
  std::thread thread;

  Impl(const ClipStore& s, const ChunkReader& r, ChunkBatcherOptions o)
      : store(s), reader(r), options(std::move(o)), workers(std::max(1, options.loaders)) {
    // Those ready, one with the caller, one being filled.
    slots.resize(static_cast<std::size_t>(std::max(1, options.ahead)) + 2);
    for (ChunkBatch& slot : slots) empty.push_back(&slot);
    thread = data::quiet_thread([this] { run(); });
  }
  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    changed.notify_all();
    thread.join();
  }

  void run() {
    try {
      for (std::int64_t number = options.first;; ++number) {
        const std::vector<ChunkJob> jobs = options.jobs(number);
        if (jobs.empty()) break;
        ChunkBatch* slot = take_empty();
        if (!slot) break;
        fill(*slot, jobs, number);
        {
          const std::lock_guard lock(mutex);
          ready.push_back(slot);
        }
        changed.notify_all();
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      error = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex);
      finished = true;
    }
    changed.notify_all();
  }

  ChunkBatch* take_empty() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return stop || !empty.empty(); });
    if (stop) return nullptr;
    ChunkBatch* slot = empty.front();
    empty.erase(empty.begin());
    return slot;
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
      {
        const std::lock_guard lock(mutex);
        if (stop) return;  // nobody will look at it
      }
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

  const ChunkBatch* next() {
    std::unique_lock lock(mutex);
    if (lent) {
      empty.push_back(std::exchange(lent, nullptr));
      changed.notify_all();
    }
    changed.wait(lock, [&] { return finished || !ready.empty(); });
    if (ready.empty()) {
      if (error) std::rethrow_exception(error);
      return nullptr;
    }
    lent = ready.front();
    ready.erase(ready.begin());
    return lent;
  }
};

ChunkBatcher::ChunkBatcher(const ClipStore& store, const ChunkReader& reader,
                           ChunkBatcherOptions options)
    : impl_(std::make_unique<Impl>(store, reader, std::move(options))) {}
ChunkBatcher::~ChunkBatcher() = default;
const ChunkBatch* ChunkBatcher::next() { return impl_->next(); }

}  // namespace rn::video
