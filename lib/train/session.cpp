#include "train/session.h"

#include <sys/stat.h>

#include "base/log.h"
#include "base/parallel.h"
#include "io/file.h"
#include "io/schema.h"
#include "train/evaluate.h"
#include "train/initial.h"
#include "train/metrics_log.h"
#include "train/micro_batch.h"

namespace rn::train {
namespace {

enum class Path { absent, file, other };

Path look_at(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return Path::absent;
  return S_ISREG(status.st_mode) ? Path::file : Path::other;
}

void open_data(Session& s) {
  const TrainOptions& o = s.options;
  s.train = data::open_source(o.data, data::Split::train, o.limit_train);
  const data::Info& info = s.train->info();
  if (o.val > 0 && o.val >= info.count) {
    fail(ErrorKind::usage, "--val {}: {} has {} training samples", o.val, o.data, info.count);
  }
  s.subsets = data::split_validation(info.count, o.val, o.seed);
  if (s.subsets.train.empty()) fail(ErrorKind::input, "{}: no images to train on", o.data);
  if (info.points && (o.augment.pad > 0 || o.augment.flip)) {
    fail(ErrorKind::usage, "--pad and --flip are for images; {} has points", o.data);
  }
  if (s.options.batch == 0) {
    s.options.batch = static_cast<std::int64_t>(s.subsets.train.size());
  }
  if (o.augment.pad > std::min(info.height, info.width)) {
    fail(ErrorKind::usage, "--pad {} is more than the images of {} have ({}x{})", o.augment.pad,
         o.data, info.height, info.width);
  }
  if (o.augment.colours() && info.channels != 3) {
    fail(ErrorKind::usage,
         "--jitter and --lighting are for colour images, not for {} of {} channels", o.data,
         info.channels);
  }
  if (s.eval_on == EvalOn::none) return;
  const auto splits = data::source_splits(o.data);
  if (std::find(splits.begin(), splits.end(), data::Split::test) == splits.end()) {
    fail(ErrorKind::input, "{}: has no test images; --eval-on none trains without", o.data);
  }
  s.test = data::open_source(o.data, data::Split::test, o.limit_test);
  if (s.test->info().count == 0) fail(ErrorKind::input, "{}: no images to test on", o.data);
}

void describe_run(Session& s) {
  const TrainOptions& o = s.options;
  const data::Info& info = s.train->info();
  io::Provenance::Input initial{.path = o.init};
  if (o.init.empty()) {
    const std::string standard = info.points ? "ck" : "resnet20-cifar";
    s.file.spec =
        models::make_arch(o.arch.empty() ? standard : o.arch, {.height = info.height,
                                                               .width = info.width,
                                                               .channels = info.channels,
                                                               .classes = info.classes(),
                                                               .shortcut = o.shortcut,
                                                               .shortcut_pool = o.shortcut_pool,
                                                               .base_width = o.width,
                                                               .batch_norm = o.batch_norm,
                                                               .units = o.units,
                                                               .widths = o.widths,
                                                               .ck = o.ck});
  } else {
    s.initial = load_initial(o.init, o.dtype, initial.sha256);
    s.file.spec = initial_spec(s.initial->file, info, o.reset_head, !o.normalize);
  }
  if (o.stochastic_depth && o.keep_blocks != 0) {
    fail(ErrorKind::usage,
         "--stochastic-depth and --keep-blocks both choose the branches: one of them");
  }
  for (auto& block : s.file.spec.blocks) {
    block.bn_momentum = o.bn_momentum.value_or(block.bn_momentum);
    block.bn_eps = o.bn_eps.value_or(block.bn_eps);
  }
  s.file.spec.bn_momentum = o.bn_momentum.value_or(s.file.spec.bn_momentum);
  s.file.spec.bn_eps = o.bn_eps.value_or(s.file.spec.bn_eps);
  if (o.stochastic_depth) set_survival(s.file.spec, *o.stochastic_depth, o.depth_decay);
  if (o.keep_blocks != 0) set_kept_blocks(s.file.spec, o.keep_blocks, o.rescale_blocks);
  check(o.memory, s.file.spec);
  check_fits(s.file.spec, info);
  if (s.test) check_fits(s.file.spec, s.test->info());
  s.file.dtype = wide(o.dtype);
  s.file.class_names = info.class_names;
  s.file.data_uri = o.data;
  s.file.data_digest = info.digest;
  s.file.lanes = lanes();
  s.file.provenance = o.provenance;
  add_backend(s.file.provenance, o.dtype);
  s.file.provenance.seed = o.seed;
  s.file.provenance.inputs = {{o.data + " train", info.digest}};
  if (s.test) s.file.provenance.inputs.push_back({o.data + " test", s.test->info().digest});
  if (s.initial) s.file.provenance.inputs.push_back(std::move(initial));
  TrainingState state;
  state.seed = o.seed;
  state.precision = o.dtype;
  state.batch = o.batch;
  state.source_images = info.count;
  state.val_images = o.val;
  state.recipe = o.recipe;
  s.file.training = std::move(state);

  set_length(s, static_cast<std::int64_t>(s.subsets.train.size()));
}

data::Normalization normalization_of(const Session& s) {
  if (s.initial && !s.options.normalize) return s.initial->file.normalization;
  return data::measure_normalization(
      *s.train, s.subsets.train, s.options.normalize.value_or(data::NormalizationKind::channel));
}

// With --resume, an output of the same recipe means that all is done.
bool output_is_complete(Session& s) {
  const TrainOptions& o = s.options;
  if (!o.resume || o.output == "-" || look_at(o.output) != Path::file) return false;
  try {
    ModelFile found = read_model_file(io::schema::open(o.output, io::schema::Format::model));
    check_same_run(found, s.file, o.output, false);
    if (!found.training->complete) {
      fail(ErrorKind::usage, "{}: holds an unfinished training", o.output);
    }
    s.file = std::move(found);
    return true;
  } catch (const Error& error) {
    if (o.force) return false;
    const std::string text = error.what();
    const bool told = text.find("--force") != std::string::npos;
    fail(ErrorKind::usage, "{}{}", text, told ? "" : "; --force replaces it");
  }
}

void read_checkpoint(Session& s) {
  LoadedModel loaded = [&] {
    try {
      return load_model(s.checkpoint, s.options.dtype, s.options.device);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::input) throw;
      fail(ErrorKind::input,
           "{}; the checkpoint cannot be gone on from: --force without --resume starts over",
           error.what());
    }
  }();
  check_same_run(loaded.file, s.file, s.checkpoint, true);
  TrainingState& state = *loaded.file.training;
  check_position(s, state);
  s.network.emplace(std::move(loaded.network));
  s.file.normalization = loaded.file.normalization;
  s.file.curves = std::move(loaded.file.curves);
  s.file.training = std::move(state);
  s.resumed = true;
}

}  // namespace

