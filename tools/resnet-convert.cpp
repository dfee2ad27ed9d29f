// resnet-convert: trained networks in from PyTorch, safetensors and Keras, and out again.
#include <fmt/format.h>

#include <charconv>

#include "cli/run_tool.h"
#include "train/convert_run.h"

namespace {

using namespace rn;
using cli::Common;

struct Options {
  cli::CommonOptions common;
  train::ConvertRun run;
  bool list = false;
  std::vector<std::string> arch_options;
  std::string pad_shortcut, input;
};

void bind(CLI::App& app, Options& o) {
  app.add_option("FILE", o.run.input, "Weight file, or a model to hand out; - is stdin")
      ->type_name("FILE")
      ->required();
  app.add_option("--to", o.run.to, "What to write: model, safetensors or keras")
      ->type_name("KIND")
      ->check(CLI::IsMember({"model", "safetensors", "keras"}));
  app.add_option("--store", o.run.store, "How a model keeps its weights: fp32 or bf16")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"fp32", "bf16"}));
  cli::not_recipe(app.add_flag("--list", o.list, "List the tensors of a weight file, and stop"));
  app.add_option("--entry", o.run.entry, "Which entry of a checkpoint holds the network")
      ->type_name("NAME");
  app.add_option("--arch", o.run.recognize.arch,
                 "Architecture of the catalog, instead of recognising one")
      ->type_name("NAME");
  app.add_option("--arch-option", o.arch_options,
                 "What the file cannot tell, KEY=VALUE; an unknown KEY lists them")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);  // one each time, so that FILE may follow
  app.add_option("--map", o.run.map, "Rename tensors: lines THEIRS<TAB>OURS")->type_name("FILE");
  app.add_option("--pad-shortcut", o.pad_shortcut,
                 "Where shortcuts without weights add channels: end or both")
      ->type_name("WHERE")
      ->check(CLI::IsMember({"end", "both"}));
  app.add_option("--normalize", o.run.normalize,
                 "Input: imagenet, cifar, none, keras-caffe, keras-tf, bytes or MEAN,...,STD,...")
      ->type_name("KIND");
  app.add_option("--input", o.input, "Size of the images, such as 224x224")->type_name("HxW");
  app.add_option("--classes", o.run.classes, "Names of the classes, one a line")->type_name("FILE");
  cli::add_common(app, o.common,
                  {Common::output, Common::json, Common::dry_run, Common::no_provenance});
}

void parse_size(const std::string& text, std::int64_t& height, std::int64_t& width) {
  const char* end = text.data() + text.size();
  const auto h = std::from_chars(text.data(), end, height);
  const bool crossed = h.ec == std::errc() && h.ptr != end && *h.ptr == 'x';
  const auto w = crossed ? std::from_chars(h.ptr + 1, end, width) : h;
  if (!crossed || w.ec != std::errc() || w.ptr != end || height < 1 || width < 1) {
    fail(ErrorKind::usage, "--input {}: expected HEIGHTxWIDTH, such as 224x224", text);
  }
}

int run(const Options& o, const cli::Invocation& call) {
  cli::check_stdout(o.common);
  train::ConvertRun run = o.run;
  for (const std::string& option : o.arch_options) {
    const std::size_t equals = option.find('=');
    if (equals == std::string::npos) {
      fail(ErrorKind::usage, "--arch-option {}: expected KEY=VALUE", option);
    }
    run.recognize.options[option.substr(0, equals)] = option.substr(equals + 1);
  }
  if (!o.pad_shortcut.empty()) run.recognize.pad_both = o.pad_shortcut == "both";
  if (!o.input.empty()) parse_size(o.input, run.recognize.height, run.recognize.width);
  if (o.list) {
    const train::ConvertListing listing = train::list_weights(run);
    info("{}: {}", run.input, listing.format);
    fmt::print("{}", o.common.json ? listing.json.str() + "\n" : listing.text);
    return 0;
  }
  run.output = o.common.output;
  run.force = o.common.force;
  run.dry_run = o.common.dry_run;
  run.volatile_provenance = !o.common.no_provenance;
  run.provenance = io::start_provenance(call.tool, call.command_line);
  run.provenance.config = call.recipe;
  run.provenance.device = to_string(cpu);

  const train::ConvertOutcome outcome = train::run_conversion(run);
  info("{}", outcome.text);
  for (const std::string& assumption : outcome.warnings) warn("assumed: {}", assumption);
  if (o.common.json) fmt::print("{}\n", outcome.json.str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run_tool<Options>(
      argc, argv, {"resnet-convert", "Weights from and to PyTorch, safetensors and Keras"}, bind,
      run);
}
