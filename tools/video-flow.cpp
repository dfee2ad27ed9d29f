// video-flow: optical flow (TV-L1) of clips and of pairs of pictures.
#include <fmt/format.h>

#include "cli/progress.h"
#include "cli/run_tool.h"
#include "cli/signals.h"
#include "options/video_flow.h"
#include "video/picture.h"

namespace {

using namespace rn;

int run(const tools::FlowTool& o, const cli::Invocation& call) {
  const cli::CommonOptions& common = o.common;
  const Device device = cli::start(common);
  video::FlowRun run = tools::effective(o, call);
  run.device = device;
  run.provenance.device = describe(device);
  run.stop = cli::stop_requested;
  cli::catch_signals();
  const auto progress = cli::make_progress({.mode = common.progress, .quiet = call.quiet});
  run.progress = progress.get();
  const video::FlowOutcome outcome = video::run_flow(run);
  if (outcome.stopped) {
    info("stopped by {}; {} of {} clips made; the same command goes on",
         cli::signal_name(cli::stop_signal()), outcome.made, outcome.clips);
    return exit_stopped;
  }
  if (common.json) {
    fmt::print("{}\n", outcome.json().str());
  } else if (run.output != "-") {
    fmt::print("{}", outcome.text());
  }
  if (!outcome.skipped.empty()) {
    warn("{} of {} clips were skipped", outcome.skipped.size(), outcome.clips);
    return exit_code(ErrorKind::input);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run_tool<tools::FlowTool>(
      argc, argv,
      {"video-flow", "Optical flow (TV-L1) of clips and of pairs of pictures",
       [] {
         std::vector<std::string> lines;
         for (const auto& [name, version] : video::libraries())
           lines.push_back(name + " " + version);
         return lines;
       }},
      tools::bind, run);
}
