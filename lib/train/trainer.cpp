#include "train/trainer.h"

#include "base/log.h"
#include "train/early.h"

namespace rn::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double rate(std::int64_t images, double seconds) {
  return seconds > 0 ? static_cast<double>(images) / seconds : 0;
}

}  // namespace

Trainer::Trainer(Session& session)
    : s_(session),
      images_(session.trainee ? nullptr : image_trainee(session)),
      trainee_(session.trainee ? *session.trainee : *images_),
      progress_(session.options.progress ? *session.options.progress : no_progress_),
      table_(!session.subsets.val.empty() && session.eval_on != EvalOn::none,
             session.eval_on != EvalOn::none, trainee_.item()),
      began_(Clock::now()) {
  if (session.resumed) saved_step_ = session.state().step;
}

double Trainer::elapsed() const { return seconds_since(began_); }
double Trainer::images_per_second() const { return rate(step_images_, step_seconds_); }

double Trainer::position() const {
  const TrainingState& state = s_.state();
  return static_cast<double>(state.epoch) +
         static_cast<double>(state.step_in_epoch) / static_cast<double>(s_.per_epoch);
}

bool Trainer::recorded() const {
  const auto& rows = s_.file.curves.epoch;
  return (rows.empty() ? 0.0 : rows.back()) == position();
}

bool Trainer::should_stop() {
  if (!stop_reason_.empty()) return true;
  if (s_.options.stop) stop_reason_ = s_.options.stop();
  // A process gets past one step or one epoch's evaluation at least, however short its time: the
  // same command again must come to an end.
  if (stop_reason_.empty() && s_.options.max_seconds > 0 && advanced_ &&
      elapsed() >= s_.options.max_seconds) {
    stop_reason_ = "--max-time";
  }
  return !stop_reason_.empty();
}

Ended Trainer::run() {
  open_log();
  if (!s_.resumed && !s_.checkpoint.empty()) std::remove(s_.checkpoint.c_str());  // --force
  TrainingState& state = s_.state();
  if (s_.resumed) {
    info("going on from {}: step {} of {} (epoch {:.2f})", s_.checkpoint, state.step, s_.total,
         position());
  }
  progress_.line(table_.header());
  if (recorded() && state.step_in_epoch > 0) keep();  // killed before the links were made
  trainee_.begin(state.epoch, state.step_in_epoch);
  bool working = false;
  for (;;) {
    const bool ends = state.step == s_.total;
    if ((state.step_in_epoch == s_.per_epoch || ends) && !recorded()) {
      if (std::exchange(working, false)) progress_.end();
      if (!finish_epoch()) break;
    }
    const bool last = at_end();
    if (state.step_in_epoch == s_.per_epoch) {  // its row stands: on to the next
      ++state.epoch;
      state.step_in_epoch = state.errors = state.images = 0;
      state.loss_sum = 0;
    }
    if (last) return Ended::complete;
    save_if_due();
    if (should_stop()) break;
    if (!std::exchange(working, true)) begin_work(s_.images_before(state.step));
    train_step();
  }
  if (working) progress_.end();
  if (s_.checkpoint.empty()) {
    fail(ErrorKind::failed,
         "stopped by {} at step {} of {}; nothing is saved: there is no "
         "--checkpoint PATH",
         stop_reason_, state.step, s_.total);
  }
  save();
  log_event(io::Json().add("event", "stop").add("step", state.step).add("reason", stop_reason_));
  return Ended::stopped;
}

void Trainer::begin_work(std::int64_t first_image) {
  const TrainingState& state = s_.state();
  const std::int64_t epochs = (s_.total + s_.per_epoch - 1) / s_.per_epoch;
  const std::int64_t epoch_end = std::min((state.epoch + 1) * s_.per_epoch, s_.total);
  work_before_ = first_image;
  progress_.begin({.what = fmt::format("epoch {}/{}", state.epoch + 1, epochs),
                   .total = s_.images_before(epoch_end) - first_image,
                   .item = trainee_.item(),
                   .before = first_image,
                   .overall = s_.images_before(s_.total)});
}

