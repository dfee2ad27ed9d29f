#include "study/paths_job.h"

#include <algorithm>
#include <numeric>

#include "io/schema.h"
#include "train/describe.h"

namespace rn::study {
namespace {

void check_options(const PathsRun& run) {
  if (run.options.batch < 1 || run.options.sampled.batch < 1) {
    fail(ErrorKind::usage, "--batch must be at least 1");
  }
  if (run.options.sampled.trials < 1) fail(ErrorKind::usage, "--trials must be at least 1");
}

void describe(PathsJob& job, const std::string& digest, const std::string& uri) {
  const PathsRun& run = job.run;
  PathsResult& r = job.result;
  r.options = run.options;
  r.arch = job.model.file.spec.arch;
  r.model_digest = digest;
  r.precision = train::precision_name(run.dtype);
  r.data = uri;
  r.shard = run.shard;
  r.blocks = blocks_of(job.model.file.spec);
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

}  // namespace

PathsJob prepare_paths(const PathsRun& run) {
  check_options(run);
  StudyFiles files(run);
  const io::schema::Digested opened =
      io::schema::open_digested(run.model, io::schema::Format::model);
  const std::string& name = opened.file.name();
  train::LoadedModel model = train::load_model(opened.file, run.dtype, run.device);
  require_paths(model.file.spec);
  // Options are held against the network before data is read.
  if (run.options.spectrum) Spectrum(model.network, run.options.exact);
  if (run.options.sample) PathSampler(model.network, run.options.sampled);
  PathsJob job{.run = run, .files = std::move(files), .model = std::move(model)};
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
  describe(job, opened.digest, uri);
  job.cost = plan_paths(job);
  return job;
}

io::Bytes bytes_of(const PathsJob& job, bool volatile_fields) {
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
bool take_up(PathsJob& job, const std::string& path) {
  if (!job.files.resumes(path)) return false;
  PathsResult found = read_paths(io::schema::open(path, io::schema::Format::result));
  if (!same_study(found, job.result) || found.shard != job.result.shard) {
    fail(ErrorKind::usage, "{}: is of another study; --force without --resume starts over", path);
  }
  job.result.batches = std::move(found.batches);
  job.result.sampled = std::move(found.sampled);
  return true;
}

std::vector<std::int64_t> indices_of(const Shard& shard, std::int64_t count, std::int64_t from) {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = shard.index; i < count; i += shard.count) {
    if (i >= from) indices.push_back(i);
  }
  return indices;
}

}  // namespace rn::study