void check_options(const TrainOptions& o) {
  if (o.batch < 0) fail(ErrorKind::usage, "--batch must be at least 1 (or all), not {}", o.batch);
  if (o.limit_train == 0) fail(ErrorKind::usage, "--limit-train 0 leaves nothing to train on");
  if (o.eval_on == EvalOn::val && o.val == 0) {
    fail(ErrorKind::usage, "--eval-on val needs a validation split: --val N sets images aside");
  }
  if (o.step.micro_batch > 0 && o.memory_limit > 0) {
    fail(ErrorKind::usage, "--micro-batch and --memory-limit both cut the batch: one of them");
  }
  if ((o.patience > 0 || o.keep_best) && o.eval_on == EvalOn::none) {
    fail(ErrorKind::usage, "--patience and --keep-best need evaluations: not --eval-on none");
  }
}

void check_files(const TrainOptions& o, const std::string& checkpoint) {
  if (o.output.empty()) {
    fail(ErrorKind::usage, "where does the model go? -o FILE, or -o - for stdout");
  }
  if (o.output == checkpoint || o.output == o.log || (!o.log.empty() && o.log == checkpoint)) {
    fail(ErrorKind::usage, "output, checkpoint and log must be different files: {}", o.output);
  }
  const bool keeps = o.keep_best || o.keep_last > 0;
  if (checkpoint.empty() && (o.resume || o.checkpoint_every || o.max_seconds > 0 || keeps)) {
    fail(ErrorKind::usage,
         "--resume, --checkpoint-every, --max-time, --keep-best and --keep-last need a checkpoint: "
         "-o {} has none beside it; "
         "give --checkpoint PATH",
         o.output);
  }
  // With --resume an existing output may be the finished one: looked at once the data is known.
  io::check_output(o.output, o.force || o.resume);
  if (!checkpoint.empty()) {
    if (look_at(checkpoint) != Path::absent && !o.resume && !o.force) {
      fail(ErrorKind::usage,
           "{}: the checkpoint of an unfinished run; --resume goes on with it, --force starts over",
           checkpoint);
    }
    io::check_output(checkpoint, true);
  }
  if (o.keep_best) io::check_output(kept_name(o, checkpoint, "best"), o.force || o.resume);
  if (o.log == "-") fail(ErrorKind::usage, "--log -: the log is a file of its own, not stdout");
  if (!o.log.empty()) check_log(o.log, o.force || o.resume);
}

