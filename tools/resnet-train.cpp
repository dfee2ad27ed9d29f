// Trains a residual network from a recipe.
#include "cli/progress.h"
#include "options/train.h"
#include "train/loader.h"
#include "train/plan.h"
#include "train/trainer.h"

namespace {

using namespace rn;
using tools::TrainTool;

int run(const TrainTool& o, const cli::Invocation& call) {
  if (o.list_archs) {
    fmt::print("{}", train::arch_table());
    return 0;
  }
  cli::catch_signals();
  train::TrainOptions options = tools::effective(o, cli::start(o.common), call);
  if (o.loader_only) {
    const train::LoaderReport report = train::measure_loader(std::move(options));
    fmt::print("{}\n", o.common.json ? report.json() : report.text());
    return 0;
  }
  if (o.common.dry_run) {
    const train::Plan plan = train::make_plan(std::move(options));
    fmt::print("{}\n", o.common.json ? plan.json() : plan.text());
    return 0;
  }
  cli::check_stdout(o.common);
  const auto progress = cli::make_progress({.mode = o.common.progress, .quiet = call.quiet});
  options.progress = progress.get();
  const std::string output = options.output;
  const train::Outcome outcome = train::train(std::move(options));
  if (!outcome.message.empty()) info("{}", outcome.message);
  if (outcome.ended == train::Ended::stopped) return exit_stopped;
  if (o.common.json) {
    fmt::print("{}\n", outcome.json(output));
  } else if (output != "-") {
    fmt::print("{}\n", outcome.text(output));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run_tool<TrainTool>(
      argc, argv,
      {"resnet-train", "Train a residual network: -o MODEL.h5, from options or a recipe", {}},
      tools::bind, run);
}
