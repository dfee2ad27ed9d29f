#include "train/evaluate_run.h"

#include <algorithm>

#include "base/text.h"
#include "device/ledger.h"
#include "io/file.h"
#include "io/schema.h"
#include "train/samples.h"

namespace rn::train {
namespace {

EvaluateOutcome plan(const EvaluateRun& run, const models::Network& network, const Samples& samples,
                     const ModelFile& file, EvaluateOptions options) {
  const auto total = static_cast<std::int64_t>(options.indices.size());
  options.indices.resize(static_cast<std::size_t>(std::min(total, options.batch)));
  options.progress = nullptr;
  options.keep_samples = false;
  TensorPool pool(network.store().device());
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

const char* const evaluation_header =
    "model\tarch\tparameters\tcount\terror_percent\ttop5_error_percent\tloss\tseconds\n";

EvaluateOutcome run_evaluation(const EvaluateRun& run) {
  if (!run.output.empty()) io::check_output(run.output, run.force);
  const io::schema::Digested opened =
      io::schema::open_digested(run.model, io::schema::Format::model);
  const std::string& name = opened.file.name();
  const LoadedModel loaded = load_model(opened.file, run.dtype, run.device);
  const ModelFile& file = loaded.file;
  const models::Network& network = loaded.network;
  const std::string uri = data_uri(run.data, file, name);
  const Samples samples = open_samples(uri, run.split, run.limit, file, name);

  EvaluateOptions options;
  options.indices = samples.indices;
  options.batch = run.batch;
  options.ten_crop = run.ten_crop;
  options.keep_samples = !run.output.empty();
  options.what = to_string(run.split);
  options.progress = run.progress;
  if (run.dry_run) return plan(run, network, samples, file, std::move(options));

  const Evaluation evaluation = [&] {
    try {
      return evaluate(network, *samples.source, file.normalization, options);
    } catch (const OutOfMemory& error) {
      throw OutOfMemory(fmt::format("{}; try a smaller --batch than {}", error.what(), run.batch));
    }
  }();
  const Evaluated done{
      name, file, network.store().parameter_count(), uri, to_string(run.split), evaluation};
  if (!run.output.empty()) {
    io::H5 result = to_result(done);
    io::Provenance provenance = run.provenance;
    add_backend(provenance, run.dtype);
    if (file.training) provenance.seed = file.training->seed;
    provenance.inputs = {{name, opened.digest}, {uri, samples.source->info().digest}};
    io::write(result, provenance, run.volatile_provenance);
    io::write_file(run.output, result.image());
  }
  const std::string row =
      fmt::format("{}\t{}\t{}\t{}\t{:.4g}\t{:.4g}\t{:.6g}\t{:.2f}\n", printable(run.model),
                  printable(file.spec.arch), done.parameters, evaluation.count, evaluation.error(),
                  evaluation.top_error(), evaluation.loss(), evaluation.seconds);
  return {to_text(done, run.report), row, to_json(done, run.report), evaluation.nonfinite};
}

}  // namespace rn::train
