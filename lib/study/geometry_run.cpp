#include "study/geometry_run.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "data/batcher.h"
#include "device/ledger.h"
#include "io/file.h"
#include "io/schema.h"
#include "train/evaluate.h"
#include "train/samples.h"

namespace rn::study {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

struct Job {
  const GeometryRun& run;
  train::LoadedModel model;
  train::Samples samples;
  GeometryResult result;
  Progress& progress;
};

void stop_if_asked(const GeometryRun& run) {
  const std::string reason = run.stopped();
  if (reason.empty()) return;
  fail(ErrorKind::failed, "stopped by {}; nothing is saved (--shard cuts long work)", reason);
}

// Options that are only for the other kind of network.
void check_options(const GeometryRun& run, const models::NetworkSpec& spec) {
  const GeometryOptions& o = run.options;
  const auto only = [&](bool given, const char* option, const char* what) {
    if (given) fail(ErrorKind::usage, "{} is for {}; '{}' is none", option, what, spec.arch);
  };
  if (spec.stem.lift) {
    const char* what = "classifiers of images";
    only(o.vectors > 0, "--eigenvectors", what);
    only(o.block_images > 0, "--blocks", what);
    only(run.shard.count > 1, "--shard", what);
    if (run.grid && *run.grid > 0 && spec.channels != 2) {
      fail(ErrorKind::usage, "--grid needs points in the plane; those of '{}' have {} numbers",
           spec.arch, spec.channels);
    }
    for (const nn::BlockSpec& block : spec.blocks) {
      if (block.curve == ops::Curve::relu) {
        warn(
            "'{}' bends its coordinates by ReLU, which has no derivative at 0: the metric is that "
            "of the piece a point is in",
            spec.arch);
        break;
      }
    }
    return;
  }
  const char* what = "C^k networks";
  only(run.coordinates, "--coordinates", what);
  only(run.actions, "--actions", what);
  only(o.converge > 0, "--converge", what);
  only(!run.retrained.empty(), "--retrained", what);
  only(!o.batches.sizes.empty(), "--batch-sizes", what);
  only(!o.path.empty(), "--path", what);
  only(run.grid && *run.grid > 0, "--grid", what);
  if (run.shard.count > 1 && (o.vectors > 0 || o.block_images > 0)) {
    fail(ErrorKind::usage,
         "--shard goes with neither --eigenvectors nor --blocks: those are of the "
         "first images");
  }
}

std::vector<std::int64_t> mine(const Shard& shard, std::int64_t count) {
  std::vector<std::int64_t> places;
  for (std::int64_t i = shard.index; i < count; i += shard.count) places.push_back(i);
  return places;
}

Job prepare(const GeometryRun& run, Progress& progress) {
  if (!run.output.empty()) io::check_output(run.output, run.force);
  const io::schema::Digested opened =
      io::schema::open_digested(run.model, io::schema::Format::model);
  const io::H5& h5 = opened.file;
  const bool ck = train::read_model_file(h5).spec.stem.lift;
  const Dtype dtype = ck ? Dtype::f64 : run.dtype;
  if (ck && !run.device.is_cpu()) info("a C^k network is studied on the CPU");
  Job job{run, train::load_model(h5, dtype, ck ? cpu : run.device), {}, {}, progress};
  const models::NetworkSpec& spec = job.model.file.spec;
  check_options(run, spec);
  const std::string uri = train::data_uri(run.data, job.model.file, h5.name());
  job.samples = train::open_samples(uri, run.split, run.limit, job.model.file, h5.name());
  train::check_fits(spec, job.samples.source->info());
  GeometryResult& r = job.result;
  r.options = run.options;
  r.options.output = run.metric.value_or(ck ? OutputMetric::euclidean : OutputMetric::fisher);
  r.options.floor = run.floor.value_or(dtype == Dtype::f32 ? 1e-6 : 1e-12);
  r.arch = spec.arch;
  r.model_digest = opened.digest;
  r.precision = train::precision_name(dtype);
  r.data = uri;
  r.data_digest = job.samples.source->info().digest;
  r.split = to_string(run.split);
  r.class_names = job.model.file.class_names;
  r.images = static_cast<std::int64_t>(job.samples.indices.size());
  r.shard = run.shard;
  r.ck = ck;
  if (r.shard.count > r.images) {
    fail(ErrorKind::usage, "--shard: {} shards of {} images", r.shard.count, r.images);
  }
  for (const std::int64_t place : mine(r.shard, r.images)) {
    r.index.push_back(job.samples.indices[at(place)]);
  }
  if (!ck) MetricSpectrum(job.model.network, r.options.output, r.options.floor);
  return job;
}

data::Batcher batches_of(const Job& job, std::int64_t batch) {
  data::BatcherOptions options;
  options.indices = job.result.index;
  options.batch = batch;
  options.normalization = job.model.file.normalization;
  options.dtype = job.model.network.dtype();
  options.epochs = 1;
  options.ahead = 1;
  return data::Batcher(*job.samples.source, std::move(options));
}

void read_points(Job& job) {
  GeometryResult& r = job.result;
  data::Batcher batcher = batches_of(job, 1024);
  while (const data::Batch* batch = batcher.next()) {
    const auto values = batch->images.span<double>();
    r.points.insert(r.points.end(), values.begin(), values.end());
    const auto labels = batch->labels.span<std::int32_t>();
    r.labels.insert(r.labels.end(), labels.begin(), labels.end());
  }
}

// A regular grid over the points and a tenth more on each side, row by row.
std::vector<double> grid_of(const std::vector<double>& points, std::int64_t side) {
  double low[2], high[2];
  for (std::size_t k = 0; k < 2; ++k) {
    low[k] = high[k] = points[k];
    for (std::size_t i = k; i < points.size(); i += 2) {
      low[k] = std::min(low[k], points[i]);
      high[k] = std::max(high[k], points[i]);
    }
    const double margin = 0.1 * (high[k] > low[k] ? high[k] - low[k] : 1);
    low[k] -= margin;
    high[k] += margin;
  }
  std::vector<double> grid;
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < side; ++x) {
      const auto place = [&](std::size_t k, std::int64_t i) {
        return low[k] + (high[k] - low[k]) * static_cast<double>(i) / static_cast<double>(side - 1);
      };
      grid.push_back(place(0, x));
      grid.push_back(place(1, y));
    }
  }
  return grid;
}

