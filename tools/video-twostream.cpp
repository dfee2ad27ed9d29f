// video-twostream: trains, evaluates and runs spatiotemporal two-stream residual networks.
#include <fmt/format.h>

#include <filesystem>

#include "cli/progress.h"
#include "cli/run_tool.h"
#include "cli/share.h"
#include "cli/signals.h"
#include "io/file.h"
#include "options/twostream.h"
#include "plot/strip.h"
#include "video/picture.h"

namespace {

using namespace rn;
using tools::TwoStreamCommand;
using tools::TwoStreamTool;

TwoStreamCommand command = TwoStreamCommand::none;  // known before the options are

// What is wrong with clips was told of each; now how many there were.
int finish(const std::vector<video::Skipped>& skipped) {
  if (skipped.empty()) return 0;
  warn("{} clip{} skipped: {}{}", skipped.size(), skipped.size() == 1 ? " was" : "s were",
       skipped.front().path,
       skipped.size() > 1 ? fmt::format(" and {} more", skipped.size() - 1) : "");
  return exit_code(ErrorKind::input);
}

int train(const TwoStreamTool& o, const cli::Invocation& call, Device device, Progress* progress) {
  video::TwoStreamTrain run = tools::effective_training(o, device, call);
  const std::string output = run.train.output;
  if (o.train.common.dry_run) {
    run.train.progress = progress;
    const video::TwoStreamOutlook outlook = video::plan_two_stream(std::move(run));
    if (!outlook.stopped.empty()) {
      info("{}", outlook.stopped);
      return exit_stopped;
    }
    fmt::print("{}\n", o.train.common.json ? outlook.plan.json() : outlook.plan.text());
    return finish(outlook.skipped);
  }
  cli::check_stdout(o.train.common);
  run.train.progress = progress;
  const video::TwoStreamOutcome outcome = video::train_two_stream(std::move(run));
  if (!outcome.train.message.empty()) info("{}", outcome.train.message);
  if (outcome.train.ended == train::Ended::stopped) return exit_stopped;
  if (o.train.common.json) {
    fmt::print("{}\n", outcome.train.json(output));
  } else if (output != "-") {
    fmt::print("{}\n", outcome.train.text(output));
  }
  return finish(outcome.skipped);
}

void render(const TwoStreamTool& o, const video::TwoStreamReport& report) {
  const std::string style = cli::find_shared("figures/evaluation.gp");
  if (style.empty()) fail(ErrorKind::failed, "figures/evaluation.gp is not beside this tool");
  const io::Bytes text = io::read_file(style);
  const plot::StripPlot strip{.height = report.strip.height,
                              .width = report.strip.width,
                              .rgb = report.strip.bytes,
                              .names = report.names,
                              .shares = report.probabilities,
                              .title = std::filesystem::path(o.inputs.front()).filename().string()};
  const std::string script = plot::strip_script(
      strip, plot::format_of(o.render), {reinterpret_cast<const char*>(text.data()), text.size()});
  io::write_file(o.render, plot::render(script));
}

int test(const TwoStreamTool& o, const cli::Invocation& call, Device device, Progress* progress) {
  video::TwoStreamPredict run{.how = tools::effective_testing(o, device, call),
                              .inputs = o.inputs,
                              .top = o.top,
                              .strip = !o.render.empty()};
  run.how.progress = progress;
  if (!o.render.empty()) {
    plot::format_of(o.render);
    io::check_output(o.render, o.train.common.force);
  }
  const video::TwoStreamReport report = command == TwoStreamCommand::eval
                                            ? video::evaluate_two_stream(run.how)
                                            : video::predict_two_stream(run);
  if (report.stopped) {
    info("stopped by {}; nothing was written", cli::signal_name(cli::stop_signal()));
    return exit_stopped;
  }
  if (!o.render.empty() && !run.how.dry_run) render(o, report);
  if (o.train.common.json) {
    fmt::print("{}\n", report.json.str());
  } else if (run.how.output != "-" || run.how.dry_run) {
    fmt::print("{}", report.text);
  }
  const int code = finish(report.skipped);
  if (report.nonfinite > 0) {
    fail(ErrorKind::numeric, "{}: the scores of {} of {} clips are not finite", run.how.model,
         report.nonfinite, report.clips);
  }
  return code;
}

int run(const TwoStreamTool& o, const cli::Invocation& call) {
  if (command == TwoStreamCommand::none) {
    fail(ErrorKind::usage, "the command comes first: video-twostream {} ...", o.command);
  }
  const Device device = cli::start(o.train.common);
  cli::catch_signals();
  const auto progress = cli::make_progress({.mode = o.train.common.progress, .quiet = call.quiet});
  if (command == TwoStreamCommand::train) return train(o, call, device, progress.get());
  return test(o, call, device, progress.get());
}

void bind(CLI::App& app, TwoStreamTool& o) { tools::bind_two_stream(app, o, command); }

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) command = tools::parse_command(argv[1]);
  return cli::run_tool<TwoStreamTool>(
      argc, argv,
      {"video-twostream", "Two-stream networks for clips: train, eval, predict",
       [] {
         std::vector<std::string> lines;
         for (const auto& [name, version] : video::libraries())
           lines.push_back(name + " " + version);
         return lines;
       }},
      bind, run);
}
