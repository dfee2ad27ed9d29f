// The options of resnet-paths, and what they mean to the library.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/run_tool.h"
#include "study/lesion_run.h"
#include "study/paths_run.h"
#include "train/model_file.h"
#include "train/schedule.h"

namespace rn::tools {

using cli::Common;

struct PathsTool {
  cli::CommonOptions common;
  std::vector<std::string> models;
  std::string data, split, bn = "frozen", shard, memory_limit = "2G", checkpoint_every = "2m";
  bool lengths = false, sample = false, spectrum = false;
  bool boundaries = false, weights = false, branches = false;
  std::vector<std::int64_t> lengths_at;
  std::optional<std::int64_t> trials, batch, max_length, limit_test, limit_train;
  std::optional<double> effective;
  bool resume = false, merge = false, table = false;
};

inline void bind_studies(CLI::App& app, PathsTool& o) {
  app.add_flag("--lengths", o.lengths, "How many paths there are of each length");
  app.add_flag("--spectrum", o.spectrum,
               "The gradient over all paths of each length, exactly (the default)");
  app.add_flag("--sample", o.sample, "Gradients along random paths, as the paper has them");
  app.add_option("--effective", o.effective,
                 "The smallest range of lengths that carries this share, such as 0.95")
      ->type_name("SHARE")
      ->check(cli::real(0, 1));
  app.add_option("--bn", o.bn,
                 "Batch norms: frozen statistics, or those of the batch, in both directions")
      ->type_name("HOW")
      ->check(CLI::IsMember({"frozen", "batch"}));
  app.add_option("--batch", o.batch,
                 "Images of a batch, by default 128; of a sampled trial, by default 64")
      ->type_name("INT")
      ->check(cli::whole(1, 1000000));
  app.add_option("--max-length", o.max_length, "--spectrum: only paths of up to so many branches")
      ->type_name("INT")
      ->check(cli::whole(0, 100000));
  app.add_flag("--boundaries", o.boundaries,
               "Also the gradients at every block's input and output");
  app.add_flag("--weights", o.weights,
               "--spectrum: also the gradient of every block's weights, by the length behind it");
  app.add_flag("--branches", o.branches,
               "--spectrum: also the gradient through each block's branch");
  app.add_option("--lengths-at", o.lengths_at,
                 "--sample: only these lengths, such as 1,5,10; by default all")
      ->type_name("K")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(cli::whole(0, 100000));
  app.add_option("--trials", o.trials, "--sample: measurements of each length; 20 by default")
      ->type_name("INT")
      ->check(cli::whole(1, 1000000));
}

inline void bind(CLI::App& app, PathsTool& o) {
  app.add_option("MODEL", o.models,
                 "Model file, - is stdin; with --merge the results of all shards")
      ->type_name("FILE")
      ->required();
  app.add_option("--data", o.data,
                 "Data set, KIND:WHERE; by default that of the training, if it is built in")
      ->type_name("URI");
  app.add_option("--split", o.split, "train, val or test; by default test, and train for --sample")
      ->type_name("SPLIT")
      ->check(CLI::IsMember({"train", "val", "test"}));
  app.add_option("--limit-test", o.limit_test,
                 "The first N test (or val) images only; by default 1000")
      ->type_name("INT")
      ->check(cli::whole(1));
  app.add_option("--limit-train", o.limit_train,
                 "The first N training images only; by default 1000, all for --sample")
      ->type_name("INT")
      ->check(cli::whole(1));
  bind_studies(app, o);
  cli::add_common(
      app, o.common,
      {Common::seed, Common::device, Common::precision, Common::threads, Common::output});
  cli::not_recipe(app.add_option("--shard", o.shard,
                                 "Do part K of N only, K/N; auto: as the Slurm job array says"))
      ->type_name("K/N");
  cli::not_recipe(app.add_flag("--merge", o.merge, "Put the results of all shards together"));
  cli::not_recipe(app.add_flag("--resume", o.resume,
                               "Go on from the checkpoint if there is one, start otherwise"));
  cli::not_recipe(app.add_option("--checkpoint-every", o.checkpoint_every,
                                 "Save what is done in OUTPUT.ckpt so often, such as 10m"))
      ->type_name("TIME");
  cli::not_recipe(app.add_option("--memory-limit", o.memory_limit,
                                 "Of everything held at a time, such as 500M or 4G"))
      ->type_name("BYTES");
  cli::not_recipe(app.add_flag("--table", o.table, "Print the result as a TSV table"));
  cli::add_common(app, o.common,
                  {Common::json, Common::dry_run, Common::no_provenance, Common::progress});
}

inline void check_stdout(const PathsTool& o) {
  if (o.common.output == "-" && (o.common.json || o.table)) {
    fail(ErrorKind::usage, "-o - and --{} both want stdout", o.common.json ? "json" : "table");
  }
}

inline study::PathsOptions study_of(const PathsTool& o) {
  study::PathsOptions options;
  options.sample = o.sample;
  options.spectrum = o.spectrum || !(o.sample || o.lengths);
  const auto only = [](bool given, bool fits, const char* option, const char* study) {
    if (given && !fits) fail(ErrorKind::usage, "--{} goes with --{}", option, study);
  };
  only(o.max_length.has_value(), options.spectrum, "max-length", "spectrum");
  only(o.weights, options.spectrum, "weights", "spectrum");
  only(o.branches, options.spectrum, "branches", "spectrum");
  only(!o.lengths_at.empty(), o.sample, "lengths-at", "sample");
  only(o.trials.has_value(), o.sample, "trials", "sample");
  only(o.effective.has_value(), o.sample || options.spectrum, "effective", "spectrum or --sample");
  options.seed = options.sampled.seed = o.common.seed;
  options.exact.batch_statistics = options.sampled.batch_statistics = o.bn == "batch";
  options.exact.max_length = o.max_length.value_or(-1);
  options.exact.boundaries = options.sampled.boundaries = o.boundaries;
  options.exact.weights = o.weights;
  options.exact.blocks = o.branches;
  options.batch = o.batch.value_or(options.batch);
  options.sampled.batch = o.batch.value_or(options.sampled.batch);
  options.sampled.trials = o.trials.value_or(options.sampled.trials);
  options.sampled.lengths = o.lengths_at;
  return options;
}

inline study::PathsRun effective(const PathsTool& o, const cli::Invocation& call) {
  study::PathsRun run;
  run.model = o.models.front();
  run.data = o.data;
  run.options = study_of(o);
  if (!o.split.empty()) run.split = run.sample_split = data::parse_split(o.split);
  const auto limit = [&](data::Split split, std::int64_t otherwise) {
    const auto& given = split == data::Split::train ? o.limit_train : o.limit_test;
    return given.value_or(otherwise);
  };
  run.limit = limit(run.split, 1000);
  run.sample_limit = limit(run.sample_split, -1);
  if (!o.shard.empty()) run.shard = parse_shard(o.shard);
  run.dtype = train::parse_precision(o.common.precision);
  if (run.dtype == Dtype::bf16) {
    fail(ErrorKind::usage, "--precision bf16: paths are followed in fp32 or fp64");
  }
  run.memory_limit = cli::parse_bytes(o.memory_limit);
  run.checkpoint_seconds = train::parse_duration(o.checkpoint_every);
  run.output = o.common.output;
  run.force = o.common.force;
  run.resume = o.resume;
  run.dry_run = o.common.dry_run;
  run.volatile_provenance = !o.common.no_provenance;
  check_stdout(o);
  run.provenance = io::start_provenance(call.tool, call.command_line);
  run.provenance.config = call.recipe;
  return run;
}

}  // namespace rn::tools
