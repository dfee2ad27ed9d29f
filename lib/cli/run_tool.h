// The frame of every tool: command line, help, errors, exit codes. A tool is
//
//   struct Options {
//     cli::CommonOptions common;
//     std::string model;
//   };
//
//   void bind(CLI::App& app, Options& o) {
//     app.add_option("MODEL", o.model, "Model file; - is stdin")->type_name("FILE")->required();
//     cli::add_common(app, o.common, {cli::Common::threads, cli::Common::json});
//   }
//
//   int run(const Options& o, const cli::Invocation& call) {
//     const Device device = cli::start(o.common);
//     ...                                   // one call into lib/train, lib/study, ...
//     fmt::print("{}\n", summary);          // results: stdout; all else: rn::info, rn::warn
//     return 0;                             // or exit_stopped
//   }
//
//   int main(int argc, char** argv) {
//     return cli::run_tool<Options>(argc, argv, {"resnet-x", "One line that says what it is"},
//     bind, run);
//   }
//
// What nobody else catches ends here: where a part of the work can go on without another, it is
// caught there. Always bound are --config, -q, -v, --help and --version.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "cli/options.h"

namespace rn::cli {

struct ToolInfo {
  std::string name;     // "resnet-train"
  std::string summary;  // one line, for --help
  // Lines for --version: "HDF5 1.10.8". Called only when asked for.
  std::function<std::vector<std::string>()> libraries = {};
};

// What was asked for, as provenance wants it.
struct Invocation {
  std::string tool;
  std::string command_line;  // quoted so that a shell would take it back
  std::string config;        // all options and positionals as TOML, in the order of --help
  std::string recipe;        // the part of it that results depend on
  bool quiet = false;        // -q
  int verbose = 0;           // how many -v
  // Long names of the options on the command line, as they stand there: "no-flip". Those of files
  // and of the environment are not among them: these serve commands that differ.
  std::vector<std::string> given;
};

// Whether --name is on the command line.
bool was_given(const Invocation& call, std::string_view name);

// Errors (usage): one of these options is on the command line and does nothing, as the one that it
// belongs to, `with`, is not `there`.
void goes_with(const Invocation& call, std::initializer_list<std::string_view> names, bool there,
               std::string_view with);
// The same of what is left out beside an option.
void goes_without(const Invocation& call, std::initializer_list<std::string_view> names, bool there,
                  std::string_view without);

// Parses, runs, and returns the exit code: 0, or 2 for a wrong command line, or that of the
// rn::Error thrown, or what `run` returns.
int run_tool(int argc, char** argv, const ToolInfo& info,
             const std::function<void(CLI::App&)>& bind,
             const std::function<int(const Invocation&)>& run);

template <class Options>
int run_tool(int argc, char** argv, const ToolInfo& info, void (*bind)(CLI::App&, Options&),
             int (*run)(const Options&, const Invocation&)) {
  Options options;
  return run_tool(
      argc, argv, info, [&](CLI::App& app) { bind(app, options); },
      [&](const Invocation& call) { return run(options, call); });
}

}  // namespace rn::cli
