// resnet-paths: how long the paths through a network are, and which of them carry the gradient.
#include <fmt/format.h>

#include "cli/progress.h"
#include "cli/run_tool.h"
#include "cli/signals.h"
#include "io/file.h"
#include "options/paths.h"
#include "study/paths_run.h"

namespace {

using namespace rn;

// What a reader gets on stdout.
void print_result(const tools::PathsTool& o, const study::PathsResult& result) {
  if (o.common.json) {
    fmt::print("{}\n", study::to_json(result, o.effective.value_or(0)).str());
  } else if (o.table) {
    fmt::print("{}", study::to_table(result, study::main_table(result)));
  } else if (o.common.output != "-") {
    fmt::print("{}", study::to_text(result, o.effective.value_or(0)));
  }
}

int merge_shards(const tools::PathsTool& o, const cli::Invocation& call) {
  tools::check_stdout(o);
  const std::string& output = o.common.output;
  if (!output.empty()) io::check_output(output, o.common.force);
  io::Provenance provenance = io::start_provenance(call.tool, call.command_line);
  provenance.config = call.recipe;
  const study::PathsResult all = study::merge_paths(o.models, provenance.inputs);
  provenance.seed = all.options.seed;
  if (!output.empty()) {
    io::H5 file = study::to_h5(all, !o.common.no_provenance);
    io::write(file, provenance, !o.common.no_provenance);
    io::write_file(output, file.image());
  }
  print_result(o, all);
  return 0;
}

int run(const tools::PathsTool& o, const cli::Invocation& call) {
  if (o.merge) return merge_shards(o, call);
  if (o.models.size() != 1) fail(ErrorKind::usage, "one MODEL, please; several only with --merge");
  const cli::CommonOptions& common = o.common;
  const Device device = cli::start(common);
  study::PathsRun run = tools::effective(o, call);
  run.device = device;
  run.provenance.device = describe(device);
  run.stop = [] {
    return cli::stop_requested() ? cli::signal_name(cli::stop_signal()) : std::string();
  };
  cli::catch_signals();
  const auto progress = cli::make_progress({.mode = common.progress, .quiet = call.quiet});
  run.progress = progress.get();
  const study::PathsOutcome outcome = study::run_paths(run);
  if (!outcome.message.empty()) info("{}", outcome.message);
  if (outcome.stopped) return exit_stopped;
  if (run.dry_run) {
    fmt::print("{}", common.json ? outcome.json.str() + "\n" : outcome.text);
  } else {
    print_result(o, outcome.result);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run_tool<tools::PathsTool>(
      argc, argv, {"resnet-paths", "Show which paths through a network carry the gradient"},
      tools::bind, run);
}
