#include "study/lesion_run.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "base/text.h"
#include "data/batcher.h"
#include "device/ledger.h"
#include "io/schema.h"
#include "study/prefix_tree.h"
#include "study/recalibrate.h"
#include "train/evaluate.h"
#include "train/samples.h"

namespace rn::study {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t most_images = 250;  // of a slice: what resnet-eval takes too

struct Job {
  const LesionRun& run;
  StudyFiles files;
  train::LoadedModel model;
  train::Samples samples;
  LesionResult result;
  std::int64_t slice = most_images;
  TreeCost cost;
};

void check_options(const LesionRun& run) {
  if (run.options.trials < 1) fail(ErrorKind::usage, "--trials must be at least 1");
  if (run.options.study == Study::noise && !(run.options.sigma > 0)) {
    fail(ErrorKind::usage, "--noise must be more than 0, not {}", run.options.sigma);
  }
}

// What is studied, before any image has been answered.
void describe(Job& job, const std::string& digest) {
  const LesionRun& run = job.run;
  const train::ModelFile& file = job.model.file;
  LesionResult& r = job.result;
  r.options = run.options;
  r.arch = file.spec.arch;
  r.model_digest = digest;
  r.data = job.samples.source->info().uri;
  r.data_digest = job.samples.source->info().digest;
  r.split = to_string(run.split);
  r.precision = train::precision_name(run.dtype);
  r.recalibrated = run.recalibrate;
  r.images = static_cast<std::int64_t>(job.samples.indices.size());
  r.shard = run.shard;
  r.class_names = file.class_names;
  r.blocks = blocks_of(file.spec);
  std::vector<Lesion> all = lesions_of(file.spec, run.options);
  r.total = static_cast<std::int64_t>(all.size());
  for (std::int64_t i = 0; i < r.total; ++i) {
    if (i != 0 && (i - 1) % run.shard.count != run.shard.index) continue;
    r.index.push_back(i);
    r.lesions.push_back(std::move(all[static_cast<std::size_t>(i)]));
  }
  r.tallies.resize(r.lesions.size());
}

Job prepare(const LesionRun& run) {
  check_options(run);
  StudyFiles files(run);
  const io::schema::Digested opened =
      io::schema::open_digested(run.model, io::schema::Format::model);
  train::LoadedModel model = train::load_model(opened.file, run.dtype, run.device);
  const std::string& name = opened.file.name();
  const std::string uri = train::data_uri(run.data, model.file, name);
  train::Samples samples = train::open_samples(uri, run.split, run.limit, model.file, name);
  train::check_fits(model.file.spec, samples.source->info());
  Job job{run, std::move(files), std::move(model), std::move(samples), {}, most_images, {}};
  describe(job, opened.digest);
  job.cost = PrefixTree(job.model.file.spec, job.result.lesions).cost(run.dtype);
  job.slice = std::clamp<std::int64_t>(
      run.memory_limit / std::max<std::int64_t>(job.cost.bytes_per_image, 1), 0, most_images);
  if (job.slice == 0) {
    fail(ErrorKind::usage, "--memory-limit: one image takes {} MiB of activations",
         (job.cost.bytes_per_image >> 20) + 1);
  }
  return job;
}

bool same_study(const LesionResult& a, const LesionResult& b) {
  return a.options.study == b.options.study && a.model_digest == b.model_digest &&
         a.data_digest == b.data_digest && a.split == b.split && a.images == b.images &&
         a.options.seed == b.options.seed && a.precision == b.precision &&
         a.recalibrated == b.recalibrated && a.shard == b.shard && a.total == b.total &&
         a.lesions == b.lesions;
}

// What is there already, from a checkpoint or a finished output of the same study.
bool take_up(Job& job, const std::string& path, bool finished) {
  if (!job.files.resumes(path)) return false;
  LesionResult found = read_lesions(io::schema::open(path, io::schema::Format::result));
  if (!same_study(found, job.result) || (finished && found.done != found.images)) {
    fail(ErrorKind::usage, "{}: is of another study; --force without --resume starts over", path);
  }
  job.result.done = found.done;
  job.result.tallies = std::move(found.tallies);
  return true;
}

io::Bytes bytes_of(const Job& job, bool volatile_fields = false) {
  io::H5 file = to_h5(job.result, volatile_fields);
  io::Provenance provenance = job.run.provenance;
  train::add_backend(provenance, job.run.dtype);
  provenance.seed = job.run.options.seed;
  provenance.inputs = {{job.run.model, job.result.model_digest},
                       {job.result.data, job.result.data_digest}};
  io::write(file, provenance, volatile_fields);
  return file.image();
}

data::Batcher batches_of(const Job& job, std::int64_t from) {
  data::BatcherOptions options;
  options.indices.assign(job.samples.indices.begin() + from, job.samples.indices.end());
  options.batch = job.slice;
  options.normalization = job.model.file.normalization;
  options.dtype = job.run.dtype;
  options.epochs = 1;
  return data::Batcher(*job.samples.source, std::move(options));
}

// Lesions with statistics of their own share nothing: each is a network of its own, for all images.
// Returns the reason to stop, or "".
std::string run_recalibrated(Job& job, Progress& progress) {
  std::string reason;
  const data::Normalization& normalization = job.model.file.normalization;
  const auto source = data::open_source(job.result.data, data::Split::train, job.run.recalibrate);
  models::Network& network = job.model.network;
  const std::vector<Tensor> statistics = statistics_of(network);
  TensorPool pool(job.model.network.store().device());
  const nn::Pass pass{pool};
  std::vector<std::vector<Tensor>> recalibrated;
  for (const Lesion& lesion : job.result.lesions) {
    if (reason = job.run.stopped(); !reason.empty()) return reason;
    apply(network, lesion);
    recalibrate(network, *source, normalization, job.run.recalibrate);
    recalibrated.push_back(statistics_of(network));
    restore(network, statistics);
    progress.advance(0, "statistics of " + lesion.name);
  }
  data::Batcher batcher = batches_of(job, job.result.done);
  SliceTally slice(job.result.tallies, job.model.file.spec.classes);
  while (const data::Batch* batch = batcher.next()) {
    if (reason = job.run.stopped(); !reason.empty()) break;
    slice.begin(batch->labels);
    for (std::size_t i = 0; i < job.result.lesions.size(); ++i) {
      restore(network, recalibrated[i]);
      const std::vector<Lesion> one{job.result.lesions[i]};
      PrefixTree(job.model.file.spec, one)
          .run(network, batch->images, batch->indices.front(), job.run.options.seed, pass,
               [&](std::size_t, const Tensor& logits) { slice.add(i, logits); });
    }
    slice.end();
    job.result.done += batch->labels.dim(0);
    progress.advance(job.result.done, "");
  }
  restore(network, statistics);
  return reason;
}

// Returns the reason to stop, or "".
std::string run_slices(Job& job, Progress& progress) {
  LesionResult& r = job.result;
  PrefixTree tree(job.model.file.spec, r.lesions);
  SliceTally slice(r.tallies, job.model.file.spec.classes);
  TensorPool pool(job.model.network.store().device());
  const nn::Pass pass{pool};
  data::Batcher batcher = batches_of(job, r.done);
  while (const data::Batch* batch = batcher.next()) {
    if (std::string reason = job.run.stopped(); !reason.empty()) return reason;
    slice.begin(batch->labels);
    tree.run(job.model.network, batch->images, batch->indices.front(), job.run.options.seed, pass,
             [&](std::size_t lesion, const Tensor& logits) { slice.add(lesion, logits); });
    slice.end();
    r.done += batch->labels.dim(0);
    progress.advance(r.done, fmt::format("intact error {:.2f} %", r.tallies.front().error()));
    if (r.done < r.images) job.files.keep([&] { return bytes_of(job); });
  }
  return "";
}

LesionOutcome plan(Job& job) {
  // One slice through the intact network: seconds of n block evaluations, with stem and head.
  const std::vector<Lesion> intact{job.result.lesions.front()};
  PrefixTree tree(job.model.file.spec, intact);
  TensorPool pool(job.model.network.store().device());
  const nn::Pass pass{pool};
  data::Batcher batcher = batches_of(job, 0);
  const data::Batch* batch = batcher.next();
  const auto once = [&] {
    const auto start = Clock::now();
    tree.run(job.model.network, batch->images, 0, 1, pass, [](std::size_t, const Tensor&) {});
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  once();
  const double blocks = static_cast<double>(job.result.blocks.size());
  const double slices =
      static_cast<double>(job.result.images) / static_cast<double>(batch->labels.dim(0));
  const double evaluations =
      static_cast<double>(job.run.recalibrate > 0 ? job.cost.naive : job.cost.evaluations);
  const double seconds = once() / blocks * evaluations * slices;
  const std::int64_t bytes = job.cost.bytes_per_image * std::min(job.slice, job.result.images);
  LesionOutcome outcome;
  outcome.plan = fmt::format(
      "would do {} lesions of {} on {} {}, {} images\nblock evaluations {} for each image ({} "
      "without sharing)\nabout {:.0f} s, about {} MiB of activations, {} images at a time\n",
      job.result.lesions.size() - 1, printable(job.result.arch), job.result.data, job.result.split,
      job.result.images, job.cost.evaluations, job.cost.naive, seconds, (bytes >> 20) + 1,
      job.slice);
  outcome.json.add("dry_run", true)
      .add("study", to_string(job.result.options.study))
      .add("lesions", job.result.lesions.size() - 1)
      .add("count", job.result.images)
      .add("evaluations", job.cost.evaluations)
      .add("evaluations_naive", job.cost.naive)
      .add("bytes", bytes)
      .add("slice", job.slice)
      .add("seconds", seconds);
  return outcome;
}

}  // namespace

LesionOutcome run_lesions(const LesionRun& run) {
  Job job = prepare(run);
  LesionOutcome outcome;
  if (run.dry_run) return plan(job);
  if (take_up(job, run.output, true)) {
    outcome.result = std::move(job.result);
    outcome.message = fmt::format("{}: complete already, nothing to do", run.output);
    return outcome;
  }
  if (take_up(job, job.files.checkpoint(), false)) {
    info("going on from {}: {} of {} images", job.files.checkpoint(), job.result.done,
         job.result.images);
  }
  NoProgress quiet;
  Progress& progress = run.progress ? *run.progress : quiet;
  progress.begin({.what = to_string(run.options.study), .total = job.result.images});
  const std::string reason =
      run.recalibrate > 0 ? run_recalibrated(job, progress) : run_slices(job, progress);
  progress.end();
  if (!reason.empty()) {
    job.files.stop(
        reason, fmt::format("{} of {} images", job.result.done, job.result.images),
        [&] { return bytes_of(job); }, outcome);
    return outcome;
  }
  job.files.finish([&] { return bytes_of(job, run.volatile_provenance); });
  outcome.result = std::move(job.result);
  return outcome;
}

}  // namespace rn::study
