#include "study/paths_run.h"

#include <unistd.h>

#include <chrono>
#include <numeric>

#include "base/log.h"
#include "data/batcher.h"
#include "device/ledger.h"
#include "io/file.h"
#include "io/schema.h"
#include "train/describe.h"
#include "train/evaluate.h"
#include "train/samples.h"

namespace rn::study {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Job {
  const PathsRun& run;
  train::LoadedModel model;
  train::Samples samples, sample_from;  // of the spectrum, of sampled paths
  PathsResult result;
  std::string checkpoint;
  std::int64_t activations = 0, sample_activations = 0;  // bytes for each image
  std::int64_t base = 0;                                 // bytes that are there anyway
  PathsPlan plan;
};

std::string checkpoint_of(const PathsRun& run) {
  return run.output.empty() || run.output == "-" ? "" : run.output + ".ckpt";
}

void check_options(const PathsRun& run) {
  if (run.options.batch < 1 || run.options.sampled.batch < 1) {
    fail(ErrorKind::usage, "--batch must be at least 1");
  }
  if (run.options.sampled.trials < 1) fail(ErrorKind::usage, "--trials must be at least 1");
  if (run.resume && checkpoint_of(run).empty()) {
    fail(ErrorKind::usage, "--resume needs an output file to keep a checkpoint beside");
  }
}

void check_outputs(const PathsRun& run, const std::string& checkpoint) {
  if (!run.output.empty()) io::check_output(run.output, run.force || run.resume);
  if (checkpoint.empty()) return;
  if (::access(checkpoint.c_str(), F_OK) == 0 && !run.resume && !run.force) {
    fail(ErrorKind::usage,
         "{}: the checkpoint of an unfinished study; --resume goes on with it, --force starts over",
         checkpoint);
  }
  io::check_output(checkpoint, true);
}

void describe(Job& job, const std::string& digest, const std::string& uri) {
  const PathsRun& run = job.run;
  PathsResult& r = job.result;
  r.options = run.options;
  r.arch = job.model.file.spec.arch;
  r.model_digest = digest;
  r.precision = train::precision_name(run.dtype);
  r.data = uri;
  r.shard = run.shard;
  for (const nn::BlockSpec& block : job.model.file.spec.blocks) {
    r.blocks.push_back({block.name, block.stage(), block.downsamples(),
                        block.preactivation == nn::Preactivation::shared});
  }
  if (job.samples.source) {
    r.data_digest = job.samples.source->info().digest;
    r.split = to_string(run.split);
    r.images = static_cast<std::int64_t>(job.samples.indices.size());
  }
  if (job.sample_from.source) {
    r.sample_digest = job.sample_from.source->info().digest;
    r.sample_split = to_string(run.sample_split);
    r.sample_images = static_cast<std::int64_t>(job.sample_from.indices.size());
    std::vector<std::int64_t>& at = r.options.sampled.lengths;
    if (at.empty()) {
      at.resize(static_cast<std::size_t>(r.n() + 1));
      std::iota(at.begin(), at.end(), 0);
    }
    std::sort(at.begin(), at.end());
    at.erase(std::unique(at.begin(), at.end()), at.end());
  }
}

// What one image takes, by doing it: a pass of the shortest paths alone, and one sampled path.
void probe(Job& job) {
  const models::NetworkSpec& spec = job.model.file.spec;
  const models::Network& network = job.model.network;
  Ledger& ledger = Ledger::global();
  const Tensor image =
      Tensor::zeros({1, spec.height, spec.width, spec.channels}, network.dtype(), Tag::input);
  const Tensor label = Tensor::zeros({1}, Dtype::i32, Tag::input);
  const auto most = [&](auto&& body) {
    ledger.reset_peaks();
    const std::int64_t before = ledger.live(Tag::activation);
    body();
    return ledger.peak(Tag::activation) - before;
  };
  const auto element = static_cast<std::int64_t>(size_of(network.dtype()));
  if (job.result.options.spectrum) {
    SpectrumOptions shortest = job.result.options.exact;
    shortest.max_length = 0;
    job.activations = most([&] {
                        Spectrum spectrum(network, shortest);
                        BatchSpectrum out = spectrum.begin(1);
                        TensorPool pool(network.store().device());
                        spectrum.run(image, label, pool, out);
                        job.activations = spectrum.elements(-1) * element;
                      }) -
                      job.activations;
  }
  if (job.result.options.sample) {
    SampleOptions one = job.result.options.sampled;
    one.lengths = {0, spec.blocks.empty() ? 0 : 1};
    job.sample_activations = most([&] {
      TensorPool pool(network.store().device());
      PathSampler(network, one).run(image, label, 0, 1, pool);
    });
  }
  job.base = ledger.live_total() - static_cast<std::int64_t>(image.bytes() + label.bytes());
}

// How many images and lengths at a time stay within the limit.
void make_plan(Job& job) {
  const PathsOptions& o = job.result.options;
  const models::NetworkSpec& spec = job.model.file.spec;
  const auto element = static_cast<std::int64_t>(size_of(job.run.dtype));
  const std::int64_t input = 3 * spec.height * spec.width * spec.channels * element;
  const auto too_small = [&](std::int64_t need, const char* what) {
    fail(ErrorKind::usage, "--memory-limit: {} takes {} MiB", what, (need >> 20) + 1);
  };
  if (o.spectrum) {
    const std::int64_t batch = std::min(o.batch, job.result.images);
    const Spectrum spectrum(job.model.network, o.exact);
    const auto need = [&](std::int64_t images, std::int64_t slice) {
      return job.base + batch * input +
             images * (job.activations + spectrum.elements(slice) * element);
    };
    job.plan.images = batch;
    job.plan.lengths = job.result.lengths();
    if (!o.exact.batch_statistics) {
      while (job.plan.images > 1 && need(job.plan.images, -1) > job.run.memory_limit) {
        --job.plan.images;
      }
    }
    while (job.plan.lengths > 1 && need(job.plan.images, job.plan.lengths) > job.run.memory_limit) {
      --job.plan.lengths;
    }
    job.plan.bytes = need(job.plan.images, job.plan.lengths);
    if (job.plan.bytes > job.run.memory_limit) {
      too_small(job.plan.bytes,
                o.exact.batch_statistics ? "the smallest slice of a batch" : "one image");
    }
  }
  if (o.sample) {
    const std::int64_t batch = std::min(o.sampled.batch, job.result.sample_images);
    const auto need = [&](std::int64_t images) {
      return job.base + batch * input + images * job.sample_activations;
    };
    std::int64_t images = batch;
    if (!o.sampled.batch_statistics) {
      while (images > 1 && need(images) > job.run.memory_limit) --images;
    }
    if (need(images) > job.run.memory_limit) {
      too_small(need(images), o.sampled.batch_statistics ? "a batch" : "one image");
    }
    job.plan.bytes = std::max(job.plan.bytes, need(images));
    job.plan.images = o.spectrum ? std::min(job.plan.images, images) : images;
  }
}

Job prepare(const PathsRun& run) {
  check_options(run);
  const std::string checkpoint = checkpoint_of(run);
  check_outputs(run, checkpoint);
  io::Bytes bytes = io::read_file(run.model);
  const std::string digest = io::sha256(bytes);
  const std::string name = run.model == "-" ? "stdin" : run.model;
  const io::H5 h5 = io::H5::open_image(std::move(bytes), name,
                                       io::schema::expectation(io::schema::Format::model));
  train::LoadedModel model = train::load_model(h5, run.dtype, run.device);
  require_paths(model.file.spec);
  // Options are held against the network before data is read.
  if (run.options.spectrum) Spectrum(model.network, run.options.exact);
  if (run.options.sample) PathSampler(model.network, run.options.sampled);
  Job job{run, std::move(model), {}, {}, {}, checkpoint};
  std::string uri;
  if (run.options.spectrum || run.options.sample) {
    uri = train::data_uri(run.data, job.model.file, name);
  }
  const auto open = [&](data::Split split, std::int64_t limit) {
    train::Samples samples = train::open_samples(uri, split, limit, job.model.file, name);
    train::check_fits(job.model.file.spec, samples.source->info());
    return samples;
  };
  if (run.options.spectrum) job.samples = open(run.split, run.limit);
  if (run.options.sample) job.sample_from = open(run.sample_split, run.sample_limit);
  describe(job, digest, uri);
  probe(job);
  make_plan(job);
  return job;
}

io::Bytes bytes_of(const Job& job, bool volatile_fields) {
  io::H5 file = to_h5(job.result, volatile_fields);
  io::Provenance provenance = job.run.provenance;
  train::add_backend(provenance);
  provenance.seed = job.result.options.seed;
  provenance.inputs = {{job.run.model, job.result.model_digest}};
  for (const std::string& digest : {job.result.data_digest, job.result.sample_digest}) {
    if (!digest.empty()) provenance.inputs.push_back({job.result.data, digest});
  }
  io::write(file, provenance, volatile_fields);
  return file.image();
}

// What is there already, from a checkpoint or a finished output of the same study.
bool take_up(Job& job, const std::string& path) {
  if (!job.run.resume || ::access(path.c_str(), F_OK) != 0) return false;
  PathsResult found = read_paths(io::schema::open(path, io::schema::Format::result));
  if (!same_study(found, job.result) || found.shard != job.result.shard) {
    fail(ErrorKind::usage, "{}: is of another study; --force without --resume starts over", path);
  }
  job.result.batches = std::move(found.batches);
  job.result.sampled = std::move(found.sampled);
  return true;
}

data::Batcher batches_of(const Job& job, const train::Samples& samples,
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

// The indices of this shard, of `count`, from `from` on.
std::vector<std::int64_t> mine(const Shard& shard, std::int64_t count, std::int64_t from) {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = shard.index; i < count; i += shard.count) {
    if (i >= from) indices.push_back(i);
  }
  return indices;
}

class Runner {
 public:
  Runner(Job& job, Progress& progress) : job_(job), progress_(progress) {}

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
    const std::vector<std::int64_t> batches = mine(r.shard, r.batch_count(), from);
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
    const std::vector<std::int64_t> trials = mine(r.shard, o.trials, from);
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