bool is_file(const std::string& path) { return look_at(path) == Path::file; }

void set_length(Session& s, std::int64_t samples) {
  const TrainOptions& o = s.options;
  s.per_epoch = (samples + o.batch - 1) / o.batch;
  s.total = o.length.steps(s.per_epoch);
  if (s.total < 1) {
    fail(ErrorKind::usage, "--epochs or --steps: a training of {} has no step",
         to_string(o.length));
  }
  ScheduleOptions schedule = o.schedule;
  if (o.lr_batch > 0) schedule.lr *= static_cast<double>(o.batch) / static_cast<double>(o.lr_batch);
  s.schedule.emplace(schedule, s.total, s.per_epoch);
}

void check_position(const Session& s, const TrainingState& state) {
  const bool fits = state.step >= 0 && state.step <= s.total && state.step_in_epoch >= 0 &&
                    state.step_in_epoch <= s.per_epoch && state.epoch >= 0 &&
                    state.step == state.epoch * s.per_epoch + state.step_in_epoch;
  if (fits) return;
  fail(ErrorKind::input, "{}: its position (epoch {}, step {}) is none of this training",
       s.checkpoint, state.epoch, state.step);
}

void prepare_optimizer(Session& s, nn::Store& store) {
  store.require_gradients();
  s.optimizer.emplace(s.options.optimizer, store);
  if (s.resumed) s.optimizer->load(s.state().slots);
  if (s.options.average.decay > 0) {
    s.average.emplace(store);
    // A checkpoint's parameters are the average, so that it is a model like any other; what is
    // trained lies beside them.
    if (s.resumed) {
      s.average->load(s.state().slots[TrainingState::trained], s.state().trained_state);
      s.average->exchange();
    }
  }
  s.state().slots.clear();
  s.state().trained_state.clear();
}

OnNan parse_on_nan(const std::string& text) {
  if (text == "stop") return OnNan::stop;
  if (text == "skip") return OnNan::skip;
  fail(ErrorKind::usage, "--on-nan {}: expected stop or skip", text);
}

EvalOn parse_eval_on(const std::string& text) {
  if (text == "test") return EvalOn::test;
  if (text == "val") return EvalOn::val;
  if (text == "none") return EvalOn::none;
  fail(ErrorKind::usage, "'{}' is nothing to evaluate on: test, val or none", text);
}

std::string checkpoint_path(const TrainOptions& options) {
  if (!options.checkpoint.empty()) return options.checkpoint;
  if (options.output.empty() || options.output == "-") return {};
  return look_at(options.output) == Path::other ? "" : options.output + ".ckpt";
}

std::int64_t Session::images_before(std::int64_t step) const {
  const auto images = static_cast<std::int64_t>(subsets.train.size());
  return step / per_epoch * images + std::min(step % per_epoch * options.batch, images);
}

Session prepare(TrainOptions options) {
  Session s;
  s.options = std::move(options);
  const TrainOptions& o = s.options;
  check_options(o);
  s.checkpoint = checkpoint_path(o);
  check_files(o, s.checkpoint);
  s.eval_on = o.eval_on.value_or(o.val > 0 ? EvalOn::val : EvalOn::test);
  open_data(s);
  describe_run(s);
  s.complete_already = output_is_complete(s);
  if (s.complete_already) return s;
  if (o.resume && look_at(s.checkpoint) != Path::absent) {
    read_checkpoint(s);
  } else {
    s.network.emplace(s.file.spec, o.dtype, o.device);
    s.network->initialize(o.seed, o.init_gain);
    if (s.initial) {
      take_over(s.initial->network, *s.network, o.reset_head);
      s.file.norm_batches = batches_before(s.initial->file, *s.network);
    }
    s.file.normalization = normalization_of(s);
  }
  s.initial.reset();
  prepare_optimizer(s, s.network->store());
  if (s.test) s.test_count = s.test->info().count;
  // A run that goes on keeps its parts, whatever they would be on this machine.
  if (!s.resumed) {
    s.state().micro_batch = o.memory_limit > 0 ? fitting_micro_batch(s) : o.step.micro_batch;
  }
  s.options.step.micro_batch = s.state().micro_batch;
  s.options.step.seed = o.seed;
  return s;
}

}  // namespace rn::train
