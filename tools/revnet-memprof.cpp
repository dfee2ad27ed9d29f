// revnet-memprof: where the bytes of a training step go with depth, and what it costs to keep
// fewer.
#include <fmt/format.h>

#include <algorithm>

#include "cli/progress.h"
#include "cli/run_tool.h"
#include "io/file.h"
#include "options/memprof.h"

namespace {

using namespace rn;

int run(const tools::MemprofTool& o, const cli::Invocation& call) {
  const cli::CommonOptions& common = o.common;
  cli::check_stdout(common, o.table);
  const Device device = cli::start(common);
  study::MemoryRun run = tools::effective(o, call);
  run.device = device;
  if (common.dry_run) {
    const study::MemoryResult plan = study::plan_memory(run);
    fmt::print("{}", common.json ? study::to_json(plan).str() + "\n" : study::plan_text(plan));
    return 0;
  }
  if (!common.output.empty()) io::check_output(common.output, common.force);
  io::Provenance provenance = io::start_provenance(call.tool, call.command_line);
  provenance.config = call.recipe;
  provenance.device = describe(device);
  provenance.seed = common.seed;
  const auto progress = cli::make_progress({.mode = common.progress, .quiet = call.quiet});
  run.progress = progress.get();
  const study::MemoryResult result = study::run_memory(run);
  const auto& types = run.precisions;
  const bool narrow = std::find(types.begin(), types.end(), Dtype::bf16) != types.end();
  train::add_backend(provenance, narrow ? Dtype::bf16 : types.front());
  if (!common.output.empty()) {
    io::H5 file = study::to_h5(result);
    io::write(file, provenance, !common.no_provenance);
    io::write_file(common.output, file.image());
  }
  if (common.json) {
    fmt::print("{}\n", study::to_json(result).str());
  } else if (o.table) {
    fmt::print("{}", study::to_table(result, study::MemoryTable::cases));
  } else if (common.output != "-") {
    fmt::print("{}", study::to_text(result));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run_tool<tools::MemprofTool>(
      argc, argv,
      {"revnet-memprof", "Account for the memory of training, by depth and by what is kept"},
      tools::bind, run);
}