void check_memory(const GeometryRun& run, std::int64_t points, std::int64_t layers,
                  std::int64_t s) {
  // Jacobians, metrics with their eigenvectors, polar factors: seven matrices a layer.
  const double bytes =
      8.0 * 7 * static_cast<double>(points * s * s) * static_cast<double>(layers + 1);
  if (bytes <= static_cast<double>(run.memory_limit)) return;
  fail(ErrorKind::usage,
       "--memory-limit: {} points in {} layers take about {:.0f} MiB; --limit-test takes the first "
       "N",
       points, layers, bytes / (1 << 20));
}

void run_ck(Job& job) {
  const GeometryRun& run = job.run;
  GeometryResult& r = job.result;
  const GeometryOptions& o = r.options;
  const models::NetworkSpec& spec = job.model.file.spec;
  const models::Network& network = job.model.network;
  const CkMap map(network, o.output);
  r.network = models::ck_options(spec);
  r.channels = spec.channels;
  r.width = map.width();
  r.mean = job.model.file.normalization.mean;
  r.stddev = job.model.file.normalization.stddev;
  r.grid_side = spec.channels == 2 ? run.grid.value_or(o.grid) : 0;
  const auto count = static_cast<std::int64_t>(r.index.size());
  check_memory(run, count + r.grid_side * r.grid_side, map.layers(), map.state());
  for (const std::int64_t end : o.path) {
    if (end < 0 || end >= count) {
      fail(ErrorKind::usage, "--path: there is no point {}; {} points, counted from 0", end, count);
    }
  }
  read_points(job);
  const CkWanted wanted{o.metric, o.actions, o.floor};
  r.at_points = ck_geometry(map, r.points, wanted);
  const std::vector<double> logits = map.logits(r.at_points.states.back());
  for (std::int64_t p = 0; p < count; ++p) {
    const auto first = logits.begin() + p * spec.classes;
    r.answers.push_back(std::max_element(first, first + spec.classes) - first);
  }
  if (r.grid_side > 0) {
    r.at_grid = ck_geometry(map, grid_of(r.points, r.grid_side), {o.metric, false, o.floor});
  }
  stop_if_asked(run);
  if (o.converge > 0) {
    r.converge = converge(network, o.output, r.points, o.converge, o.floor);
    stop_if_asked(run);
  }
  if (!run.retrained.empty()) {
    std::vector<train::LoadedModel> others;
    std::vector<const models::Network*> networks{&network};
    std::vector<std::string> names{run.model};
    for (const std::string& path : run.retrained) {
      others.push_back(train::load_model(path, Dtype::f64));
      names.push_back(path);
    }
    for (const train::LoadedModel& other : others) networks.push_back(&other.network);
    r.retrained = converge_retrained(networks, names, o.output, r.points, o.floor);
  }
  if (!o.path.empty()) {
    const auto point = [&](std::int64_t i) {
      return std::vector<double>(r.points.begin() + i * r.channels,
                                 r.points.begin() + (i + 1) * r.channels);
    };
    r.path = relax_path(map, point(o.path[0]), point(o.path[1]), o.relax);
  }
  if (!o.batches.sizes.empty()) {
    const std::vector<std::int32_t> labels(r.labels.begin(), r.labels.end());
    r.batches = train_batch_sizes(spec, r.points, labels, o.output, o.batches, o.floor,
                                  job.progress, run.stop);
    stop_if_asked(run);
  }
}

