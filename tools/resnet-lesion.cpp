// resnet-lesion: deletes and reorders blocks of a trained network, and sees what becomes of it.
#include "options/lesion.h"
#include "options/study_tool.h"
#include "study/lesion_studies.h"

namespace {

using namespace rn;

void print_result(const tools::LesionTool& o, const study::LesionResult& r) {
  tools::print(
      o, [&] { return study::to_json(r); }, [&] { return study::to_table(r); },
      [&] { return study::to_text(r); });
}

int run(const tools::LesionTool& o, const cli::Invocation& call) {
  return tools::run_study(o, call, study::run_lesions, study::merge_files, print_result);
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run_tool<tools::LesionTool>(
      argc, argv, {"resnet-lesion", "Delete and reorder blocks of a trained network"}, tools::bind,
      run);
}
