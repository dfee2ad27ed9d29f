// The trainer's files: log, checkpoint, output.
#include <fmt/ranges.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parallel.h"
#include "io/file.h"
#include "train/trainer.h"

namespace rn::train {
namespace {

constexpr double default_period = 600;  // seconds between checkpoints

std::optional<double> last_known(const std::vector<double>& column) {
  if (column.empty() || column.back() != column.back()) return {};
  return column.back();
}

Outcome describe(const Session& s) {
  Outcome outcome;
  const Curves& curves = s.file.curves;
  outcome.arch = s.file.spec.arch;
  outcome.epochs = static_cast<double>(s.state().epoch) +
                   static_cast<double>(s.state().step_in_epoch) / static_cast<double>(s.per_epoch);
  outcome.steps = s.state().step;
  outcome.train_loss = last_known(curves.train_loss);
  outcome.train_error = last_known(curves.train_error);
  outcome.val_loss = last_known(curves.val_loss);
  outcome.val_error = last_known(curves.val_error);
  outcome.test_loss = last_known(curves.test_loss);
  outcome.test_error = last_known(curves.test_error);
  return outcome;
}

}  // namespace

void Trainer::open_log() {
  if (s_.options.log.empty()) return;
  if (s_.options.resume) {
    log_.resume(s_.options.log, s_.resumed ? s_.state().log_bytes : 0);
  } else {
    log_.start(s_.options.log);
  }
  log_event(io::Json()
                .add("event", s_.resumed ? "resume" : "start")
                .add("time", io::now_utc())
                .add("arch", s_.file.spec.arch)
                .add("parameters", trainee_.store().parameter_count())
                .add("data", s_.options.data)
                .add("train_images", s_.subsets.train.size())
                .add("val_images", s_.subsets.val.size())
                .add("test_images", s_.test_count)
                .add("step", s_.state().step)
                .add("steps", s_.total)
                .add("steps_per_epoch", s_.per_epoch)
                .add("batch", s_.options.batch)
                .add("seed", s_.options.seed)
                .add("lanes", lanes())
                .add("threads", threads()));
}

void Trainer::log_event(const io::Json& event) {
  try {
    log_.write(event);
  } catch (const Error& error) {
    // The log is lost, the training need not be.
    if (s_.checkpoint.empty()) throw;
    save();
    fail(error.kind(), "{}; training is saved in {} (step {})", error.what(), s_.checkpoint,
         s_.state().step);
  }
}

void Trainer::save() {
  TrainingState& state = s_.state();
  if (log_.on()) state.log_bytes = log_.bytes();
  state.slots = s_.optimizer->slots();
  const Exchanged exchanged(s_.averaged());
  if (s_.average) {
    state.slots[TrainingState::trained] = s_.average->parameters();
    state.trained_state = s_.average->states();
  }
  const io::Bytes image = trainee_.save(s_.file, s_.options.volatile_provenance);
  state.slots.clear();
  state.trained_state.clear();
  io::write_file(s_.checkpoint, image);
  log_.sync();
  saved_step_ = state.step;
  saved_at_ = elapsed();
}

void Trainer::save_if_due() {
  const TrainingState& state = s_.state();
  if (s_.checkpoint.empty() || state.step == saved_step_) return;
  const Period period = s_.options.checkpoint_every.value_or(Period{{}, default_period});
  const bool due = period.length
                       ? state.step > 0 && state.step % period.length->steps(s_.per_epoch) == 0
                       : elapsed() - saved_at_ >= period.seconds;
  if (!due) return;
  try {
    save();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::failed) throw;
    saved_at_ = elapsed();
    warn("{}; {}training goes on", error.what(),
         saved_step_ >= 0 ? fmt::format("the checkpoint of step {} stays, ", saved_step_) : "");
  }
}