// Bytes for each image: what a forward pass keeps, seen by doing it, and the stacks.
std::int64_t bytes_for_image(Job& job, MetricSpectrum& spectrum) {
  const models::NetworkSpec& spec = job.model.file.spec;
  Ledger& ledger = Ledger::global();
  const Tensor image = Tensor::zeros({1, spec.height, spec.width, spec.channels},
                                     job.model.network.dtype(), Tag::input);
  ImageSpectra out;
  out.start(1, spectrum.boundaries(), spec.classes);
  ledger.reset_peaks();
  const std::int64_t before = ledger.live(Tag::activation);
  TensorPool pool(job.model.network.store().device());
  spectrum.run(image, pool, out);
  return ledger.peak(Tag::activation) - before;
}

std::int64_t images_at_a_time(Job& job) {
  MetricSpectrum spectrum(job.model.network, job.result.options.output, job.result.options.floor);
  const std::int64_t one = bytes_for_image(job, spectrum), base = Ledger::global().live_total();
  const std::int64_t fit = (job.run.memory_limit - base) / std::max<std::int64_t>(one, 1);
  if (fit < 1) {
    fail(ErrorKind::usage, "--memory-limit: one image takes {} MiB", ((base + one) >> 20) + 1);
  }
  return std::min({fit, job.run.batch, static_cast<std::int64_t>(job.result.index.size())});
}

void run_spectra(Job& job, std::int64_t batch) {
  const models::NetworkSpec& spec = job.model.file.spec;
  GeometryResult& r = job.result;
  MetricSpectrum spectrum(job.model.network, r.options.output, r.options.floor);
  r.boundaries = spectrum.names();
  r.sizes = spectrum.sizes();
  const auto count = static_cast<std::int64_t>(r.index.size());
  r.spectra.start(count, spectrum.boundaries(), spec.classes);
  r.spectra.vectors = std::min(r.options.vectors, count);
  r.image_shape = {spec.height, spec.width, spec.channels};
  TensorPool pool(job.model.network.store().device());
  data::Batcher batcher = batches_of(job, batch);
  job.progress.begin({.what = "metric", .total = count});
  std::int64_t done = 0;
  while (const data::Batch* part = batcher.next()) {
    stop_if_asked(job.run);
    spectrum.run(part->images, pool, r.spectra, done);
    const auto labels = part->labels.span<std::int32_t>();
    r.labels.insert(r.labels.end(), labels.begin(), labels.end());
    job.progress.advance(done += part->labels.dim(0));
  }
  job.progress.end();
  r.answers = r.spectra.answer;
}

