// The options of resnet-lesion, and what they mean to the library.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "options/study.h"
#include "study/lesion_run.h"

namespace rn::tools {

struct LesionTool : StudyTool {
  bool delete_each = false, delete_shortcut = false, shapley = false, pairs = false;
  std::vector<std::string> remove, keep;
  std::vector<std::int64_t> random, shuffle;
  std::optional<double> noise;
  std::int64_t recalibrate = 0;
  std::optional<std::int64_t> trials, limit;

  LesionTool() { split = "test"; }
};

inline void bind_studies(CLI::App& app, LesionTool& o) {
  app.add_flag("--delete-each", o.delete_each, "Delete every block in turn (the default)");
  app.add_option("--delete", o.remove, "Delete these blocks together, such as stage2.block1")
      ->type_name("NAME")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--keep-only", o.keep, "Delete all blocks but these")
      ->type_name("NAME")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--delete-random", o.random, "Delete so many blocks at random, such as 1,2,5,10")
      ->type_name("K")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(cli::whole(0, 100000));
  app.add_option("--shuffle", o.shuffle, "Swap two blocks of a stage so many times")
      ->type_name("K")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(cli::whole(0, 100000));
  app.add_flag("--delete-shortcut", o.delete_shortcut, "Delete every block's shortcut in turn");
  app.add_option("--noise", o.noise,
                 "Add noise to every block's output in turn, SIGMA times its root mean square")
      ->type_name("SIGMA")
      ->check(cli::real(0));
  app.add_flag("--shapley", o.shapley, "Share the accuracy out among the blocks (Shapley values)");
  app.add_flag("--pairs", o.pairs, "Delete every two blocks together: their interaction");
  app.add_option("--trials", o.trials,
                 "Random trials of each K, permutations of --shapley; 10 by default")
      ->type_name("INT")
      ->check(cli::whole(1, 1000000));
  app.add_option("--recalibrate", o.recalibrate,
                 "Estimate the batch norms' statistics again, from N training images a lesion")
      ->type_name("INT")
      ->check(cli::whole(0));
}

inline void bind(CLI::App& app, LesionTool& o) {
  bind_model(app, o, "train, val or test");
  app.add_option("--limit-test", o.limit,
                 "The first N images only; 1000 by default for --shapley and --pairs, else all")
      ->type_name("INT")
      ->check(cli::whole(1));
  bind_studies(app, o);
  bind_run(app, o, true, "Of the activations held at a time, such as 500M or 4G");
}

inline study::LesionOptions study_of(const LesionTool& o) {
  using study::Study;
  std::vector<Study> asked;
  const auto ask = [&](bool given, Study study) {
    if (given) asked.push_back(study);
  };
  ask(o.delete_each, Study::delete_each);
  ask(!o.remove.empty(), Study::delete_set);
  ask(!o.keep.empty(), Study::keep_only);
  ask(!o.random.empty(), Study::delete_random);
  ask(!o.shuffle.empty(), Study::shuffle);
  ask(o.delete_shortcut, Study::delete_shortcut);
  ask(o.noise.has_value(), Study::noise);
  ask(o.shapley, Study::shapley);
  ask(o.pairs, Study::pairs);
  if (asked.size() > 1) {
    fail(ErrorKind::usage, "--{} and --{} are two studies: one at a time, please",
         to_string(asked[0]), to_string(asked[1]));
  }
  study::LesionOptions options;
  if (!asked.empty()) options.study = asked.front();
  options.names = options.study == Study::keep_only ? o.keep : o.remove;
  options.ks = options.study == Study::shuffle ? o.shuffle : o.random;
  const bool random = options.study == Study::delete_random || options.study == Study::shuffle ||
                      options.study == Study::shapley;
  if (o.trials && !random) {
    fail(ErrorKind::usage, "--trials: --{} leaves nothing to chance", to_string(options.study));
  }
  options.trials = random ? o.trials.value_or(10) : 1;
  options.sigma = o.noise.value_or(0);
  options.seed = o.common.seed;
  return options;
}

inline study::LesionRun effective(const LesionTool& o, const cli::Invocation& call) {
  study::LesionRun run;
  apply(o, call, run);
  run.options = study_of(o);
  run.recalibrate = o.recalibrate;
  const bool expensive =
      run.options.study == study::Study::shapley || run.options.study == study::Study::pairs;
  run.limit = o.limit.value_or(expensive ? 1000 : -1);
  if (expensive && !o.limit) {
    info("--{} takes many evaluations: the first 1000 images; --limit-test N takes others",
         to_string(run.options.study));
  }
  return run;
}

}  // namespace rn::tools