void Trainer::train_step() {
  const auto begin = Clock::now();
  TrainingState& state = s_.state();
  const double lr = s_.schedule->lr(state.step);
  const StepResult result = trainee_.step(lr, {.step = state.step, .update = s_.updates() + 1});
  if (!result.diverged.empty()) return skipped(result.diverged, lr);
  state.skipped_in_row = 0;
  advanced_ = true;
  ++state.step;
  ++state.step_in_epoch;
  state.loss_sum += result.loss_sum;
  state.errors += result.errors;
  state.images += result.images;
  take_average();

  const double seconds = seconds_since(begin);
  for (double* total : {&step_seconds_, &epoch_seconds_, &log_seconds_}) *total += seconds;
  for (auto* total : {&step_images_, &epoch_images_, &log_images_}) *total += result.images;
  const double loss = result.loss_sum / static_cast<double>(result.images);
  progress_.advance(s_.images_before(state.step) - work_before_, fmt::format("loss {:.3f}", loss));
  if (state.step % std::max<std::int64_t>(1, s_.options.log_every.steps(s_.per_epoch)) == 0) {
    log_event(io::Json()
                  .add("event", "step")
                  .add("epoch", state.epoch + 1)
                  .add("step", state.step)
                  .add("lr", lr)
                  .add("loss", loss)
                  .add("images_per_second", rate(log_images_, log_seconds_)));
    log_seconds_ = 0;
    log_images_ = 0;
  }
}

void Trainer::diverged(const std::string& where, double lr) {
  const TrainingState& state = s_.state();
  progress_.end();
  log_event(io::Json()
                .add("event", "diverged")
                .add("step", state.step + 1)
                .add("lr", lr)
                .add("where", where));
  const bool kept = !s_.checkpoint.empty() && saved_step_ >= 0;
  fail(ErrorKind::numeric,
       "diverged in step {} (epoch {}) at lr {:.4g}: {} is not finite; the step was not taken{}; "
       "try a lower --lr, or a --warmup",
       state.step + 1, state.epoch + 1, lr, where,
       kept ? fmt::format(", {} holds step {}", s_.checkpoint, saved_step_) : "");
}

void Trainer::skipped(const std::string& where, double lr) {
  TrainingState& state = s_.state();
  constexpr std::int64_t most_in_row = 10;
  if (s_.options.on_nan == OnNan::stop || state.skipped_in_row + 1 == most_in_row) {
    diverged(where, lr);
  }
  advanced_ = true;
  ++state.step;
  ++state.step_in_epoch;
  ++state.skipped;
  ++state.skipped_in_row;
  warn("step {} skipped at lr {:.4g}: {} is not finite ({} skipped so far, {} in a row end it)",
       state.step, lr, where, state.skipped, most_in_row);
  log_event(
      io::Json().add("event", "skipped").add("step", state.step).add("lr", lr).add("where", where));
}

void Trainer::take_average() {
  TrainingState& state = s_.state();
  const AverageOptions& o = s_.options.average;
  if (!s_.average) return;
  if (state.step < o.start.steps(s_.per_epoch)) return s_.average->copy();
  if (state.step % std::max<std::int64_t>(1, o.every.steps(s_.per_epoch)) != 0) return;
  s_.average->update(average_decay(o.decay, state.averaged++));
}

bool Trainer::at_end() const {
  if (s_.state().step == s_.total) return true;
  const bool has_val = !s_.subsets.val.empty();
  return recorded() && stalled(deciding_error(s_.file.curves, has_val), s_.options.patience);
}

// Whether the period `every` came to an end in the epoch that ends here.
bool Trainer::evaluation_due() const {
  const TrainingState& state = s_.state();
  const std::int64_t every = s_.options.eval_every.steps(s_.per_epoch);
  const std::int64_t epoch_begin = state.step - state.step_in_epoch;
  return state.step == s_.total || (every > 0 && state.step / every != epoch_begin / every);
}

