// What is done to gradients, weights and steps, in whole trainings.
#include <cmath>

#include "base/parallel.h"
#include "device/ledger.h"
#include "io/schema.h"
#include "train/early.h"
#include "train/micro_batch.h"
#include "train/run.h"
#include "train/session.h"

using namespace rn;
using namespace rn::train;
using test::contains;
using test::error_of;
using test::slurp;
using test::stop_at;
using test::TempDir;
using test::tiny;

namespace {

bool there(const std::string& path) { return std::filesystem::exists(path); }

ModelFile file_of(const std::string& path) {
  return read_model_file(io::schema::open(path, io::schema::Format::model));
}

// Everything at once.
TrainOptions everything(const TempDir& folder, const std::string& name) {
  TrainOptions o = tiny(folder, name);
  o.optimizer.kind = OptimizerKind::adamw;
  o.optimizer.norm_decay = 0;
  o.optimizer.head_lr = 2;
  o.optimizer.clip_norm = 1;
  o.schedule.lr = 0.01;
  o.lr_batch = 16;
  o.step = {.micro_batch = 3, .label_smoothing = 0.1, .dropout = 0.2};
  o.average = {.decay = 0.9, .every = {2, Length::Unit::steps}, .start = {3, Length::Unit::steps}};
  o.stochastic_depth = 0.3;
  o.depth_mode = DepthMode::row;
  o.on_nan = OnNan::skip;
  o.patience = 5;
  o.keep_best = true;
  o.keep_last = 2;
  o.bn_momentum = 0.2;
  o.bn_eps = 1e-3;
  o.save_optimizer = true;
  return o;
}

std::string weights_of(const std::string& path) {
  const LoadedModel model = load_model(path);
  std::string bytes;
  for (const auto& p : model.network.store().parameters()) {
    bytes.append(static_cast<const char*>(p->value.raw()), p->value.bytes());
  }
  return bytes;
}

}  // namespace

TEST_CASE("everything at once, stopped anywhere and resumed: the same bytes", "[train]") {
  const TempDir folder;
  TrainOptions whole = everything(folder, "whole.h5");
  REQUIRE(train::train(whole).ended == Ended::complete);
  const ModelFile file = file_of(whole.output);
  CHECK(file.training->averaged == 4);  // steps 4, 6, 8 and 10
  CHECK(file.training->micro_batch == 3);
  CHECK(file.spec.blocks[0].bn_momentum == 0.2);
  CHECK(file.spec.bn_eps == 1e-3);
  TrainOptions part = everything(folder, "part.h5");
  part.resume = true;
  int runs = 0;
  for (Ended ended = Ended::stopped; ended == Ended::stopped; ++runs) {
    REQUIRE(runs < 60);
    part.stop = stop_at(2 + runs / 6);
    ended = train::train(part).ended;
  }
  CHECK(runs > 7);
  CHECK(slurp(part.output) == slurp(whole.output));
  for (const char* kept : {"best", "epoch1", "epoch2"}) {
    INFO(kept);
    CHECK(slurp(folder / (std::string("part.") + kept + ".h5")) ==
          slurp(folder / (std::string("whole.") + kept + ".h5")));
  }
}

TEST_CASE("other threads: the same bytes, with everything", "[train]") {
  const TempDir folder;
  const int before = threads();
  set_threads(1);
  train::train(everything(folder, "one.h5"));
  set_threads(3);
  train::train(everything(folder, "three.h5"));
  set_threads(before);
  CHECK(slurp(folder / "one.h5") == slurp(folder / "three.h5"));
}

TEST_CASE("kept checkpoints are models, hard links, and the older ones go", "[train]") {
  const TempDir folder;
  TrainOptions o = tiny(folder);
  o.length = {4, Length::Unit::epochs};
  o.keep_best = true;
  o.keep_last = 2;
  train::train(o);
  CHECK_FALSE(there(folder / "m.epoch1.h5"));
  CHECK_FALSE(there(folder / "m.epoch2.h5"));
  REQUIRE(there(folder / "m.epoch3.h5"));
  REQUIRE(there(folder / "m.epoch4.h5"));
  const ModelFile last = file_of(folder / "m.epoch4.h5"), model = file_of(o.output);
  CHECK(last.training->epoch == 3);  // of the fourth all steps are done
  CHECK(last.training->step == model.training->step);
  CHECK(weights_of(folder / "m.epoch4.h5") == weights_of(o.output));
  const auto best = best_row(model.curves.val_error);
  REQUIRE(best);
  const ModelFile kept = file_of(folder / "m.best.h5");
  CHECK(kept.curves.epoch.size() == *best + 1);
  if (*best >= 2) {
    const std::string same = folder / fmt::format("m.epoch{}.h5", *best + 1);
    CHECK(std::filesystem::equivalent(folder / "m.best.h5", same));
  }
  // Not written over in silence.
  std::filesystem::remove(o.output);
  CHECK(contains(error_of(ErrorKind::usage, [&] { prepare(o); }), "m.best.h5"));
}

