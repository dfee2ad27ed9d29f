// The doing of the tools which study one model: resnet-lesion, resnet-paths, resnet-geometry.
#pragma once

#include <fmt/format.h>

#include "cli/progress.h"
#include "cli/signals.h"
#include "options/study.h"

namespace rn::tools {

// What a reader gets on stdout: one of these, each called only if it is wanted.
template <class Json, class Table, class Text>
void print(const StudyTool& o, Json&& json, Table&& table, Text&& text) {
  if (o.common.json) {
    fmt::print("{}\n", json().str());
  } else if (o.table) {
    fmt::print("{}", table());
  } else if (o.common.output != "-") {
    fmt::print("{}", text());
  }
}

template <class Result>
using Merge = Result (*)(const std::vector<std::string>& paths,
                         std::vector<io::Provenance::Input>& inputs);

// The results of all shards as one, written to the output.
template <class Result>
Result merge_shards(const StudyTool& o, const cli::Invocation& call, Merge<Result> merge) {
  cli::check_stdout(o.common, o.table);
  const std::string& output = o.common.output;
  if (!output.empty()) io::check_output(output, o.common.force);
  io::Provenance provenance = io::start_provenance(call.tool, call.command_line);
  provenance.config = call.recipe;
  Result all = merge(o.models, provenance.inputs);
  provenance.seed = all.options.seed;
  if (!output.empty()) {
    io::H5 file = study::to_h5(all, !o.common.no_provenance);
    io::write(file, provenance, !o.common.no_provenance);
    io::write_file(output, file.image());
  }
  return all;
}

// `effective`, by the type of the options, makes the run of them.
template <class Tool, class Run, class Outcome, class Result>
int run_study(const Tool& o, const cli::Invocation& call, Outcome (*study)(const Run&),
              Merge<Result> merge, void (*print_result)(const Tool&, const Result&)) {
  if (o.merge) {
    print_result(o, merge_shards(o, call, merge));
    return 0;
  }
  if (o.models.size() != 1) fail(ErrorKind::usage, "one MODEL, please; several only with --merge");
  const Device device = cli::start(o.common);
  Run run = effective(o, call);
  run.device = device;
  run.provenance.device = describe(device);
  run.stop = [] {
    return cli::stop_requested() ? cli::signal_name(cli::stop_signal()) : std::string();
  };
  cli::catch_signals();
  const auto progress = cli::make_progress({.mode = o.common.progress, .quiet = call.quiet});
  run.progress = progress.get();
  const Outcome outcome = study(run);
  if (!outcome.message.empty()) info("{}", outcome.message);
  if (outcome.stopped) return exit_stopped;
  if (run.dry_run) {
    fmt::print("{}", o.common.json ? outcome.json.str() + "\n" : outcome.plan);
  } else {
    print_result(o, outcome.result);
  }
  return 0;
}

}  // namespace rn::tools
