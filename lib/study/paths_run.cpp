#include "study/paths_run.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "data/batcher.h"
#include "io/file.h"
#include "io/schema.h"
#include "study/paths_job.h"

namespace rn::study {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

data::Batcher batches_of(const PathsJob& job, const train::Samples& samples,
                         std::vector<std::int64_t> positions, std::int64_t batch) {
  data::BatcherOptions options;
  for (const std::int64_t at : positions) {
    options.indices.push_back(samples.indices[static_cast<std::size_t>(at)]);
  }
  options.batch = batch;
  options.normalization = job.model.file.normalization;
  options.dtype = job.run.dtype;
  options.epochs = 1;
  options.ahead = 1;
  return data::Batcher(*samples.source, std::move(options));
}

class Runner {
 public:
  Runner(PathsJob& job, Progress& progress) : job_(job), progress_(progress) {}

  // Returns the reason to stop, or "".
  std::string run() {
    std::string reason;
    if (job_.result.options.spectrum) reason = run_spectrum();
    if (reason.empty() && job_.result.options.sample) reason = run_sampled();
    return reason;
  }

 private:
  std::string stopped() const { return job_.run.stop ? job_.run.stop() : std::string(); }

  std::string run_spectrum() {
    PathsResult& r = job_.result;
    const std::int64_t from = r.batches.empty() ? 0 : r.batches.back().index + 1;
    const std::vector<std::int64_t> batches = indices_of(r.shard, r.batch_count(), from);
    std::vector<std::int64_t> positions;
    for (const std::int64_t index : batches) {
      for (std::int64_t i = 0; i < r.batch_size(index); ++i) {
        positions.push_back(index * r.options.batch + i);
      }
    }
    if (positions.empty()) return "";
    const auto total = static_cast<std::int64_t>(positions.size());
    SpectrumOptions options = r.options.exact;
    options.slice = job_.plan.lengths;
    Spectrum spectrum(job_.model.network, options);
    TensorPool pool(job_.model.network.store().device());
    data::Batcher batcher = batches_of(job_, job_.samples, std::move(positions), r.options.batch);
    progress_.begin({.what = "spectrum", .total = total});
    std::int64_t done = 0, before = 0;
    std::string reason;
    for (const std::int64_t index : batches) {
      const data::Batch* batch = batcher.next();
      const std::int64_t size = batch->labels.dim(0);
      PathsResult::Batch part{index, spectrum.begin(size)};
      for (std::int64_t first = 0; first < size; first += job_.plan.images) {
        if (reason = stopped(); !reason.empty()) break;
        const std::int64_t end = std::min(first + job_.plan.images, size);
        if (end - first != before) pool.trim();  // memory of another size is of no use
        before = end - first;
        spectrum.run(batch->images.slice(first, end), batch->labels.slice(first, end), pool,
                     part.spectrum, first);
        progress_.advance(done += before);
      }
      if (!reason.empty()) break;
      r.batches.push_back(std::move(part));
      checkpoint();
    }
    progress_.end();
    return reason;
  }

  std::string run_sampled() {
    PathsResult& r = job_.result;
    const SampleOptions& o = r.options.sampled;
    const std::int64_t from = r.sampled.empty() ? 0 : r.sampled.back().trial + 1;
    const std::vector<std::int64_t> trials = indices_of(r.shard, o.trials, from);
    std::vector<std::int64_t> positions;
    for (const std::int64_t trial : trials) {
      const auto drawn = sampled_images(r.sample_images, o.batch, trial, o.seed);
      positions.insert(positions.end(), drawn.begin(), drawn.end());
    }
    if (positions.empty()) return "";
    PathSampler sampler(job_.model.network, o);
    TensorPool pool(job_.model.network.store().device());
    data::Batcher batcher = batches_of(job_, job_.sample_from, std::move(positions),
                                       std::min(o.batch, r.sample_images));
    progress_.begin({.what = "sampled paths",
                     .total = static_cast<std::int64_t>(trials.size()),
                     .item = "trials"});
    std::int64_t done = 0;
    std::string reason;
    for (const std::int64_t trial : trials) {
      if (reason = stopped(); !reason.empty()) break;
      const data::Batch* batch = batcher.next();
      const auto norms = sampler.run(batch->images, batch->labels, trial, job_.plan.images, pool);
      r.sampled.insert(r.sampled.end(), norms.begin(), norms.end());
      progress_.advance(++done);
      checkpoint();
    }
    progress_.end();
    return reason;
  }