TEST_CASE("training stops early when nothing gets better", "[train]") {
  const TempDir folder;
  TrainOptions o = tiny(folder);
  o.length = {8, Length::Unit::epochs};
  o.schedule.lr = 1e-12;  // nothing is learnt
  o.schedule.warmup = {};
  o.bn_momentum = 1e-9;
  o.patience = 2;
  const Outcome outcome = train::train(o);
  CHECK(outcome.ended == Ended::complete);
  CHECK(outcome.epochs == 3);
  CHECK(outcome.test_error.has_value());  // validated every epoch, tested at the end
  CHECK(file_of(o.output).training->complete);
  CHECK_FALSE(there(o.output + ".ckpt"));
  const std::string whole = slurp(o.output);
  o.force = o.resume = true;
  std::filesystem::remove(o.output);
  int runs = 1;
  for (o.stop = stop_at(5); train::train(o).ended == Ended::stopped; ++runs) {
    REQUIRE(runs < 40);
    o.stop = stop_at(5);
  }
  CHECK(runs > 3);
  CHECK(slurp(o.output) == whole);
}

TEST_CASE("best and stalled are functions of the curve", "[train]") {
  const double nan = std::nan("");
  CHECK_FALSE(best_row({}));
  CHECK_FALSE(best_row({nan, nan}));
  CHECK(*best_row({nan, 5, nan, 3, 3, 4}) == 3);
  CHECK_FALSE(stalled({nan, 5, 3, 3, 4}, 0));
  CHECK_FALSE(stalled({nan, 5, 3, nan, 4}, 2));
  CHECK(stalled({nan, 5, 3, nan, 4, 3}, 2));
}

TEST_CASE("a step that is not finite may be skipped, but not ten in a row", "[train]") {
  const TempDir folder;
  TrainOptions o = tiny(folder);
  o.on_nan = OnNan::skip;
  o.length = {4, Length::Unit::epochs};
  o.schedule = {.kind = ScheduleKind::steps, .lr = 0.01, .milestones = {{6, Length::Unit::steps}}};
  o.schedule.gamma = 1e300;  // every update from the seventh step on would overflow
  o.checkpoint_every = parse_period("1i");
  const std::string what = error_of(ErrorKind::numeric, [&] { train::train(o); });
  CHECK(contains(what, "not finite"));
  const ModelFile last = file_of(o.output + ".ckpt");
  CHECK(last.training->skipped == 9);
  CHECK(last.training->skipped_in_row == 9);
  CHECK(last.training->step == 15);
  TrainOptions fewer = o;
  fewer.output = folder / "fewer.h5";
  fewer.length = {13, Length::Unit::steps};
  REQUIRE(train::train(fewer).ended == Ended::complete);
  CHECK(file_of(fewer.output).training->skipped == 7);
  // What was skipped left no trace: as if training had ended there.
  TrainOptions six = tiny(folder, "six.h5");
  six.schedule = {.kind = ScheduleKind::constant, .lr = 0.01};
  six.length = {6, Length::Unit::steps};
  train::train(six);
  CHECK(weights_of(six.output) == weights_of(fewer.output));
}

