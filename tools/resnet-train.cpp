// Trains a residual network from a recipe.
#include <sys/stat.h>

#include "cli/progress.h"
#include "cli/run_tool.h"
#include "cli/signals.h"
#include "io/json.h"
#include "train/plan.h"
#include "train/trainer.h"

namespace {

using namespace rn;
using cli::Common;

struct Options {
  cli::CommonOptions common;
  train::TrainOptions train;
  bool list_archs = false;
  std::string normalize = "channel", decay = "all", schedule = "cosine", warmup_shape = "linear";
  std::string epochs = "10e", steps, warmup = "0e", eval_every = "1e", eval_on;
  std::string checkpoint_every, max_time, log_every = "50i";
  std::vector<std::string> milestones;
  std::optional<std::int64_t> limit_train, limit_test;
};

// Checks a length, and writes it in one way, so that recipes can be compared.
CLI::Validator length(std::optional<train::Length::Unit> bare = {}) {
  return CLI::Validator(
      [bare](std::string& text) -> std::string {
        try {
          text = to_string(train::parse_length(text, bare));
          return {};
        } catch (const Error& error) {
          return error.what();
        }
      },
      "");
}

template <class Parse>
CLI::Validator checked(Parse parse) {
  return CLI::Validator(
      [parse](std::string& text) -> std::string {
        try {
          parse(text);
          return {};
        } catch (const Error& error) {
          return error.what();
        }
      },
      "");
}

void bind_network(CLI::App& app, Options& o) {
  app.add_option("--arch", o.train.arch, "Architecture; --list-archs shows them")
      ->type_name("NAME");
  app.add_option("--shortcut", o.train.shortcut,
                 "Shortcuts that change the width: pad_end, pad_both, conv or conv_bn")
      ->type_name("KIND")
      ->check(CLI::IsMember({"pad_end", "pad_both", "conv", "conv_bn"}));
  app.add_option("--shortcut-pool", o.train.shortcut_pool,
                 "How padded shortcuts shrink: subsample or average")
      ->type_name("KIND")
      ->check(CLI::IsMember({"subsample", "average"}));
  app.add_option("--width", o.train.width, "Channels of the first stage; 0: the architecture's own")
      ->type_name("INT")
      ->check(cli::whole(0, 4096));
  cli::not_recipe(app.add_flag("--list-archs", o.list_archs, "List the architectures, and stop"));
}

void bind_data(CLI::App& app, Options& o) {
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
  app.add_option("--pad", o.train.augment.pad,
                 "Augment: pad by N zeros on all sides, and crop at random")
      ->type_name("INT")
      ->check(cli::whole(0, 4096));
  app.add_flag("--flip,!--no-flip", o.train.augment.flip, "Augment: mirror half of the images, drawn at random");
  app.add_option("--normalize", o.normalize, "Input: channel, mean-image or none")
      ->type_name("KIND")
      ->check(checked(data::parse_normalization));
}

void bind_optimisation(CLI::App& app, Options& o) {
  using Unit = train::Length::Unit;
  app.add_option("--batch", o.train.batch, "Images a step")->type_name("INT")->check(cli::whole(1));
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
  app.add_option("--momentum", o.train.sgd.momentum, "Momentum")
      ->type_name("FLOAT")
      ->check(cli::real(0, 1));
  app.add_flag("--nesterov,!--no-nesterov", o.train.sgd.nesterov, "Nesterov's momentum");
  app.add_option("--weight-decay", o.train.sgd.weight_decay, "Weight decay")
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

void bind_files(CLI::App& app, Options& o) {
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
  not_recipe(app.add_flag("--save-optimizer", o.train.save_optimizer,
                          "Keep the optimizer's state in the model file"));
}

void bind(CLI::App& app, Options& o) {
  bind_network(app, o);
  bind_data(app, o);
  bind_optimisation(app, o);
  cli::add_common(app, o.common,
                  {Common::seed, Common::device, Common::precision, Common::lanes, Common::threads,
                   Common::output});
  bind_files(app, o);
  cli::add_common(app, o.common,
                  {Common::json, Common::dry_run, Common::no_provenance, Common::progress});
}

train::TrainOptions effective(const Options& o, Device device, const cli::Invocation& call) {
  using namespace train;
  using Unit = Length::Unit;
  TrainOptions t = o.train;
  t.device = device;
  t.dtype = parse_precision(o.common.precision);
  t.limit_train = o.limit_train.value_or(-1);
  t.limit_test = o.limit_test.value_or(-1);
  t.normalize = data::parse_normalization(o.normalize);
  t.length = o.steps.empty() ? parse_length(o.epochs) : parse_length(o.steps);
  t.schedule.kind = parse_schedule(o.schedule);
  for (const auto& one : o.milestones) t.schedule.milestones.push_back(parse_length(one));
  t.schedule.warmup = parse_length(o.warmup);
  t.schedule.warmup_shape = parse_warmup_shape(o.warmup_shape);
  t.sgd.decay = parse_decay(o.decay);
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
  t.provenance.device = to_string(device);
  t.stop = [] {
    return cli::stop_requested() ? cli::signal_name(cli::stop_signal()) : std::string();
  };
  return t;
}

std::string json(const train::Outcome& outcome, const std::string& output) {
  io::Json object;
  object.add("arch", outcome.arch)
      .add("parameters", outcome.parameters)
      .add("epochs", outcome.epochs)
      .add("steps", outcome.steps);
  const auto add = [&](const char* key, const std::optional<double>& value) {
    value ? object.add(key, *value) : object.null(key);
  };
  add("train_loss", outcome.train_loss);
  add("train_error", outcome.train_error);
  add("val_loss", outcome.val_loss);
  add("val_error", outcome.val_error);
  add("test_loss", outcome.test_loss);
  add("test_error", outcome.test_error);
  return object.add("images_per_second", outcome.images_per_second)
      .add("seconds", outcome.seconds)
      .add("output", output)
      .str();
}

std::string summary(const train::Outcome& outcome, const std::string& output) {
  std::string text = fmt::format("{}: {} of {} parameters, {} epochs", output, outcome.arch,
                                 outcome.parameters, outcome.epochs);
  const auto add = [&](const char* what, const std::optional<double>& value, const char* unit) {
    if (value) text += fmt::format(", {} {:.4g}{}", what, *value, unit);
  };
  add("train loss", outcome.train_loss, "");
  add("validation error", outcome.val_error, " %");
  add("test error", outcome.test_error, " %");
  if (outcome.seconds > 0) text += fmt::format(", {:.0f} img/s", outcome.images_per_second);
  return text;
}

int run(const Options& o, const cli::Invocation& call) {
  if (o.list_archs) {
    fmt::print("{}", train::arch_table());
    return 0;
  }
  cli::catch_signals();
  // `auto` may find a GPU, on which training is not built yet.
  cli::CommonOptions common = o.common;
  if (common.device == "auto") common.device = "cpu";
  train::TrainOptions options = effective(o, cli::start(common), call);
  if (o.common.dry_run) {
    const train::Plan plan = train::make_plan(std::move(options));
    fmt::print("{}\n", o.common.json ? plan.json() : plan.text());
    return 0;
  }
  if (o.common.json && options.output == "-") {
    fail(ErrorKind::usage, "-o - and --json both want stdout");
  }
  const auto progress = cli::make_progress({.mode = o.common.progress, .quiet = call.quiet});
  options.progress = progress.get();
  const std::string output = options.output;
  const train::Outcome outcome = train::train(std::move(options));
  if (!outcome.message.empty()) info("{}", outcome.message);
  if (outcome.ended == train::Ended::stopped) return exit_stopped;
  if (o.common.json) {
    fmt::print("{}\n", json(outcome, output));
  } else if (output != "-") {
    fmt::print("{}\n", summary(outcome, output));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run_tool<Options>(
      argc, argv,
      {"resnet-train", "Train a residual network: -o MODEL.h5, from options or a recipe", {}}, bind,
      run);
}
