// --dry-run, --list-archs, and the table on stderr.
#include <algorithm>

#include "train/plan.h"
#include "train/run.h"
#include "train/table.h"

using namespace rn;
using namespace rn::train;
using test::contains;
using test::error_of;
using test::stop_at;
using test::TempDir;
using test::tiny;

TEST_CASE("a plan counts what would be done, and does nothing", "[train]") {
  const TempDir folder;
  TrainOptions o = tiny(folder);
  const Plan plan = make_plan(o);
  CHECK(folder.entries() == 0);
  CHECK(plan.arch == "resnet8-cifar");
  CHECK(plan.blocks == 3);
  const auto spec = models::make_arch(
      o.arch, {.shortcut = {}, .shortcut_pool = {}, .base_width = static_cast<int>(o.width)});
  CHECK(plan.parameters == models::Network(spec, Dtype::f32).store().parameter_count());
  CHECK(plan.train_images == 36);
  CHECK(plan.val_images == 12);
  CHECK(plan.test_images == 16);
  CHECK(plan.steps_per_epoch == 5);
  CHECK(plan.steps == 10);
  CHECK(plan.epochs == 2);
  CHECK(plan.lr_first == Approx(0.01));
  CHECK(plan.lr_highest == Approx(0.1));
  CHECK(plan.memory > 4 * 3 * plan.parameters);  // values, gradients and momentum at the least
  CHECK(plan.seconds > 0);
  CHECK(contains(plan.text(), "2 epochs of 5 steps of 8 images: 10 steps"));
  CHECK(contains(plan.text(), o.output + ".ckpt"));
  CHECK(contains(plan.json(), "\"steps\":10,"));

  o.output.clear();  // a plan needs no output
  CHECK(make_plan(o).output.empty());
  o.output = "/nonexistent/m.h5";
  CHECK(contains(error_of(ErrorKind::usage, [&] { make_plan(o); }), "/nonexistent"));
}

TEST_CASE("a plan knows what is done already", "[train]") {
  const TempDir folder;
  TrainOptions o = tiny(folder);
  o.stop = stop_at(3);
  REQUIRE(train::train(o).ended == Ended::stopped);
  o.resume = true;
  CHECK(make_plan(o).from_step == 2);
  CHECK(contains(make_plan(o).text(), "from step 2"));
  o.stop = nullptr;
  REQUIRE(train::train(o).ended == Ended::complete);
  CHECK(make_plan(o).complete_already);
  CHECK(contains(make_plan(o).text(), "nothing to do"));
}

TEST_CASE("the table of architectures", "[train]") {
  const std::string table = arch_table();
  CHECK(contains(table, "name\tparameters\tblocks\twhat\n"));
  CHECK(contains(table, "resnet20-cifar\t269722\t9\t"));
  CHECK(contains(table, "resnet56-cifar\t853018\t27\t"));
  CHECK(contains(table, "resnet110-cifar\t1727962\t54\t"));
  CHECK(contains(table, "\npreresnet110-cifar\t"));
  const auto lines = std::count(table.begin(), table.end(), '\n');
  CHECK(std::count(table.begin(), table.end(), '\t') == 3 * lines);
}

TEST_CASE("rows stand under their headings", "[train]") {
  for (const bool val : {false, true}) {
    for (const bool test : {false, true}) {
      const Table table(val, test);
      TableRow row{.epoch = 12, .lr = 0.0123456, .train_loss = 1.5, .train_error = 45.678};
      row.images_per_second = 371.4;
      row.elapsed = 3725;
      CHECK(table.line(row).size() == table.header().size());
      CHECK(contains(table.header(), " img/s"));
      const Table clips(val, test, "clips");
      CHECK(contains(clips.header(), " clips/s"));
      CHECK(clips.header().size() == table.header().size());
      CHECK(contains(table.line(row), " 45.68"));
      CHECK(contains(table.line(row), "1:02:05"));
      CHECK((contains(table.line(row), " - ") == (val || test)));  // not measured
    }
  }
  CHECK(format_seconds(59.4) == "59 s");
  CHECK(format_seconds(187) == "3:07");
  CHECK(format_seconds(-1) == "?");
}
