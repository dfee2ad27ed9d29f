// resnet-info: what is in a model, a result or a data file.
#include <fmt/format.h>

#include "cli/run_tool.h"
#include "study/describe.h"
#include "train/describe.h"

namespace {

using namespace rn;

struct Options {
  cli::CommonOptions common;
  std::string file;
  train::DescribeOptions parts;
};

void bind(CLI::App& app, Options& o) {
  app.add_option("FILE", o.file, "Model, result or data file; - is stdin")
      ->type_name("FILE")
      ->required();
  app.add_flag("--blocks", o.parts.blocks, "Print the block table of a model");
  app.add_flag("--parameters", o.parts.parameters,
               "Print the tensors of a model: shape, type, mean, range, values not finite");
  app.add_flag("--provenance", o.parts.provenance, "Print where the file comes from");
  cli::add_common(app, o.common, {cli::Common::json});
}

int run(const Options& o, const cli::Invocation&) {
  const io::H5 file = io::H5::open(o.file);
  // Parts of a file (--blocks, --provenance) are the same for all.
  const bool parts = o.parts.blocks || o.parts.parameters || o.parts.provenance;
  if (!parts && study::knows(file)) {
    fmt::print(
        "{}", o.common.json ? study::describe_json(file).str() + "\n" : study::describe_text(file));
    return 0;
  }
  fmt::print("{}", o.common.json ? train::describe_json(file, o.parts).str() + "\n"
                                 : train::describe_text(file, o.parts));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run_tool<Options>(
      argc, argv, {"resnet-info", "Show what is in a model, a result or a data file"}, bind, run);
}
