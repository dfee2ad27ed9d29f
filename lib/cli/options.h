// The options that all tools spell alike, bound once. A tool names the ones that it wants:
//   cli::add_common(app, o.common, {Common::device, Common::threads, Common::output});
// Every long option can also be given as RESNET_<NAME> in the environment and as a key of a TOML
// file (--config FILE): flag > environment > file > default. run_tool sees to that.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>

#include "device/device.h"

namespace CLI {
class App;
class Option;
class Validator;
}  // namespace CLI

namespace rn::cli {

struct CommonOptions {
  std::string device = "auto";     // auto, cpu, cuda[:N]
  std::string precision = "fp32";  // fp32, bf16, fp64
  int threads = 0;                 // 0: the CPUs this process may run on
  int lanes = 16;                  // part of what the results depend on
  std::uint64_t seed = 1;
  std::string output;  // "-" is stdout
  bool force = false;
  bool json = false;
  bool dry_run = false;
  bool no_provenance = false;
  std::string progress = "auto";  // auto, always, never
};

enum class Common {
  device,
  precision,
  threads,
  lanes,
  seed,
  output,  // -o and --force
  json,
  dry_run,
  no_provenance,
  progress,
};

void add_common(CLI::App& app, CommonOptions& options, std::initializer_list<Common> which);

// Sets the threads and lanes of lib/base/parallel and finds the device. Call it first in run().
// Errors: usage, device.
Device start(const CommonOptions& options);

// Errors (usage): two of the result file, --json and --table would go to stdout.
void check_stdout(const CommonOptions& options, bool table = false);

// Checks for add_option(...)->check(): a whole number in [lowest, highest], written in decimal, and
// a finite number in [lowest, highest].
CLI::Validator whole(std::int64_t lowest,
                     std::int64_t highest = std::numeric_limits<std::int64_t>::max());
CLI::Validator real(double lowest, double highest = std::numeric_limits<double>::infinity());

// "500M", "4G", "123456": bytes, with K, M, G, T as powers of 1024. Errors: usage.
std::int64_t parse_bytes(const std::string& text);

// Marks an option as one that changes how a run goes, not what it computes (threads, output paths,
// verbosity): it is left out of Invocation::recipe.
CLI::Option* not_recipe(CLI::Option* option);
bool is_recipe(const CLI::Option& option);

}  // namespace rn::cli
