// The training loop: steps, evaluations, the table, the log, checkpoints, and stopping.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "train/evaluate.h"
#include "train/metrics_log.h"
#include "train/session.h"
#include "train/step.h"
#include "train/table.h"
#include "train/trainee.h"

namespace rn::train {

class Trainer {
 public:
  // `session` must outlive it and stay where it is.
  explicit Trainer(Session& session);

  // From the session's position to the end, or until asked to stop; then the checkpoint is written.
  // Errors: numeric, naming step, layer and rate (nothing of the step is taken; the last checkpoint
  // stays); failed (log or checkpoint cannot be written).
  Ended run();

  // Of an error of memory: what happened, what may help, where training stands on disk.
  [[noreturn]] void out_of_memory(const OutOfMemory& error) const;

  // Writes the model, ends the log, removes the checkpoint. False: the reader of stdout has gone.
  bool write_output();

  std::string stop_reason() const { return stop_reason_; }
  std::int64_t parameter_count() const { return trainee_.store().parameter_count(); }
  double images_per_second() const;
  std::string item() const { return trainee_.item(); }
  double elapsed() const;

 private:
  using Clock = std::chrono::steady_clock;

  void open_log();
  bool should_stop();
  void train_step();
  bool finish_epoch();  // evaluates and records; false: stopped on the way
  bool recorded() const;
  double position() const;  // in epochs
  bool evaluation_due() const;
  std::optional<Evaluation> measure(bool validation);
  void record(const Evaluation* val, const Evaluation* test);
  bool at_end() const;  // the last step is done, or training stops early, and its row stands
  void take_average();  // after a step
  void skipped(const std::string& where, double lr);  // a step that is not finite: goes on, or not
  void show_row();
  void begin_work(std::int64_t first_image);
  [[noreturn]] void diverged(const std::string& where, double lr);
  void log_event(const io::Json& event);
  void log_start();
  void save();  // the checkpoint
  void keep();  // links what --keep-best and --keep-last want to the checkpoint, after a row
  void save_if_due();

  Session& s_;
  std::unique_ptr<Trainee> images_;
  Trainee& trainee_;
  NoProgress no_progress_;
  Progress& progress_;
  MetricsLog log_;
  Table table_;
  Clock::time_point began_;
  std::string stop_reason_;
  bool advanced_ = false;         // a step taken or an epoch evaluated in this process
  std::int64_t saved_step_ = -1;  // of the checkpoint on disk
  double saved_at_ = 0;           // seconds since the beginning
  double step_seconds_ = 0;       // spent in steps, for the rate, ...
  std::int64_t step_images_ = 0;  // ... which is of all steps of this process
  double epoch_seconds_ = 0, log_seconds_ = 0;  // the same since the epoch's start, the last event
  std::int64_t epoch_images_ = 0, log_images_ = 0;
  std::int64_t work_before_ = 0;
};

// All of it: prepare, run, write. `options.output` is written only when training is complete.
Outcome train(TrainOptions options);
// The same of a session that is ready.
Outcome train(Session& session);

}  // namespace rn::train
