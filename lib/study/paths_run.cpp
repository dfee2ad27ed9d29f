#include "study/paths_run.h"

#include <algorithm>

#include "base/log.h"
#include "data/batcher.h"
#include "study/paths_job.h"

namespace rn::study {
namespace {

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
    options.slice = job_.cost.lengths;
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
      for (std::int64_t first = 0; first < size; first += job_.cost.images) {
        if (reason = job_.run.stopped(); !reason.empty()) break;
        const std::int64_t end = std::min(first + job_.cost.images, size);
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
      if (reason = job_.run.stopped(); !reason.empty()) break;
      const data::Batch* batch = batcher.next();
      const auto norms = sampler.run(batch->images, batch->labels, trial, job_.cost.images, pool);
      r.sampled.insert(r.sampled.end(), norms.begin(), norms.end());
      progress_.advance(++done);
      checkpoint();
    }
    progress_.end();
    return reason;
  }

  void checkpoint() {
    job_.files.keep([&] { return bytes_of(job_); });
  }

  PathsJob& job_;
  Progress& progress_;
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
  outcome.cost = job.cost;
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
  if (take_up(job, job.files.checkpoint())) {
    info("going on from {}: {} batches and {} measurements", job.files.checkpoint(),
         job.result.batches.size(), job.result.sampled.size());
  }
  if (run.options.spectrum || run.options.sample) {
    info("about {} MiB of memory: {} images and {} lengths at a time", (job.cost.bytes >> 20) + 1,
         job.cost.images, std::max<std::int64_t>(job.cost.lengths, 1));
  }
  NoProgress quiet;
  const std::string reason = Runner(job, run.progress ? *run.progress : quiet).run();
  if (!reason.empty()) {
    job.files.stop(
        reason,
        fmt::format("{} batches and {} measurements", job.result.batches.size(),
                    job.result.sampled.size()),
        [&] { return bytes_of(job); }, outcome);
    return outcome;
  }
  job.files.finish([&] { return bytes_of(job, run.volatile_provenance); });
  outcome.result = std::move(job.result);
  return outcome;
}

}  // namespace rn::study
