// resnet-paths: how long the paths through a network are, and which of them carry the gradient.
#include "options/paths.h"
#include "options/study_tool.h"

namespace {

using namespace rn;

void print_result(const tools::PathsTool& o, const study::PathsResult& r) {
  const double effective = o.effective.value_or(0);
  tools::print(
      o, [&] { return study::to_json(r, effective); },
      [&] { return study::to_table(r, study::main_table(r)); },
      [&] { return study::to_text(r, effective); });
}

int run(const tools::PathsTool& o, const cli::Invocation& call) {
  return tools::run_study(o, call, study::run_paths, study::merge_paths, print_result);
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run_tool<tools::PathsTool>(
      argc, argv, {"resnet-paths", "Show which paths through a network carry the gradient"},
      tools::bind, run);
}