  Job& job_;
  Progress& progress_;
  Clock::time_point saved_ = Clock::now();
};

// The time is that of the shortest paths, times the number of products that all lengths take.
void tell(Job& job, PathsOutcome& outcome) {
  const PathsResult& r = job.result;
  const SampleOptions& o = r.options.sampled;
  const models::NetworkSpec& spec = job.model.file.spec;
  const std::int64_t few = std::max<std::int64_t>(1, std::min<std::int64_t>(job.plan.images, 16));
  double seconds = 0;
  std::int64_t products = 0;
  if (r.options.spectrum || r.options.sample) {
    const Tensor images =
        Tensor::zeros({few, spec.height, spec.width, spec.channels}, job.run.dtype, Tag::input);
    const Tensor labels = Tensor::zeros({few}, Dtype::i32, Tag::input);
    SpectrumOptions shortest = r.options.exact;
    shortest.max_length = 0;
    shortest.blocks = false;
    Spectrum spectrum(job.model.network, shortest);
    const auto once = [&] {
      TensorPool pool(job.model.network.store().device());
      BatchSpectrum out = spectrum.begin(few);
      const auto start = Clock::now();
      spectrum.run(images, labels, pool, out);
      return seconds_since(start) / static_cast<double>(few);
    };
    once();
    const double product = once() / static_cast<double>(spectrum.products(-1) + r.n());
    if (r.options.spectrum) {
      products = Spectrum(job.model.network, r.options.exact).products(job.plan.lengths);
      seconds += product * static_cast<double>(products * r.images / r.shard.count);
    }
    if (r.options.sample) {
      seconds += product *
                 static_cast<double>(r.n() * o.trials / r.shard.count *
                                     std::min(o.batch, r.sample_images)) *
                 (1 + static_cast<double>(o.lengths.size()));
    }
  }
  outcome.text = fmt::format("{}: {} blocks, paths of lengths 0 to {}\n", train::printable(r.arch),
                             r.n(), r.n());
  if (r.options.spectrum) {
    outcome.text += fmt::format(
        "would take the spectrum of {} images of {} {}, {} products of blocks an image, {} images "
        "and {} lengths at a time\n",
        r.images, r.data, r.split, products, job.plan.images, job.plan.lengths);
  }
  if (r.options.sample) {
    outcome.text += fmt::format("would sample {} lengths, {} trials of {} images each of {} {}\n",
                                o.lengths.size(), o.trials, std::min(o.batch, r.sample_images),
                                r.data, r.sample_split);
  }
  outcome.text +=
      fmt::format("about {:.0f} s, about {} MiB\n", seconds, (job.plan.bytes >> 20) + 1);
  outcome.json.add("dry_run", true)
      .add("blocks", r.n())
      .add("count", r.images)
      .add("products", products)
      .add("images_at_a_time", job.plan.images)
      .add("lengths_at_a_time", job.plan.lengths)
      .add("bytes", job.plan.bytes)
      .add("seconds", seconds);
}

// Whether all of this shard is there.
bool complete(const PathsResult& r) {
  const auto batches = mine(r.shard, r.batch_count(), 0);
  const auto trials = mine(r.shard, r.options.sample ? r.options.sampled.trials : 0, 0);
  return r.batches.size() == batches.size() &&
         r.sampled.size() == trials.size() * r.options.sampled.lengths.size();
}

}  // namespace

PathsOutcome run_paths(const PathsRun& run) {
  Job job = prepare(run);
  PathsOutcome outcome;
  outcome.plan = job.plan;
  if (run.dry_run) {
    tell(job, outcome);
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
