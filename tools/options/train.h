// The options of resnet-train, and what they mean to the library.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "cli/run_tool.h"
#include "cli/signals.h"
#include "options/augment.h"
#include "options/checks.h"
#include "options/memory_mode.h"
#include "options/train_belong.h"
#include "options/train_optimizer.h"
#include "train/options.h"

namespace rn::tools {

using cli::Common;

struct TrainTool {
  cli::CommonOptions common;
  train::TrainOptions train;
  OptimizerTool optimizer;
  AugmentTool augment;
  bool loader_only = false;
  bool list_archs = false;
  bool no_bn = false;
  MemoryTool memory;
  std::optional<double> stochastic_depth;
  std::string depth_decay = "linear", depth_mode = "batch";
  std::string activation = "tanh";
  std::string arch, normalize, decay = "all", schedule = "cosine", warmup_shape = "linear";
  std::string epochs = "10e", steps, warmup = "0e", eval_every = "1e", eval_on;
  std::string checkpoint_every, max_time, log_every = "50i";
  std::vector<std::string> milestones;
  std::optional<std::int64_t> limit_train, limit_test;
};

inline void bind_network(CLI::App& app, TrainTool& o) {
  app.add_option("--arch", o.arch,
                 "Architecture (resnet20-cifar; ck for points); --list-archs shows them")
      ->type_name("NAME");
  CLI::Option* init =
      app.add_option("--init", o.train.init,
                     "Start from this model, its architecture and its weights; - is stdin")
          ->type_name("MODEL");
  app.add_option("--init-from", o.train.init, "The same as --init")
      ->type_name("MODEL")
      ->excludes(init);
  app.add_option("--init-gain", o.train.init_gain,
                 "Factor on the random weights that training starts from")
      ->type_name("FLOAT")
      ->check(cli::real(1e-6, 1e6));
  app.add_flag("--reset-head", o.train.reset_head,
               "With --init: a new last layer, for the classes of the data");
  app.add_option("--shortcut", o.train.shortcut,
                 "Shortcuts that change the width: pad_end, pad_both, conv or conv_bn")
      ->type_name("KIND")
      ->check(CLI::IsMember({"pad_end", "pad_both", "conv", "conv_bn"}));
  app.add_option("--shortcut-pool", o.train.shortcut_pool,
                 "How padded shortcuts shrink: subsample or average")
      ->type_name("KIND")
      ->check(CLI::IsMember({"subsample", "average"}));
  app.add_option("--width", o.train.width,
                 "Channels of the first stage (ck: of all layers); 0: the architecture's own")
      ->type_name("INT")
      ->check(cli::whole(0, 4096));
  bind_sizes(app, o.memory);
  app.add_flag("--no-bn", o.no_bn, "Without batch norm; only vgg15-cifar works so");
  app.add_option("--order", o.train.ck.order,
                 "ck: which finite difference the layers are of, 0 (plain) to 3; 1 is residual")
      ->type_name("K")
      ->check(cli::whole(0, 3));
  app.add_option("--layers", o.train.ck.layers, "ck: how many")
      ->type_name("INT")
      ->check(cli::whole(1, 10000));
  app.add_option("--dl", o.train.ck.dl, "ck: step in depth")
      ->type_name("FLOAT")
      ->check(cli::real(1e-6, 1e6));
  app.add_option("--activation", o.activation, "ck: tanh, sigmoid, relu or linear")
      ->type_name("NAME")
      ->check(checked(nn::parse_curve));
  app.add_option("--stochastic-depth", o.stochastic_depth,
                 "Leave branches out at random: the probability for the last block")
      ->type_name("P")
      ->check(cli::real(0, 0.999));
  app.add_option("--depth-decay", o.depth_decay,
                 "Of that probability: linear from the first block on, or uniform")
      ->type_name("KIND")
      ->check(checked(train::parse_depth_decay));
  app.add_option("--depth-mode", o.depth_mode, "Draw once for a batch, or for every row (image)")
      ->type_name("KIND")
      ->check(checked(train::parse_depth_mode));
  app.add_option("--keep-blocks", o.train.keep_blocks,
                 "In each step only K blocks have their branch, drawn anew; 0: all")
      ->type_name("K")
      ->check(cli::whole(0, 100000));
  app.add_flag("--rescale-blocks", o.train.rescale_blocks,
               "With --keep-blocks: scale the branches in evaluation by K / blocks");
  bind_memory(app, o.memory);
  cli::not_recipe(app.add_flag("--list-archs", o.list_archs, "List the architectures, and stop"));
}

inline void bind_data(CLI::App& app, TrainTool& o) {
  app.add_option("--data", o.train.data, "Data set, KIND:WHERE")->type_name("URI");
  app.add_option("--limit-train", o.limit_train, "Train on the first N images only")
      ->type_name("INT")
      ->check(cli::whole(1));
  app.add_option("--limit-test", o.limit_test, "Test on the first N images only")
      ->type_name("INT")
      ->check(cli::whole(1));
  app.add_option("--val", o.train.val, "Set N training images aside for validation")
      ->type_name("INT")
      ->check(cli::whole(0));
  bind_augment(app, o.train.augment, o.augment);
  app.add_option("--normalize", o.normalize,
                 "Input: channel (or as --init has it), mean-image, mean-image-255 or none")
      ->type_name("KIND")
      ->check(checked(data::parse_normalization));
}

inline void bind_optimisation(CLI::App& app, TrainTool& o) {
  using Unit = train::Length::Unit;
  app.add_option("--batch", o.train.batch, "Images a step; 0: all of them, full batch")
      ->type_name("INT")
      ->check(cli::whole(0));
  app.add_option("--epochs", o.epochs, "How long to train: 20, 20e or 64000i (iterations)")
      ->type_name("LENGTH")
      ->transform(length(Unit::epochs));
  app.add_option("--steps", o.steps, "The same in iterations; stronger than --epochs")
      ->type_name("LENGTH")
      ->transform(length(Unit::steps));
  app.add_option("--lr", o.train.schedule.lr, "Learning rate; the highest of the schedule")
      ->type_name("FLOAT")
      ->check(cli::real(0));
  app.add_option("--schedule", o.schedule, "constant, steps, cosine or linear (to 0)")
      ->type_name("KIND")
      ->check(checked(train::parse_schedule));
  app.add_option("--milestones", o.milestones,
                 "Schedule steps: where the rate falls, such as 80e,120e or 32000i,48000i")
      ->type_name("LENGTH")
      ->delimiter(',')
      ->transform(length());
  app.add_option("--gamma", o.train.schedule.gamma, "Schedule steps: its factor there")
      ->type_name("FLOAT")
      ->check(cli::real(0, 1));
  app.add_option("--warmup", o.warmup, "Rise to the rate over this length, such as 2e or 400i")
      ->type_name("LENGTH")
      ->transform(length(Unit::epochs));
  app.add_option("--warmup-from", o.train.schedule.warmup_from, "Factor that the warm-up starts at")
      ->type_name("FLOAT")
      ->check(cli::real(0, 1));
  app.add_option("--warmup-shape", o.warmup_shape, "linear, or constant (and then a jump)")
      ->type_name("KIND")
      ->check(checked(train::parse_warmup_shape));
  app.add_option("--momentum", o.train.optimizer.momentum, "Momentum")
      ->type_name("FLOAT")
      ->check(cli::real(0, 1));
  app.add_flag("--nesterov,!--no-nesterov", o.train.optimizer.nesterov, "Nesterov's momentum");
  app.add_option("--weight-decay", o.train.optimizer.weight_decay, "Weight decay")
      ->type_name("FLOAT")
      ->check(cli::real(0));
  app.add_option("--decay", o.decay, "What decays: all, or weights (no biases, no norms)")
      ->type_name("WHAT")
      ->check(checked(train::parse_decay));
  app.add_option("--eval-every", o.eval_every, "Evaluate at epoch ends, so often")
      ->type_name("LENGTH")
      ->transform(length(Unit::epochs));
  app.add_option("--eval-on", o.eval_on,
                 "On what: test, val (test only at the end) or none; val where --val is given")
      ->type_name("SPLIT")
      ->check(checked(train::parse_eval_on));
}

inline void bind_files(CLI::App& app, TrainTool& o) {
  using cli::not_recipe;
  not_recipe(app.add_flag("--resume", o.train.resume,
                          "Go on from the checkpoint if there is one, start otherwise"));
  not_recipe(app.add_option("--checkpoint", o.train.checkpoint,
                            "Where the checkpoint is kept (OUTPUT.ckpt)"))
      ->type_name("FILE");
  not_recipe(app.add_option("--checkpoint-every", o.checkpoint_every,
                            "How often: 5e, 1000i or minutes, 10m (the default)"))
      ->type_name("PERIOD")
      ->check(checked(train::parse_period));
  not_recipe(app.add_option("--max-time", o.max_time,
                            "Save and stop (exit code 75) after 90s, 10m, 2h or H:MM:SS"))
      ->type_name("TIME")
      ->check(checked(train::parse_duration));
  not_recipe(app.add_option("--log", o.train.log, "Write metrics here, one JSON object a line"))
      ->type_name("FILE");
  not_recipe(app.add_option("--log-every", o.log_every, "A step event so often"))
      ->type_name("LENGTH")
      ->transform(length(train::Length::Unit::steps));
  not_recipe(app.add_option("--loaders", o.train.loaders,
                            "Threads that read and augment images; 0: as many as they need"))
      ->type_name("N")
      ->check(cli::whole(0, 1024));
  not_recipe(app.add_flag("--loader-only", o.loader_only,
                          "Only read and augment, an epoch or --steps, and say how fast"));
  not_recipe(app.add_flag("--save-optimizer", o.train.save_optimizer,
                          "Keep the optimizer's state in the model file"));
}

inline void bind(CLI::App& app, TrainTool& o) {
  bind_network(app, o);
  bind_data(app, o);
  bind_optimisation(app, o);
  bind_optimizer(app, o);
  cli::add_common(app, o.common,
                  {Common::seed, Common::device, Common::precision, Common::lanes, Common::threads,
                   Common::output});
  bind_files(app, o);
  bind_keeping(app, o);
  cli::add_common(app, o.common,
                  {Common::json, Common::dry_run, Common::no_provenance, Common::progress});
}

inline train::TrainOptions effective(const TrainTool& o, Device device,
                                     const cli::Invocation& call) {
  using namespace train;
  using Unit = Length::Unit;
  TrainOptions t = o.train;
  t.device = device;
  t.dtype = parse_precision(o.common.precision);
  t.limit_train = o.limit_train.value_or(-1);
  t.limit_test = o.limit_test.value_or(-1);
  if (!o.normalize.empty()) t.normalize = data::parse_normalization(o.normalize);
  t.arch = o.arch;
  if (t.reset_head && t.init.empty()) {
    fail(ErrorKind::usage, "--reset-head goes with --init MODEL");
  }
  if (!t.init.empty() &&
      !(o.arch.empty() && t.shortcut.empty() && t.shortcut_pool.empty() && t.width == 0)) {
    warn("--arch, --shortcut and --width do nothing here: the network is that of --init");
  }
  take(o.memory, t);
  t.batch_norm = !o.no_bn;
  t.ck.curve = nn::parse_curve(o.activation);
  t.stochastic_depth = o.stochastic_depth;
  t.depth_decay = train::parse_depth_decay(o.depth_decay);
  t.depth_mode = train::parse_depth_mode(o.depth_mode);
  t.length = o.steps.empty() ? parse_length(o.epochs) : parse_length(o.steps);
  t.schedule.kind = parse_schedule(o.schedule);
  if (t.schedule.kind == ScheduleKind::steps) {  // those of a recipe may wait for it
    for (const auto& one : o.milestones) t.schedule.milestones.push_back(parse_length(one));
  }
  t.schedule.warmup = parse_length(o.warmup);
  t.schedule.warmup_shape = parse_warmup_shape(o.warmup_shape);
  t.optimizer.decay = parse_decay(o.decay);
  apply_optimizer(o.optimizer, t);
  apply_augment(o.augment, t.augment);
  check_belonging(t, call);
  t.eval_every = parse_length(o.eval_every);
  if (!o.eval_on.empty()) t.eval_on = parse_eval_on(o.eval_on);
  if (!o.checkpoint_every.empty()) t.checkpoint_every = parse_period(o.checkpoint_every);
  if (!o.max_time.empty()) t.max_seconds = parse_duration(o.max_time);
  t.log_every = parse_length(o.log_every, Unit::steps);
  t.seed = o.common.seed;
  t.output = o.common.output;
  t.force = o.common.force;
  t.volatile_provenance = !o.common.no_provenance;
  t.recipe = call.recipe;
  t.provenance = io::start_provenance(call.tool, call.command_line);
  t.provenance.config = call.recipe;
  t.provenance.device = describe(device);
  t.stop = [] {
    return cli::stop_requested() ? cli::signal_name(cli::stop_signal()) : std::string();
  };
  return t;
}

}  // namespace rn::tools
