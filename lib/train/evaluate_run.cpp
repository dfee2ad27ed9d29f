#include "train/evaluate_run.h"

#include <algorithm>
#include <numeric>

#include "base/log.h"
#include "device/ledger.h"
#include "io/file.h"
#include "io/schema.h"
#include "train/describe.h"

namespace rn::train {
namespace {

struct Samples {
  std::unique_ptr<data::Source> source;
  std::vector<std::int64_t> indices;
};

// The images that training set aside, cut again from the training data.
Samples validation_of_training(const EvaluateRun& run, const std::string& uri,
                               const ModelFile& file) {
  if (!file.training || file.training->val_images == 0) {
    fail(ErrorKind::usage, "--split val: {} has no val split, and {} was trained without one", uri,
         run.model);
  }
  const TrainingState& training = *file.training;
  Samples samples;
  samples.source = data::open_source(uri, data::Split::train, training.source_images);
  const data::Info& info = samples.source->info();
  if (info.digest != file.data_digest) {
    warn("{} is not the data that {} was trained on: its val split may be another", uri, run.model);
  }
  samples.indices = data::split_validation(info.count, training.val_images, training.seed).val;
  return samples;
}

Samples open_samples(const EvaluateRun& run, const std::string& uri, const ModelFile& file) {
  Samples samples;
  const std::vector<data::Split> own = data::source_splits(uri);
  const bool has = std::find(own.begin(), own.end(), run.split) != own.end();
  if (run.split == data::Split::val && !has) {
    samples = validation_of_training(run, uri, file);
  } else {
    samples.source = data::open_source(uri, run.split, run.limit);
    samples.indices.resize(static_cast<std::size_t>(samples.source->info().count));
    std::iota(samples.indices.begin(), samples.indices.end(), std::int64_t{0});
  }
  if (run.limit >= 0 && static_cast<std::int64_t>(samples.indices.size()) > run.limit) {
    samples.indices.resize(static_cast<std::size_t>(run.limit));
  }
  if (samples.indices.empty()) {
    fail(ErrorKind::input, "{}: its {} split is empty", uri, to_string(run.split));
  }
  return samples;
}

std::string data_uri(const EvaluateRun& run, const ModelFile& file) {
  if (!run.data.empty()) return run.data;
  if (file.data_uri.starts_with("synth:")) return file.data_uri;
  fail(ErrorKind::usage, "on what data? {} was not trained on built-in data: give --data URI",
       run.model);
}

EvaluateOutcome plan(const EvaluateRun& run, const models::Network& network, const Samples& samples,
                     const ModelFile& file, EvaluateOptions options) {
  const auto total = static_cast<std::int64_t>(options.indices.size());
  options.indices.resize(static_cast<std::size_t>(std::min(total, options.batch)));
  options.progress = nullptr;
  options.keep_samples = false;
  TensorPool pool;
  options.pool = &pool;
  evaluate(network, *samples.source, file.normalization, options);  // warms up
  const Evaluation one = evaluate(network, *samples.source, file.normalization, options);
  const double seconds =
      one.seconds * static_cast<double>(total) / static_cast<double>(options.indices.size());
  const std::int64_t bytes = Ledger::global().peak_total();
  EvaluateOutcome outcome;
  outcome.text = fmt::format(
      "would evaluate {} ({} parameters) on {} {}: {} images, about {:.1f} s and {:.0f} MiB\n",
      printable(file.spec.arch), network.store().parameter_count(), samples.source->info().uri,
      to_string(run.split), total, seconds, static_cast<double>(bytes) / (1 << 20));
  outcome.json.add("dry_run", true)
      .add("arch", file.spec.arch)
      .add("count", total)
      .add("seconds", seconds)
      .add("bytes", bytes);
  return outcome;
}

}  // namespace

EvaluateOutcome run_evaluation(const EvaluateRun& run) {
  if (!run.output.empty()) io::check_output(run.output, run.force);
  io::Bytes bytes = io::read_file(run.model);
  const std::string digest = io::sha256(bytes);
  const io::H5 h5 = io::H5::open_image(std::move(bytes), run.model == "-" ? "stdin" : run.model,
                                       io::schema::expectation(io::schema::Format::model));
  const auto [file, network] = load_model(h5, run.dtype);
  const std::string uri = data_uri(run, file);
  const Samples samples = open_samples(run, uri, file);

  EvaluateOptions options;
  options.indices = samples.indices;
  options.batch = run.batch;
  options.keep_samples = !run.output.empty();
  options.what = to_string(run.split);
  options.progress = run.progress;
  if (run.dry_run) return plan(run, network, samples, file, std::move(options));

  const Evaluation evaluation = evaluate(network, *samples.source, file.normalization, options);
  const Evaluated done{
      h5.name(), file, network.store().parameter_count(), uri, to_string(run.split), evaluation};
  if (!run.output.empty()) {
    io::H5 result = to_result(done);
    io::Provenance provenance = run.provenance;
    add_backend(provenance);
    if (file.training) provenance.seed = file.training->seed;
    provenance.inputs = {{h5.name(), digest}, {uri, samples.source->info().digest}};
    io::write(result, provenance, run.volatile_provenance);
    io::write_file(run.output, result.image());
  }
  return {to_text(done, run.report), to_json(done, run.report), evaluation.nonfinite};
}

}  // namespace rn::train
