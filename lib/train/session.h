// A training run made ready: files checked, data open, network built or read back, position known.
#pragma once

#include <memory>

#include "models/network.h"
#include "train/options.h"
#include "train/trainee.h"

namespace rn::train {

struct Session {
  TrainOptions options;
  std::string checkpoint;  // its path; empty: none is kept
  EvalOn eval_on = EvalOn::test;
  std::unique_ptr<data::Source> train, test;  // test: null where it is not evaluated
  data::Subsets subsets;                      // of train
  std::int64_t per_epoch = 0, total = 0;      // in steps
  std::optional<Schedule> schedule;
  std::optional<models::Network> network;
  std::optional<LoadedModel> initial;  // of --init, until the network is made
  std::optional<Optimizer> optimizer;
  std::optional<Average> average;
  ModelFile file;  // with file.training
  std::int64_t test_count = 0;
  // What is trained, where it is no image network: then network, train and test above are empty.
  std::unique_ptr<Trainee> trainee;
  bool resumed = false;
  bool complete_already = false;  // the output is there, from the same recipe: nothing to do

  TrainingState& state() { return *file.training; }
  const TrainingState& state() const { return *file.training; }
  // What the optimizer calls this step.
  std::int64_t updates() const { return state().step - state().skipped; }
  Average* averaged() { return average ? &*average : nullptr; }
  std::int64_t images_before(std::int64_t step) const;  // images of steps [0, step)
};

// Reads data, and the checkpoint where one is to be resumed; writes nothing. Errors: usage
// (options, existing files, a checkpoint of another recipe), failed (paths that cannot be
// written), input (data, checkpoint), device.
Session prepare(TrainOptions options);

// What prepare() checks first: options that do not go together, and that everything that will be
// written can be, and nothing is lost that --force does not give up. Errors: usage, failed.
void check_options(const TrainOptions& options);
void check_files(const TrainOptions& options, const std::string& checkpoint);
bool is_file(const std::string& path);  // one that is there, and regular
// A run without a resume is at its beginning; of `samples` to train on. Errors: usage.
void set_length(Session& session, std::int64_t samples);
// Errors (input): a position that no such run has.
void check_position(const Session& session, const TrainingState& state);
// Makes the optimizer, and the moving average where there is one, and loads them where the session
// goes on.
void prepare_optimizer(Session& session, nn::Store& store);

// Where a run keeps its checkpoint: --checkpoint, else beside an output that is a file, else "".
std::string checkpoint_path(const TrainOptions& options);

// The name of a checkpoint that stays: "m.best.h5" beside an output "m.h5", else beside the
// checkpoint.
std::string kept_name(const TrainOptions& options, const std::string& checkpoint,
                      const std::string& what);

// A checkpoint or model `name` against what is asked for. Errors (usage): names the first option
// that differs. Lanes, instruction set and library versions that differ only warn, where `warns`.
void check_same_run(const ModelFile& found, const ModelFile& asked, const std::string& name,
                    bool warns);

}  // namespace rn::train
