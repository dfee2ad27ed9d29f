// The loop: where it stops does not show, whatever threads it runs on, and nothing is lost.
#include "base/parallel.h"
#include "io/schema.h"
#include "train/run.h"

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

// The log without what depends on the clock.
std::vector<std::string> events(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (contains(line, "\"resume\"")) continue;
    for (const char* key : {"\"time\":", "\"images_per_second\":", "\"elapsed\":"}) {
      const std::size_t at = line.find(key);
      if (at != std::string::npos) line.erase(at, line.find_first_of(",}", at) - at);
    }
    lines.push_back(line);
  }
  return lines;
}

}  // namespace

TEST_CASE("stopped anywhere and resumed: the same bytes", "[train]") {
  const TempDir folder;
  TrainOptions whole = tiny(folder);
  whole.log = folder / "whole.jsonl";
  const Outcome done = train::train(whole);
  REQUIRE(done.ended == Ended::complete);
  CHECK(done.steps == 10);
  CHECK(done.epochs == 2);
  CHECK_FALSE(there(whole.output + ".ckpt"));

  // Every step and every evaluation is polled, so stop at each poll in turn; evaluations of one
  // batch: 10 steps, 2 validations, 1 test.
  int stopped = 0;
  for (int poll = 1;; ++poll) {
    INFO("stopped at poll " << poll);
    TrainOptions part = tiny(folder, "part.h5");
    part.log = folder / "part.jsonl";
    part.resume = true;
    part.force = true;
    part.stop = stop_at(poll);
    const Outcome outcome = train::train(part);
    if (outcome.ended == Ended::complete) break;
    ++stopped;
    REQUIRE(outcome.ended == Ended::stopped);
    CHECK(contains(outcome.message, "run the same command again"));
    CHECK_FALSE(there(part.output));
    REQUIRE(there(part.output + ".ckpt"));
    // Lines after the checkpoint's position, as of a run that was killed later.
    std::ofstream(part.log, std::ios::app) << "{\"event\":\"step\",\"step\":99}\n{\"ev";
    part.stop = nullptr;
    REQUIRE(train::train(part).ended == Ended::complete);
    CHECK(slurp(part.output) == slurp(whole.output));
    CHECK(events(part.log) == events(whole.log));
    CHECK_FALSE(there(part.output + ".ckpt"));
    std::filesystem::remove(part.output);
  }
  CHECK(stopped >= 13);
}

TEST_CASE("stopped after every step: the same bytes", "[train]") {
  const TempDir folder;
  TrainOptions whole = tiny(folder);
  whole.length = {7, Length::Unit::steps};  // ends within an epoch
  whole.save_optimizer = true;
  whole.dtype = GENERATE(Dtype::f32, Dtype::bf16);
  train::train(whole);
  TrainOptions part = whole;
  part.output = folder / "part.h5";
  part.resume = true;
  int runs = 0;
  for (Ended ended = Ended::stopped; ended == Ended::stopped; ++runs) {
    REQUIRE(runs < 60);
    part.stop = stop_at(2 + runs / 6);  // at last long enough for the evaluations
    ended = train::train(part).ended;
  }
  CHECK(runs > 7);
  CHECK(slurp(part.output) == slurp(whole.output));
  const ModelFile file = file_of(whole.output);
  CHECK(file.curves.epoch == std::vector<double>{1, 1.4});
  CHECK(file.curves.images == std::vector<double>{36, 16});
}

TEST_CASE("any number of threads: the same bytes", "[train]") {
  const TempDir folder;
  std::string first;
  const int before = threads();
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    TrainOptions o = tiny(folder, fmt::format("m{}.h5", count));
    train::train(o);
    if (first.empty()) first = slurp(o.output);
    CHECK(slurp(o.output) == first);
  }
  set_threads(before);
}

TEST_CASE("what a finished training leaves", "[train]") {
  const TempDir folder;
  TrainOptions o = tiny(folder);
  SECTION("with validation and test") {}
  SECTION("double precision") { o.dtype = Dtype::f64; }
  SECTION("bf16") { o.dtype = Dtype::bf16; }
  SECTION("pre-activation, mean image, decay on weights") {
    o.arch = "preresnet8-cifar";
    o.normalize = data::NormalizationKind::mean_image;
    o.optimizer.decay = Decay::weights;
  }
  train::train(o);
  const LoadedModel model = load_model(o.output, o.dtype);
  const ModelFile& file = model.file;
  REQUIRE(file.training);
  CHECK(file.training->precision == o.dtype);
  CHECK(file.training->complete);
  CHECK(file.training->epoch == 2);
  CHECK(file.training->step == 10);
  CHECK(file.training->slots.empty());
  CHECK(file.dtype == wide(o.dtype));
  CHECK(file.curves.epoch == std::vector<double>{1, 2});
  CHECK(file.curves.val_error.size() == 2);
  REQUIRE(file.curves.test_error.size() == 2);  // at the end only: there is a validation split
  CHECK(std::isnan(file.curves.test_error[0]));
  const auto test = data::open_source(o.data, data::Split::test, o.limit_test);
  const Evaluation again = evaluate(model.network, *test, file.normalization);
  CHECK(again.error() == file.curves.test_error[1]);
  CHECK(again.loss() == file.curves.test_loss[1]);
}