  void checkpoint() {
    if (job_.checkpoint.empty() || seconds_since(saved_) < job_.run.checkpoint_seconds) return;
    try {
      io::write_file(job_.checkpoint, bytes_of(job_, false));
    } catch (const Error& error) {
      warn("{}; the study goes on", error.what());
    }
    saved_ = Clock::now();
  }

  PathsJob& job_;
  Progress& progress_;
  Clock::time_point saved_ = Clock::now();
};

// Whether all of this shard is there.
bool complete(const PathsResult& r) {
  const auto batches = indices_of(r.shard, r.batch_count(), 0);
  const auto trials = indices_of(r.shard, r.options.sample ? r.options.sampled.trials : 0, 0);
  return r.batches.size() == batches.size() &&
         r.sampled.size() == trials.size() * r.options.sampled.lengths.size();
}

}  // namespace

PathsOutcome run_paths(const PathsRun& run) {
  PathsJob job = prepare_paths(run);
  PathsOutcome outcome;
  outcome.plan = job.plan;
  if (run.dry_run) {
    tell_plan(job, outcome);
    return outcome;
  }
  if (take_up(job, run.output)) {
    if (!complete(job.result)) {
      fail(ErrorKind::usage, "{}: is not whole; --force without --resume starts over", run.output);
    }
    outcome.result = std::move(job.result);
    outcome.message = fmt::format("{}: complete already, nothing to do", run.output);
    return outcome;
  }
  if (take_up(job, job.checkpoint)) {
    info("going on from {}: {} batches and {} measurements", job.checkpoint,
         job.result.batches.size(), job.result.sampled.size());
  }
  if (run.options.spectrum || run.options.sample) {
    info("about {} MiB of memory: {} images and {} lengths at a time", (job.plan.bytes >> 20) + 1,
         job.plan.images, std::max<std::int64_t>(job.plan.lengths, 1));
  }
  NoProgress quiet;
  const std::string reason = Runner(job, run.progress ? *run.progress : quiet).run();
  if (!reason.empty()) {
    if (job.checkpoint.empty()) {
      fail(ErrorKind::failed, "stopped by {}; nothing is saved: there is no output file", reason);
    }
    io::write_file(job.checkpoint, bytes_of(job, false));
    outcome.stopped = true;
    outcome.message = fmt::format(
        "stopped by {}: {} batches and {} measurements are done, saved in {}; the same command "
        "with --resume goes on",
        reason, job.result.batches.size(), job.result.sampled.size(), job.checkpoint);
    return outcome;
  }
  if (!run.output.empty()) {
    io::write_file(run.output, bytes_of(job, run.volatile_provenance));
    if (!job.checkpoint.empty()) ::unlink(job.checkpoint.c_str());
  }
  outcome.result = std::move(job.result);
  return outcome;
}

PathsResult merge_paths(const std::vector<std::string>& paths,
                        std::vector<io::Provenance::Input>& inputs) {
  std::vector<PathsResult> parts;
  for (const std::string& path : paths) {
    io::Bytes bytes = io::read_file(path);
    inputs.push_back({path, io::sha256(bytes)});
    parts.push_back(
        read_paths(io::H5::open_image(std::move(bytes), path == "-" ? "stdin" : path,
                                      io::schema::expectation(io::schema::Format::result))));
  }
  return merge(std::move(parts), paths);
}

}  // namespace rn::study