std::optional<Evaluation> Trainer::measure(bool validation) {
  // A memory limit holds for evaluations too.
  const std::int64_t batch = s_.options.memory_limit > 0 ? s_.state().micro_batch : 250;
  const Exchanged exchanged(s_.averaged());
  Evaluation found =
      trainee_.measure(validation, {.batch = batch,
                                    .what = validation ? "validation" : "test",
                                    .progress = &progress_,
                                    .should_stop = [this] { return should_stop(); }});
  if (!found.complete) return {};
  return found;
}

bool Trainer::finish_epoch() {
  std::optional<Evaluation> val, test;
  bool ends = s_.state().step == s_.total;
  if (s_.eval_on != EvalOn::none && evaluation_due()) {
    if (!s_.subsets.val.empty()) {
      val = measure(true);
      if (!val) return false;
      std::vector<double> errors = s_.file.curves.val_error;
      errors.push_back(val->error());
      ends = ends || stalled(errors, s_.options.patience);
    }
    if (s_.eval_on == EvalOn::test || ends) {
      test = measure(false);
      if (!test) return false;
    }
  }
  record(val ? &*val : nullptr, test ? &*test : nullptr);
  advanced_ = true;
  show_row();
  if (at_end() && s_.state().step < s_.total) {
    progress_.line(fmt::format("no better in {} evaluations: stopped early", s_.options.patience));
  }
  keep();
  epoch_seconds_ = 0;
  epoch_images_ = 0;
  return true;
}

void Trainer::record(const Evaluation* val, const Evaluation* test) {
  const TrainingState& state = s_.state();
  Curves& curves = s_.file.curves;
  constexpr double nan = TableRow::unknown;
  const auto images = static_cast<double>(state.images);
  const std::size_t rows = curves.epoch.size();
  const auto add = [&](std::vector<double>& column, const Evaluation* found, double value) {
    if (column.empty() && !found) return;  // never measured so far
    column.resize(rows, nan);
    column.push_back(found ? value : nan);
  };
  curves.epoch.push_back(position());
  curves.lr.push_back(s_.schedule->lr(state.step - 1));
  curves.train_loss.push_back(state.loss_sum / images);
  curves.train_error.push_back(100.0 * static_cast<double>(state.errors) / images);
  curves.images.push_back(images);
  add(curves.val_loss, val, val ? val->loss() : nan);
  add(curves.val_error, val, val ? val->error() : nan);
  add(curves.test_loss, test, test ? test->loss() : nan);
  add(curves.test_error, test, test ? test->error() : nan);
}

void Trainer::show_row() {
  const TrainingState& state = s_.state();
  const Curves& curves = s_.file.curves;
  const auto last = [](const std::vector<double>& column) {
    return column.empty() ? TableRow::unknown : column.back();
  };
  TableRow row{.epoch = last(curves.epoch), .lr = last(curves.lr)};
  row.train_loss = last(curves.train_loss);
  row.train_error = last(curves.train_error);
  row.val_loss = last(curves.val_loss);
  row.val_error = last(curves.val_error);
  row.test_loss = last(curves.test_loss);
  row.test_error = last(curves.test_error);
  row.images_per_second = rate(epoch_images_, epoch_seconds_);
  row.elapsed = elapsed();
  const auto left = static_cast<double>(s_.images_before(s_.total) - s_.images_before(state.step));
  row.left = step_images_ > 0 ? row.elapsed / static_cast<double>(step_images_) * left : 0;
  progress_.line(table_.line(row));

  io::Json event;
  event.add("event", "epoch").add("epoch", row.epoch).add("step", state.step).add("lr", row.lr);
  event.add("train_loss", row.train_loss).add("train_error", row.train_error);
  event.add("val_loss", row.val_loss).add("val_error", row.val_error);
  event.add("test_loss", row.test_loss).add("test_error", row.test_error);
  event.add("images_per_second", row.images_per_second).add("elapsed", row.elapsed);
  log_event(event);
}

}  // namespace rn::train
