// resnet-lesion: deletes and reorders blocks of a trained network, and sees what becomes of it.
#include <fmt/format.h>

#include "cli/progress.h"
#include "cli/run_tool.h"
#include "cli/signals.h"
#include "io/file.h"
#include "options/lesion.h"
#include "study/lesion_run.h"
#include "study/lesion_studies.h"
#include "train/model_file.h"

namespace {

using namespace rn;

// What a reader gets on stdout.
void print_result(const tools::LesionTool& o, const study::LesionResult& result) {
  if (o.common.json) {
    fmt::print("{}\n", study::to_json(result).str());
  } else if (o.table) {
    fmt::print("{}", study::to_table(result));
  } else if (o.common.output != "-") {
    fmt::print("{}", study::to_text(result));
  }
}

int merge_shards(const tools::LesionTool& o, const cli::Invocation& call) {
  tools::check_stdout(o);
  const std::string& output = o.common.output;
  if (!output.empty()) io::check_output(output, o.common.force);
  io::Provenance provenance = io::start_provenance(call.tool, call.command_line);
  provenance.config = call.recipe;
  const study::LesionResult all = study::merge_files(o.models, provenance.inputs);
  provenance.seed = all.options.seed;
  if (!output.empty()) {
    io::H5 file = study::to_h5(all, !o.common.no_provenance);
    io::write(file, provenance, !o.common.no_provenance);
    io::write_file(output, file.image());
  }
  print_result(o, all);
  return 0;
}

int run(const tools::LesionTool& o, const cli::Invocation& call) {
  if (o.merge) return merge_shards(o, call);
  if (o.models.size() != 1) fail(ErrorKind::usage, "one MODEL, please; several only with --merge");
  const cli::CommonOptions& common = o.common;
  const Device device = cli::start(common);
  study::LesionRun run = tools::effective(o, call);
  run.device = device;
  run.provenance.device = describe(device);
  run.stop = [] {
    return cli::stop_requested() ? cli::signal_name(cli::stop_signal()) : std::string();
  };
  cli::catch_signals();
  const auto progress = cli::make_progress({.mode = common.progress, .quiet = call.quiet});
  run.progress = progress.get();
  const study::LesionOutcome outcome = study::run_lesions(run);
  if (!outcome.message.empty()) info("{}", outcome.message);
  if (outcome.stopped) return exit_stopped;
  if (run.dry_run) {
    fmt::print("{}", common.json ? outcome.json.str() + "\n" : outcome.plan);
  } else {
    print_result(o, outcome.result);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run_tool<tools::LesionTool>(
      argc, argv, {"resnet-lesion", "Delete and reorder blocks of a trained network"}, tools::bind,
      run);
}