bool Trainer::write_output() {
  const TrainOptions& o = s_.options;
  TrainingState& state = s_.state();
  const Outcome outcome = describe(s_);
  io::Json event;
  event.add("event", "end").add("time", io::now_utc()).add("step", state.step);
  const auto add = [&](const char* key, std::optional<double> value) {
    value ? event.add(key, *value) : event.null(key);
  };
  add("train_loss", outcome.train_loss);
  add("train_error", outcome.train_error);
  add("val_error", outcome.val_error);
  add("test_loss", outcome.test_loss);
  add("test_error", outcome.test_error);
  event.add("images_per_second", images_per_second());
  log_event(event);

  ModelFile file = s_.file;
  file.training->complete = true;
  file.training->log_bytes = 0;  // of this machine's clock: not part of the result
  if (o.save_optimizer) file.training->slots = s_.optimizer->slots();
  const Exchanged exchanged(s_.averaged());
  bool written = false;
  try {
    written = io::write_file(o.output, trainee_.save(file, o.volatile_provenance));
  } catch (const Error& error) {
    if (s_.checkpoint.empty() || error.kind() != ErrorKind::failed) throw;
    save();
    fail(error.kind(),
         "{}; the finished training is kept in {}: run the same command with --resume",
         error.what(), s_.checkpoint);
  }
  if (!written && s_.checkpoint.empty()) {
    fail(ErrorKind::failed,
         "stdout: its reader is gone, and the trained network with it; -o FILE keeps one");
  }
  if (written && !s_.checkpoint.empty()) ::unlink(s_.checkpoint.c_str());
  return written;
}

void Trainer::out_of_memory(const OutOfMemory& error) const {
  const std::int64_t part =
      s_.options.step.micro_batch > 0 ? s_.options.step.micro_batch : s_.options.batch;
  std::vector<std::string> ways;
  if (part > 1) ways.push_back(fmt::format("--micro-batch {}", (part + 1) / 2));
  for (std::string& way : trainee_.smaller()) ways.push_back(std::move(way));
  throw OutOfMemory(
      fmt::format("{}; {}{}", error.what(),
                  ways.empty() ? std::string("a smaller network may fit")
                               : fmt::format("try {}", fmt::join(ways, ", or ")),
                  s_.checkpoint.empty() || saved_step_ < 0
                      ? ""
                      : fmt::format("; {} holds step {}", s_.checkpoint, saved_step_)));
}

Outcome train(TrainOptions options) {
  Session session = prepare(std::move(options));
  return train(session);
}

Outcome train(Session& session) {
  const TrainOptions& o = session.options;
  if (session.complete_already) {
    if (!session.checkpoint.empty()) ::unlink(session.checkpoint.c_str());  // left behind
    Outcome outcome = describe(session);
    outcome.ended = Ended::complete_already;
    outcome.parameters =
        session.trainee
            ? session.trainee->store().parameter_count()
            : models::Network(session.file.spec, session.file.dtype).store().parameter_count();
    outcome.message = fmt::format("{}: complete already, nothing to do", o.output);
    outcome.written = true;
    return outcome;
  }
  Trainer trainer(session);
  Ended ended = Ended::complete;
  try {
    ended = trainer.run();
  } catch (const OutOfMemory& error) {
    trainer.out_of_memory(error);
  }
  const bool written = ended == Ended::complete && trainer.write_output();
  Outcome outcome = describe(session);
  outcome.ended = ended;
  outcome.written = written;
  outcome.parameters = trainer.parameter_count();
  outcome.images_per_second = trainer.images_per_second();
  outcome.item = trainer.item();
  outcome.seconds = trainer.elapsed();
  if (ended == Ended::stopped) {
    outcome.message =
        fmt::format("stopped by {} at step {} of {}; saved in {}: run the same command {}to go on",
                    trainer.stop_reason(), session.state().step, session.total, session.checkpoint,
                    o.resume ? "again " : "with --resume ");
  }
  return outcome;
}

}  // namespace rn::train
