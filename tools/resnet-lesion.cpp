// resnet-lesion: deletes and reorders blocks of a trained network, and sees what becomes of it.
#include <fmt/format.h>

#include "cli/progress.h"
#include "cli/run_tool.h"
#include "cli/signals.h"
#include "io/file.h"
#include "options/lesion.h"
#include "study/lesion_run.h"
#include "train/model_file.h"

namespace {

using namespace rn;

int merge_shards(const tools::LesionTool& o) {
  if (o.models.size() < 2) fail(ErrorKind::usage, "--merge wants two result files or more");
  const study::LesionResult all = study::read_lesions(o.models);
  if (!o.common.output.empty()) {
    io::check_output(o.common.output, o.common.force);
    io::write_file(o.common.output, study::to_h5(all).image());
  }
  if (o.common.output != "-") fmt::print("{}", study::to_text(all));
  return 0;
}

int run(const tools::LesionTool& o, const cli::Invocation& call) {
  if (o.merge) return merge_shards(o);
  if (o.models.size() != 1) fail(ErrorKind::usage, "one MODEL, please; several only with --merge");
  cli::CommonOptions common = o.common;
  if (common.device == "auto") common.device = "cpu";
  const Device device = cli::start(common);
  if (!device.is_cpu()) {
    fail(ErrorKind::device, "lesions on {} are not built yet; use --device cpu", to_string(device));
  }
  study::LesionRun run = tools::effective(o, call);
  run.provenance.device = to_string(device);
  run.stop = [] {
    return cli::stop_requested() ? cli::signal_name(cli::stop_signal()) : std::string();
  };
  cli::catch_signals();
  const auto progress = cli::make_progress({.mode = common.progress, .quiet = call.quiet});
  run.progress = progress.get();
  const study::LesionOutcome outcome = study::run_lesions(run);
  if (!outcome.message.empty()) info("{}", outcome.message);
  if (outcome.stopped) return exit_stopped;
  if (common.json) {
    fmt::print("{}\n", run.dry_run ? outcome.json.str() : study::to_json(outcome.result).str());
  } else if (run.dry_run) {
    fmt::print("{}", outcome.plan);
  } else if (o.table) {
    fmt::print("{}", study::to_table(outcome.result));
  } else if (common.output != "-") {
    fmt::print("{}", study::to_text(outcome.result));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run_tool<tools::LesionTool>(
      argc, argv,
      {"resnet-lesion", "Delete and reorder blocks of a trained network, and see what it does"},
      tools::bind, run);
}