void run_blocks(Job& job) {
  GeometryResult& r = job.result;
  const models::Network& network = job.model.network;
  const std::int64_t blocks = network.block_count(), values = r.options.lanczos.values;
  r.options.block_images =
      std::min(r.options.block_images, static_cast<std::int64_t>(r.index.size()));
  const std::int64_t images = r.options.block_images;
  r.options.lanczos.seed = r.options.seed;
  for (const nn::BlockSpec& block : job.model.file.spec.blocks) r.blocks.push_back(block.name);
  r.singular.values.assign(at(images * blocks * values), 0);
  r.singular.residuals = r.singular.values;
  TensorPool pool(job.model.network.store().device());
  const nn::Pass pass{.pool = pool};
  models::Saved saved;
  constexpr std::int64_t most = 8;  // images side by side
  data::Batcher batcher = batches_of(job, most);
  job.progress.begin({.what = "blocks", .total = images * blocks, .item = "block"});
  for (std::int64_t first = 0; first < images; first += most) {
    const data::Batch* batch = batcher.next();
    const std::int64_t count = std::min(most, images - first);
    Tensor value = network.enter(batch->images.slice(0, count), pass, saved);
    for (std::int64_t b = 0; b < blocks; ++b) {
      stop_if_asked(job.run);
      const LanczosResult found =
          block_singular_values(network, b, value, r.options.lanczos, pool, first);
      for (std::int64_t n = 0; n < count; ++n) {
        const std::int64_t to = ((first + n) * blocks + b) * values;
        std::copy_n(found.values.begin() + n * values, values, r.singular.values.begin() + to);
        std::copy_n(found.residuals.begin() + n * values, values,
                    r.singular.residuals.begin() + to);
      }
      value = network.forward(value, b, b + 1, pass, saved);
      job.progress.advance(first * blocks + (b + 1) * count);
    }
  }
  job.progress.end();
}

// Work, memory and time, before any of it is done.
void tell(Job& job, GeometryOutcome& outcome) {
  const GeometryResult& r = job.result;
  const auto count = static_cast<std::int64_t>(r.index.size());
  outcome.json.add("dry_run", true)
      .add("images", count)
      .add("output_metric", to_string(r.options.output));
  if (r.ck) {
    outcome.plan = fmt::format("would take {} points of {} {} through {} layers\n", count, r.data,
                               r.split, job.model.file.spec.blocks.size());
    outcome.json.add("layers", static_cast<std::int64_t>(job.model.file.spec.blocks.size()));
    return;
  }
  const std::int64_t batch = images_at_a_time(job);
  MetricSpectrum spectrum(job.model.network, r.options.output, r.options.floor);
  const models::NetworkSpec& spec = job.model.file.spec;
  const Tensor some = Tensor::zeros({batch, spec.height, spec.width, spec.channels},
                                    job.model.network.dtype(), Tag::input);
  ImageSpectra out;
  out.start(batch, spectrum.boundaries(), spec.classes);
  TensorPool pool(job.model.network.store().device());
  spectrum.run(some, pool, out);  // makes primitives and memory
  const auto start = std::chrono::steady_clock::now();
  spectrum.run(some, pool, out);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() /
      static_cast<double>(batch) * static_cast<double>(count);
  outcome.plan = fmt::format(
      "would take the metric of {} images of {} {} at {} boundaries, {} images at a time; about "
      "{:.0f} s\n",
      count, r.data, r.split, spectrum.boundaries(), batch, seconds);
  outcome.json.add("boundaries", spectrum.boundaries())
      .add("images_at_a_time", batch)
      .add("seconds", seconds);
}

}  // namespace

GeometryOutcome run_geometry(const GeometryRun& run) {
  NoProgress quiet;
  Job job = prepare(run, run.progress ? *run.progress : quiet);
  GeometryOutcome outcome;
  if (run.dry_run) {
    tell(job, outcome);
    return outcome;
  }
  GeometryResult& r = job.result;
  if (r.ck) {
    run_ck(job);
  } else {
    run_spectra(job, images_at_a_time(job));
    if (r.options.block_images > 0) run_blocks(job);
  }
  if (!run.output.empty()) {
    io::H5 file = to_h5(r, run.volatile_provenance);
    io::Provenance provenance = run.provenance;
    train::add_backend(provenance);
    provenance.seed = r.options.seed;
    provenance.inputs = {{run.model, r.model_digest}, {r.data, r.data_digest}};
    io::write(file, provenance, run.volatile_provenance);
    io::write_file(run.output, file.image());
  }
  outcome.result = std::move(r);
  return outcome;
}

}  // namespace rn::study
