// Options that the tools which study one model have in common, and what they mean to the library.
#pragma once

#include <string>
#include <vector>

#include "cli/run_tool.h"
#include "study/study_run.h"
#include "train/model_file.h"
#include "train/schedule.h"

namespace rn::tools {

struct StudyTool {
  cli::CommonOptions common;
  std::vector<std::string> models;
  std::string data, split, shard, memory_limit = "2G", checkpoint_every = "2m";
  bool resume = false, merge = false, table = false;
};

// MODEL, --data, --split: first of all.
inline void bind_model(CLI::App& app, StudyTool& o, const std::string& split) {
  app.add_option("MODEL", o.models,
                 "Model file, - is stdin; with --merge the results of all shards")
      ->type_name("FILE")
      ->required();
  app.add_option("--data", o.data,
                 "Data set, KIND:WHERE; by default that of the training, if it is built in")
      ->type_name("URI");
  app.add_option("--split", o.split, split)
      ->type_name("SPLIT")
      ->check(CLI::IsMember({"train", "val", "test"}));
}

// How it is done, in which parts, and what is printed: last. `memory` says what --memory-limit
// limits.
inline void bind_run(CLI::App& app, StudyTool& o, bool resumes, const std::string& memory) {
  using cli::Common;
  cli::add_common(
      app, o.common,
      {Common::seed, Common::device, Common::precision, Common::threads, Common::output});
  cli::not_recipe(app.add_option("--shard", o.shard,
                                 "Do part K of N only, K/N; auto: as the Slurm job array says"))
      ->type_name("K/N");
  cli::not_recipe(app.add_flag("--merge", o.merge, "Put the results of all shards together"));
  if (resumes) {
    cli::not_recipe(app.add_flag("--resume", o.resume,
                                 "Go on from the checkpoint if there is one, start otherwise"));
    cli::not_recipe(app.add_option("--checkpoint-every", o.checkpoint_every,
                                   "Save what is done in OUTPUT.ckpt so often, such as 10m"))
        ->type_name("TIME");
  }
  cli::not_recipe(app.add_option("--memory-limit", o.memory_limit, memory))->type_name("BYTES");
  cli::not_recipe(app.add_flag("--table", o.table, "Print the result as a TSV table"));
  cli::add_common(app, o.common,
                  {Common::json, Common::dry_run, Common::no_provenance, Common::progress});
}

// Fills in what these options say; device, stop and progress are the caller's. Errors: usage.
inline void apply(const StudyTool& o, const cli::Invocation& call, study::StudyRun& run) {
  cli::check_stdout(o.common, o.table);
  run.model = o.models.front();
  run.data = o.data;
  if (!o.split.empty()) run.split = data::parse_split(o.split);
  if (!o.shard.empty()) run.shard = parse_shard(o.shard);
  run.dtype = train::parse_precision(o.common.precision);
  run.memory_limit = cli::parse_bytes(o.memory_limit);
  run.checkpoint_seconds = train::parse_duration(o.checkpoint_every);
  run.output = o.common.output;
  run.force = o.common.force;
  run.resume = o.resume;
  run.dry_run = o.common.dry_run;
  run.volatile_provenance = !o.common.no_provenance;
  run.provenance = io::start_provenance(call.tool, call.command_line);
  run.provenance.config = call.recipe;
}

}  // namespace rn::tools
