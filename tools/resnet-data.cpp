// resnet-data: what is in a data set; brings it into HDF5 files.
#include <fmt/format.h>

#include "base/shard.h"
#include "cli/progress.h"
#include "cli/run_tool.h"
#include "data/import.h"
#include "data/montage.h"
#include "io/file.h"
#include "options/actions.h"
#include "options/augment.h"

namespace {

using namespace rn;

struct Options {
  cli::CommonOptions common;
  data::ImportOptions import;
  bool info = false;
  std::string montage, shard;
  data::MontageOptions look;
  tools::AugmentTool augment;
};

std::string kinds_text() {
  std::vector<std::string> names;
  for (const auto& [kind, description] : data::source_kinds()) names.push_back(kind);
  return fmt::format("Data set: {}", fmt::join(names, ", "));
}

void bind(CLI::App& app, Options& o) {
  app.add_option("URI", o.import.uri, kinds_text())->type_name("URI")->required();
  app.add_flag("--info", o.info, "Print a summary; the default without -o");
  app.add_option("--limit-train", o.import.limits.train, "Keep the first N training images")
      ->type_name("N")
      ->default_str("")
      ->check(cli::whole(1));
  app.add_option("--limit-test", o.import.limits.test, "Keep the first N test images")
      ->type_name("N")
      ->default_str("")
      ->check(cli::whole(1));
  cli::not_recipe(app.add_option("--shard", o.shard,
                                 "Take part K of N of every split, K/N; auto: as the Slurm job "
                                 "array says"))
      ->type_name("K/N");
  app.add_option("--montage", o.montage,
                 "Draw training samples as the trainer sees them, into this PNG file")
      ->type_name("FILE");
  tools::bind_augment(app, o.look.augment, o.augment);
  cli::add_common(app, o.common,
                  {cli::Common::seed, cli::Common::output, cli::Common::threads, cli::Common::json,
                   cli::Common::dry_run, cli::Common::no_provenance, cli::Common::progress});
}

int draw(const Options& o) {
  if (!o.common.output.empty()) {
    fail(ErrorKind::usage, "--montage draws, -o writes a data set: one of them");
  }
  for (const char* other : {".jpg", ".jpeg", ".svg", ".pdf", ".gif"}) {
    if (o.montage.ends_with(other)) {
      fail(ErrorKind::usage, "--montage {}: is written as PNG: name it so", o.montage);
    }
  }
  io::check_output(o.montage, o.common.force);
  data::MontageOptions look = o.look;
  tools::apply_augment(o.augment, look.augment);
  look.seed = o.common.seed;
  const auto source = data::open_source(o.import.uri, data::Split::train, o.import.limits.train);
  io::write_file(o.montage, io::encode_png(data::montage(*source, look)));
  return 0;
}

int run(const Options& o, const cli::Invocation& call) {
  cli::start(o.common);
  if (video::is_actions(o.import.uri)) {
    if (!o.montage.empty() || o.info || o.import.limits.train >= 0 || o.import.limits.test >= 0) {
      fail(ErrorKind::usage,
           "synth:actions are films: --info, --montage and --limit-... are for images; "
           "synth:actions?clips=N says how many");
    }
    return tools::write_actions(o.import.uri, o.common, call.quiet);
  }
  cli::goes_with(call,
                 {"pad", "flip", "random-crop", "crop-ratio", "jitter", "lighting", "cutout",
                  "random-erase", "mixup", "cutmix"},
                 !o.montage.empty(), "--montage");
  const bool writes = !o.common.output.empty();
  const bool prints = o.info || o.common.json || !writes;
  if (o.common.output == "-" && prints) {
    fail(ErrorKind::usage, "-o - and {} would both write to stdout", o.info ? "--info" : "--json");
  }
  if (writes) io::check_output(o.common.output, o.common.force);

  if (!o.montage.empty()) return draw(o);
  io::Provenance provenance = io::start_provenance(call.tool, call.command_line);
  data::ImportOptions options = o.import;
  options.keep = writes && !o.common.dry_run;
  if (!o.shard.empty()) options.shard = parse_shard(o.shard);
  const auto progress = cli::make_progress({.mode = o.common.progress, .quiet = call.quiet});
  options.progress = progress.get();
  data::Imported imported = data::import(options);
  if (options.keep) {
    provenance.config = call.recipe;
    provenance.inputs = data::inputs_of(imported.summary);
    io::write(imported.file, provenance, !o.common.no_provenance);
    io::write_file(o.common.output, imported.file.image());
  } else if (writes) {
    rn::info("would write about {} MB to {}", data::bytes_of(imported.summary) / 1'000'000 + 1,
             o.common.output);
  }
  if (prints) {
    fmt::print("{}", o.common.json ? data::to_json(imported.summary).str() + "\n"
                                   : data::to_text(imported.summary));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run_tool<Options>(
      argc, argv, {"resnet-data", "Show a data set, or bring it into HDF5 files"}, bind, run);
}