TEST_CASE("curves are means over the images of an epoch", "[train]") {
  const TempDir folder;
  TrainOptions o = tiny(folder);
  o.log = folder / "log";
  o.log_every = {1, Length::Unit::steps};
  train::train(o);
  double sum = 0, images = 0;
  for (const std::string& line : events(o.log)) {
    const std::size_t at = line.find("\"loss\":");
    if (at == std::string::npos || !contains(line, "\"epoch\":1,")) continue;
    const double batch = images < 32 ? 8 : 4;
    sum += batch * std::stod(line.substr(at + 7));
    images += batch;
  }
  CHECK(images == 36);
  CHECK(file_of(o.output).curves.train_loss[0] == Approx(sum / images).epsilon(1e-12));
}

TEST_CASE("a loss that is not a number: exit, with the last good checkpoint", "[train]") {
  const TempDir folder;
  TrainOptions o = tiny(folder);
  o.schedule = {.kind = ScheduleKind::steps, .lr = 0.01, .milestones = {{6, Length::Unit::steps}}};
  o.schedule.gamma = 1e37;  // the seventh step shoots away
  o.checkpoint_every = parse_period("3i");
  const std::string what = error_of(ErrorKind::numeric, [&] { train::train(o); });
  CHECK((contains(what, "step 7 ") || contains(what, "step 8 ")));
  CHECK(contains(what, "not finite"));
  CHECK(contains(what, "--lr"));
  CHECK_FALSE(there(o.output));
  REQUIRE(there(o.output + ".ckpt"));
  CHECK(file_of(o.output + ".ckpt").training->step == 6);
}

TEST_CASE("a checkpoint that cannot be written costs nothing", "[train]") {
  const TempDir folder;
  TrainOptions o = tiny(folder);
  o.checkpoint = folder / "sub/m.ckpt";
  o.checkpoint_every = parse_period("2i");
  std::filesystem::create_directory(folder / "sub");
  // The directory goes away under the run: every later checkpoint fails, and training goes on.
  o.stop = [&folder, polls = 0]() mutable {
    if (++polls == 4) std::filesystem::remove_all(folder / "sub");
    return std::string();
  };
  CHECK(train::train(o).ended == Ended::complete);
  CHECK(there(o.output));
}

TEST_CASE("an output that cannot be written in the end is not lost", "[train]") {
  const TempDir folder;
  TrainOptions whole = tiny(folder);
  whole.length = {7, Length::Unit::steps};
  train::train(whole);

  TrainOptions o = whole;
  std::filesystem::create_directory(folder / "sub");
  o.output = folder / "sub/m.h5";
  o.checkpoint = folder / "m.ckpt";
  o.resume = true;
  o.stop = [&folder] {
    std::filesystem::remove_all(folder / "sub");
    return std::string();
  };
  const std::string what = error_of(ErrorKind::failed, [&] { train::train(o); });
  CHECK(contains(what, "sub/m.h5"));
  CHECK(contains(what, "kept in " + o.checkpoint));

  std::filesystem::create_directory(folder / "sub");
  o.stop = nullptr;
  CHECK(train::train(o).ended == Ended::complete);
  CHECK(slurp(o.output) == slurp(whole.output));
  CHECK_FALSE(there(o.checkpoint));
}

TEST_CASE("a log that fails saves first", "[train]") {
  const TempDir folder;
  TrainOptions o = tiny(folder);
  o.log = "/dev/full";
  const std::string what = error_of(ErrorKind::failed, [&] { train::train(o); });
  CHECK(contains(what, "/dev/full"));
  CHECK(contains(what, o.output + ".ckpt"));
  CHECK(file_of(o.output + ".ckpt").training->step == 0);
}

TEST_CASE("without a checkpoint a stop says so", "[train]") {
  const TempDir folder;
  TrainOptions o = tiny(folder);
  o.output = "/dev/null";  // nothing can lie beside it
  o.stop = stop_at(3);
  CHECK(contains(error_of(ErrorKind::failed, [&] { train::train(o); }), "--checkpoint"));
}

TEST_CASE("time is up: saved, and not started again from the beginning", "[train]") {
  const TempDir folder;
  TrainOptions o = tiny(folder);
  o.max_seconds = 1e-9;
  const Outcome outcome = train::train(o);
  CHECK(outcome.ended == Ended::stopped);
  CHECK(contains(outcome.message, "--max-time"));
  CHECK(contains(outcome.message, "--resume"));
  CHECK(file_of(o.output + ".ckpt").training->step == 1);

  // However short the time, the same command again comes to the end: a step or an evaluation each.
  o.resume = true;
  int times = 1;
  while (train::train(o).ended == Ended::stopped) REQUIRE(++times < 40);
  CHECK(times > 10);
  CHECK(file_of(o.output).training->complete);
}
