// resnet-geometry: the coordinates that a network's layers make, and the metric it pulls back to
// them.
#include "options/geometry.h"
#include "options/study_tool.h"

namespace {

using namespace rn;

void print_result(const tools::GeometryTool& o, const study::GeometryResult& r) {
  tools::print(
      o, [&] { return study::to_json(r); }, [&] { return study::to_table(r); },
      [&] { return study::to_text(r); });
}

int run(const tools::GeometryTool& o, const cli::Invocation& call) {
  return tools::run_study(o, call, study::run_geometry, study::merge_geometry, print_result);
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run_tool<tools::GeometryTool>(
      argc, argv, {"resnet-geometry", "Show the coordinates and the metric that a network learns"},
      tools::bind, run);
}
