// What is checked before the first step, and which checkpoints fit.
#include "train/run.h"
#include "train/session.h"

using namespace rn;
using namespace rn::train;
using test::contains;
using test::error_of;
using test::put;
using test::slurp;
using test::stop_at;
using test::TempDir;
using test::tiny;

namespace {

std::string refused(const TrainOptions& o, ErrorKind kind = ErrorKind::usage) {
  return error_of(kind, [&] { prepare(o); });
}

}  // namespace

TEST_CASE("a checkpoint is not written over in silence", "[train]") {
  const TempDir folder;
  TrainOptions o = tiny(folder);
  o.stop = stop_at(3);
  REQUIRE(train::train(o).ended == Ended::stopped);
  const std::string before = slurp(o.output + ".ckpt");

  const std::string what = refused(o);
  CHECK(contains(what, "--resume"));
  CHECK(contains(what, "--force"));

  o.resume = true;
  CHECK(prepare(o).state().step == 2);
  CHECK(slurp(o.output + ".ckpt") == before);  // preparing writes nothing

  TrainOptions again = o;
  again.resume = false;
  again.force = true;
  CHECK(prepare(again).state().step == 0);
  again.stop = stop_at(1);
  REQUIRE(train::train(again).ended == Ended::stopped);
  CHECK(prepare(o).state().step == 0);
}

TEST_CASE("a checkpoint of another run is refused by the key that differs", "[train]") {
  const TempDir folder;
  TrainOptions o = tiny(folder);
  o.stop = stop_at(3);
  REQUIRE(train::train(o).ended == Ended::stopped);
  o.resume = true;

  const auto with = [&](auto change) {
    TrainOptions other = o;
    change(other);
    return refused(other);
  };
  CHECK(contains(with([](auto& t) { t.arch = "resnet14-cifar"; }), "another arch"));
  CHECK(contains(with([](auto& t) { t.seed = 2; }), "another seed: 1, here 2"));
  CHECK(contains(with([](auto& t) { t.batch = 9; }), "another batch: 8, here 9"));
  CHECK(contains(with([](auto& t) { t.dtype = Dtype::f64; }), "another precision"));
  CHECK(contains(with([](auto& t) { t.limit_train = 40; }), "another data"));
  CHECK(contains(with([](auto& t) { t.limit_test = 15; }), "another input"));
  CHECK(contains(with([](auto& t) { t.width = 8; }), "another block table"));
  CHECK(contains(with([](auto& t) { t.recipe = "lr = 0.2\nbatch = 8\n"; }),
                 "another lr: 0.1, here 0.2"));
  CHECK(contains(with([](auto& t) { t.recipe = "lr = 0.1\nbatch = 8\nflip = true\n"; }),
                 "another flip: not set, here true"));
  // The same number written otherwise, and what only warns.
  o.recipe = "lr = 0.10\nbatch = 8\nlanes = 3\ndevice = \"cpu\"\ndata = \"elsewhere\"\n";
  CHECK(prepare(o).resumed);
}

TEST_CASE("damaged checkpoints are refused", "[train]") {
  const TempDir folder;
  TrainOptions o = tiny(folder);
  o.stop = stop_at(3);
  REQUIRE(train::train(o).ended == Ended::stopped);
  o.resume = true;
  const std::string whole = slurp(o.output + ".ckpt");
  put(o.output + ".ckpt", whole.substr(0, whole.size() / 2));
  CHECK(contains(refused(o, ErrorKind::input), "m.h5.ckpt"));
  put(o.output + ".ckpt", "");
  CHECK(contains(refused(o, ErrorKind::input), "m.h5.ckpt"));
  put(o.output + ".ckpt", "text");
  CHECK(contains(refused(o, ErrorKind::input), "m.h5.ckpt"));
}

TEST_CASE("a finished output is finished", "[train]") {
  const TempDir folder;
  TrainOptions o = tiny(folder);
  train::train(o);
  const std::string before = slurp(o.output);
  CHECK(contains(refused(o), "--force"));

  o.resume = true;
  put(o.output + ".ckpt", before);  // left by a kill between the last two things a run does
  const Outcome outcome = train::train(o);
  CHECK(outcome.ended == Ended::complete_already);
  CHECK(contains(outcome.message, "complete already"));
  CHECK(outcome.steps == 10);
  CHECK(outcome.parameters > 0);
  CHECK(outcome.test_error);
  CHECK(slurp(o.output) == before);
  CHECK_FALSE(std::filesystem::exists(o.output + ".ckpt"));

  // Another recipe, or no model at all: only with --force.
  TrainOptions other = o;
  other.recipe = "lr = 0.3\nbatch = 8\n";
  CHECK(contains(refused(other), "another lr"));
  other.force = true;
  CHECK_FALSE(prepare(other).complete_already);
  put(o.output, "my notes");
  CHECK(contains(refused(o), "--force"));
  CHECK(slurp(o.output) == "my notes");
}

TEST_CASE("options that make no sense are refused before anything is read", "[train]") {
  const TempDir folder;
  const TrainOptions good = tiny(folder);
  const auto with = [&](auto change, ErrorKind kind = ErrorKind::usage) {
    TrainOptions other = good;
    change(other);
    return refused(other, kind);
  };
  CHECK(contains(with([](auto& t) { t.output = ""; }), "-o FILE"));
  CHECK(contains(with([](auto& t) { t.arch = "resnet21-cifar"; }), "6n + 2"));
  CHECK(contains(with([](auto& t) { t.arch = "resnet20"; }), "did you mean resnet20-cifar?"));
  CHECK(contains(with([](auto& t) { t.arch = "x"; }), "known are"));
  CHECK(contains(with([](auto& t) { t.log = "-"; }), "--log -"));
  CHECK(contains(with([](auto& t) { t.val = 0, t.eval_on = EvalOn::val; }), "--val N"));
  CHECK(contains(with([](auto& t) { t.val = 48; }), "48"));
  CHECK(contains(with([](auto& t) { t.augment.pad = 33; }), "--pad 33"));
  CHECK(contains(with([](auto& t) { t.checkpoint = t.output; }), "different files"));
  CHECK(contains(with([](auto& t) { t.log = t.output; }), "different files"));
  CHECK(contains(with([](auto& t) { t.log = t.output + ".ckpt"; }), "different files"));
  CHECK(contains(with([](auto& t) { t.output = "/dev/null", t.resume = true; }), "--checkpoint"));
  CHECK(contains(with([](auto& t) { t.output = "/dev/null", t.max_seconds = 9; }), "--checkpoint"));
  CHECK(contains(with([](auto& t) { t.output = "/nonexistent/m.h5"; }), "/nonexistent"));
  CHECK(contains(with([](auto& t) { t.checkpoint = "/nonexistent/c"; }), "/nonexistent"));
  CHECK(contains(with([](auto& t) { t.log = "/nonexistent/l"; }), "/nonexistent"));
  CHECK(contains(with([](auto& t) { t.data = "cifar10:/nonexistent"; }, ErrorKind::input),
                 "/nonexistent"));
  if (rn::cuda::device_count() == 0) {
    CHECK(contains(with(
                       [](auto& t) {
                         t.device = {DeviceKind::cuda, 0};
                       },
                       ErrorKind::device),
                   "CUDA"));
  }
  CHECK(folder.entries() == 0);
}
