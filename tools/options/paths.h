// The options of resnet-paths, and what they mean to the library.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "options/study.h"
#include "study/paths_run.h"

namespace rn::tools {

struct PathsTool : StudyTool {
  std::string bn = "frozen";
  bool lengths = false, sample = false, spectrum = false;
  bool boundaries = false, weights = false, branches = false;
  std::vector<std::int64_t> lengths_at;
  std::optional<std::int64_t> trials, batch, max_length, limit_test, limit_train;
  std::optional<double> effective;
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
  bind_model(app, o, "train, val or test; by default test, and train for --sample");
  app.add_option("--limit-test", o.limit_test,
                 "The first N test (or val) images only; by default 1000")
      ->type_name("INT")
      ->check(cli::whole(1));
  app.add_option("--limit-train", o.limit_train,
                 "The first N training images only; by default 1000, all for --sample")
      ->type_name("INT")
      ->check(cli::whole(1));
  bind_studies(app, o);
  bind_run(app, o, true, "Of everything held at a time, such as 500M or 4G");
}

inline study::PathsOptions study_of(const PathsTool& o, const cli::Invocation& call) {
  study::PathsOptions options;
  options.sample = o.sample;
  options.spectrum = o.spectrum || !(o.sample || o.lengths);
  cli::goes_with(call, {"max-length", "weights", "branches"}, options.spectrum, "--spectrum");
  cli::goes_with(call, {"lengths-at", "trials"}, o.sample, "--sample");
  cli::goes_with(call, {"effective"}, o.sample || options.spectrum, "--spectrum or --sample");
  options.seed = options.sampled.seed = o.common.seed;
  options.exact.batch_statistics = options.sampled.batch_statistics = o.bn == "batch";
  options.exact.max_length = o.max_length.value_or(-1);
  options.exact.boundaries = options.sampled.boundaries = o.boundaries;
  options.exact.weights = o.weights && options.spectrum;
  options.exact.blocks = o.branches && options.spectrum;
  options.batch = o.batch.value_or(options.batch);
  options.sampled.batch = o.batch.value_or(options.sampled.batch);
  options.sampled.trials = o.trials.value_or(options.sampled.trials);
  options.sampled.lengths = o.lengths_at;
  return options;
}

inline study::PathsRun effective(const PathsTool& o, const cli::Invocation& call) {
  study::PathsRun run;
  apply(o, call, run);
  run.options = study_of(o, call);
  if (!o.split.empty()) run.sample_split = run.split;
  const auto limit = [&](data::Split split, std::int64_t otherwise) {
    const auto& given = split == data::Split::train ? o.limit_train : o.limit_test;
    return given.value_or(otherwise);
  };
  const auto reads = [&](bool training) {  // images of that split, by one of the studies
    const auto is = [&](data::Split split) { return (split == data::Split::train) == training; };
    return (run.options.spectrum && is(run.split)) || (o.sample && is(run.sample_split));
  };
  cli::goes_with(call, {"limit-train"}, reads(true), "--sample or --split train");
  cli::goes_with(call, {"limit-test"}, reads(false), "--spectrum or another --split");
  run.limit = limit(run.split, 1000);
  run.sample_limit = limit(run.sample_split, -1);
  if (run.dtype == Dtype::bf16) {
    fail(ErrorKind::usage, "--precision bf16: paths are followed in fp32 or fp64");
  }
  return run;
}

}  // namespace rn::tools
