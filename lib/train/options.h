// What a training run is asked to do, and what it says when it is done.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/progress.h"
#include "data/batcher.h"
#include "io/provenance.h"
#include "models/catalog.h"
#include "train/average.h"
#include "train/depth.h"
#include "train/memory_mode.h"
#include "train/model_file.h"
#include "train/optimizer.h"
#include "train/schedule.h"
#include "train/step.h"

namespace rn::train {

enum class EvalOn { test, val, none };
EvalOn parse_eval_on(const std::string& text);  // errors: usage

// What happens to a step whose loss or update is not finite: training ends, or goes on without it.
enum class OnNan { stop, skip };
OnNan parse_on_nan(const std::string& text);  // errors: usage

struct TrainOptions {
  // The network; image size and classes are those of the data.
  std::string arch = {};    // empty: resnet20-cifar, and ck where the data are points
  std::string init = {};    // a model file ("-": stdin) to start from; its table, not arch
  bool reset_head = false;  // with init: new classes, a new last layer
  std::string shortcut = {}, shortcut_pool = {};  // empty: the architecture's own
  int width = 0;
  models::CkOptions ck = {};                          // of ck
  std::vector<std::int64_t> units = {}, widths = {};  // of revnets and their like
  bool batch_norm = true;                             // false: without, where the architecture can
  std::optional<double> stochastic_depth = {};        // death rate; unset: as the network has it
  DepthDecay depth_decay = DepthDecay::linear;
  DepthMode depth_mode = DepthMode::batch;
  std::int64_t keep_blocks = 0;  // exactly so many branches a step; 0: all
  bool rescale_blocks = false;   // evaluation scales branches by their share of steps
  MemoryMode memory = {};
  Dtype dtype = Dtype::f32;
  Device device = cpu;

  // The data.
  std::string data = "synth:shapes";
  std::int64_t limit_train = -1, limit_test = -1;  // the first N; -1: all
  std::int64_t val = 0;                            // images set aside for validation
  data::Augment augment = {};
  // Unset: that of the initial model, else by channel.
  std::optional<data::NormalizationKind> normalize = {};

  int loaders = 0;  // threads that read images; 0: as many as the source needs

  // The optimisation.
  std::int64_t batch = 128;  // 0: all of them
  Length length = {10, Length::Unit::epochs};
  ScheduleOptions schedule = {};
  std::int64_t lr_batch = 0;  // schedule.lr is for batches of so many images; 0: for these
  OptimizerOptions optimizer = {};
  StepOptions step = {};          // its seed is that of the run
  std::int64_t memory_limit = 0;  // bytes of tensors, from which follows step.micro_batch; 0: none
  AverageOptions average = {};
  OnNan on_nan = OnNan::stop;
  std::optional<double> bn_momentum = {}, bn_eps = {};  // of all norms; unset: the network's own
  std::uint64_t seed = 1;
  double init_gain = 1;  // factor on the weights that training starts from

  // Evaluations, at the ends of epochs; the test set also at the very end unless `none`.
  Length eval_every = {1, Length::Unit::epochs};
  std::optional<EvalOn> eval_on = {};  // unset: val where there is one, else test
  std::int64_t patience = 0;           // stop after so many evaluations without a better one; 0: no

  // Files. An empty path: none.
  std::string output = {};  // "-": stdout
  bool force = false, resume = false;
  std::string checkpoint = {};                  // empty: OUTPUT.ckpt, where the output is a file
  std::optional<Period> checkpoint_every = {};  // unset: 10 minutes
  double max_seconds = 0;                       // 0: no limit
  std::string log = {};
  Length log_every = {50, Length::Unit::steps};
  bool save_optimizer = false;
  bool keep_best = false;      // beside the output: the checkpoint of the best evaluation, ...
  std::int64_t keep_last = 0;  // ... and those of the last so many epochs
  bool volatile_provenance = true;
  io::Provenance provenance = {};
  std::string recipe = {};  // the options that decide the result, as TOML

  Progress* progress = nullptr;
  // Polled at every step and batch: the reason to stop ("SIGTERM"), or "" to go on.
  std::function<std::string()> stop = {};
};

enum class Ended {
  complete,
  stopped,           // saved; the same command goes on
  complete_already,  // the output was there, from the same recipe
};

struct Outcome {
  Ended ended = Ended::complete;
  std::string message;  // for the reader, one line; empty when complete
  std::string arch;
  std::int64_t parameters = 0;
  double epochs = 0;
  std::int64_t steps = 0;
  // Of the last epoch, the last validation and the last test; unset: not measured. Errors in
  // percent.
  std::optional<double> train_loss, train_error, val_loss, val_error, test_loss, test_error;
  double images_per_second = 0;  // of training steps in this process
  std::string item = "img";      // what these images are: Trainee::item()
  double seconds = 0;            // of this process
  bool written = false;          // false: the reader of stdout has gone

  // For stdout, one line each; `output`: where the model went.
  std::string text(const std::string& output) const;
  std::string json(const std::string& output) const;
};

}  // namespace rn::train