TEST_CASE("parts of a batch add up to the batch", "[train]") {
  // Without batch norm parts do not see each other: the same step but for rounding.
  const TempDir folder;
  TrainOptions o = tiny(folder, "whole.h5");
  o.arch = "vgg15-cifar";
  o.batch_norm = false;
  o.dtype = Dtype::f64;
  o.schedule.lr = 0.01;
  o.step.dropout = 0.3;
  o.step.label_smoothing = 0.1;
  train::train(o);
  o.output = folder / "parts.h5";
  o.step.micro_batch = 3;
  train::train(o);
  const LoadedModel a = load_model(folder / "whole.h5"), b = load_model(o.output);
  for (std::size_t i = 0; i < a.network.store().parameters().size(); ++i) {
    const auto x = a.network.store().parameters()[i]->value.span<double>(),
               y = b.network.store().parameters()[i]->value.span<double>();
    double most = 0;
    for (std::size_t k = 0; k < x.size(); ++k) most = std::max(most, std::abs(x[k] - y[k]));
    CHECK(most < 1e-12);
  }
  CHECK(a.file.curves.train_loss[1] == Approx(b.file.curves.train_loss[1]).epsilon(1e-12));
}

TEST_CASE("a memory limit chooses the parts, and is kept to", "[train]") {
  const TempDir folder;
  TrainOptions o = tiny(folder);
  o.arch = "resnet20-cifar";
  o.width = 16;
  o.batch = 36;
  o.schedule.warmup = {};
  o.average.decay = 0.9;
  Session session = prepare(o);
  CHECK(session.options.step.micro_batch == 0);
  session.options.memory_limit = std::int64_t{1} << 40;
  CHECK(fitting_micro_batch(session) == 36);
  session.options.memory_limit = 1 << 16;
  CHECK(contains(error_of(ErrorKind::usage, [&] { fitting_micro_batch(session); }), "one image"));
  session.optimizer.reset();
  session.network.reset();
  session.average.reset();

  o.memory_limit = 16 << 20;
  o.eval_on = EvalOn::none;
  const std::int64_t live = Ledger::global().live_total();
  std::int64_t parts = 0;
  o.stop = [&] {  // the first poll comes when all is prepared
    if (parts++ == 0) Ledger::global().reset_peaks();
    return std::string();
  };
  train::train(o);
  CHECK(Ledger::global().peak_total() - live <= o.memory_limit);
  const std::int64_t chosen = file_of(o.output).training->micro_batch;
  CHECK(chosen > 1);
  CHECK(chosen < 36);
}

TEST_CASE("a moving average is what is evaluated and written", "[train]") {
  CHECK(average_decay(0.99, 0) == Approx(0.1));
  CHECK(average_decay(0.99, 1000) == 0.99);
  const TempDir folder;
  TrainOptions o = tiny(folder, "plain.h5");
  o.checkpoint_every = parse_period("1i");
  o.stop = stop_at(3);
  train::train(o);  // two steps
  TrainOptions averaged = tiny(folder, "averaged.h5");
  averaged.average.decay = 0.5;
  averaged.stop = stop_at(3);
  train::train(averaged);
  const std::string at = averaged.output + ".ckpt";
  const LoadedModel plain = load_model(o.output + ".ckpt"), both = load_model(at);
  CHECK(weights_of(at) != weights_of(o.output + ".ckpt"));
  // What is trained is trained as without.
  const auto& trained = both.file.training->slots.at(TrainingState::trained);
  for (const auto& p : plain.network.store().parameters()) {
    const auto x = p->value.span<float>(), y = trained.at(p->name).span<float>();
    CHECK(std::equal(x.begin(), x.end(), y.begin()));
  }
  for (const auto& s : plain.network.store().states()) {
    const auto x = s->value.span<float>(),
               y = both.file.training->trained_state.at(s->name).span<float>();
    CHECK(std::equal(x.begin(), x.end(), y.begin()));
  }
  // The average by hand: 0.1 of the first point, then 2/11 of that and the rest of the second.
  TrainOptions first = tiny(folder, "first.h5");
  first.stop = stop_at(2);
  train::train(first);
  const LoadedModel one = load_model(first.output + ".ckpt");
  models::Network start(plain.file.spec, Dtype::f32);
  start.initialize(o.seed);
  const auto& names = plain.network.store().parameters();
  for (std::size_t i = 0; i < names.size(); ++i) {
    const double w0 = start.store().parameters()[i]->value.data<float>()[0],
                 w1 = one.network.store().parameters()[i]->value.data<float>()[0],
                 w2 = names[i]->value.data<float>()[0];
    const double a1 = 0.1 * w0 + 0.9 * w1, a2 = 2.0 / 11 * a1 + 9.0 / 11 * w2;
    CHECK(both.network.store().parameters()[i]->value.data<float>()[0] == Approx(a2).margin(1e-6));
  }
}
