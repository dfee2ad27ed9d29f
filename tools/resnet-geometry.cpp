// resnet-geometry: the coordinates that a network's layers make, and the metric it pulls back to
// them.
#include <fmt/format.h>

#include "cli/progress.h"
#include "cli/run_tool.h"
#include "cli/signals.h"
#include "io/file.h"
#include "options/geometry.h"

namespace {

using namespace rn;

// What a reader gets on stdout.
void print_result(const tools::GeometryTool& o, const study::GeometryResult& result) {
  if (o.common.json) {
    fmt::print("{}\n", study::to_json(result).str());
  } else if (o.table) {
    fmt::print("{}", study::to_table(result));
  } else if (o.common.output != "-") {
    fmt::print("{}", study::to_text(result));
  }
}

int merge_shards(const tools::GeometryTool& o, const cli::Invocation& call) {
  tools::check_stdout(o);
  const std::string& output = o.common.output;
  if (!output.empty()) io::check_output(output, o.common.force);
  io::Provenance provenance = io::start_provenance(call.tool, call.command_line);
  provenance.config = call.recipe;
  const study::GeometryResult all = study::merge_geometry(o.models, provenance.inputs);
  provenance.seed = all.options.seed;
  if (!output.empty()) {
    io::H5 file = study::to_h5(all);
    io::write(file, provenance, !o.common.no_provenance);
    io::write_file(output, file.image());
  }
  print_result(o, all);
  return 0;
}

int run(const tools::GeometryTool& o, const cli::Invocation& call) {
  if (o.merge) return merge_shards(o, call);
  if (o.models.size() != 1) fail(ErrorKind::usage, "one MODEL, please; several only with --merge");
  const cli::CommonOptions& common = o.common;
  const Device device = cli::start(common);
  study::GeometryRun run = tools::effective(o, call);
  run.device = device;
  run.provenance.device = describe(device);
  run.stop = [] {
    return cli::stop_requested() ? cli::signal_name(cli::stop_signal()) : std::string();
  };
  cli::catch_signals();
  const auto progress = cli::make_progress({.mode = common.progress, .quiet = call.quiet});
  run.progress = progress.get();
  const study::GeometryOutcome outcome = study::run_geometry(run);
  if (run.dry_run) {
    fmt::print("{}", common.json ? outcome.json.str() + "\n" : outcome.text);
  } else {
    print_result(o, outcome.result);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run_tool<tools::GeometryTool>(
      argc, argv, {"resnet-geometry", "Show the coordinates and the metric that a network learns"},
      tools::bind, run);
}
