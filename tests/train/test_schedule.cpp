#include "base/error.h"
#include "support/catch.h"
#include "train/schedule.h"

using namespace rn;
using namespace rn::train;

namespace {
Length epochs(double n) { return {n, Length::Unit::epochs}; }
Length steps(double n) { return {n, Length::Unit::steps}; }
}  // namespace

TEST_CASE("lengths in epochs and iterations", "[train]") {
  CHECK(parse_length("30e").steps(391) == 30 * 391);
  CHECK(parse_length("64000i").steps(391) == 64000);
  CHECK(parse_length("0.5e").steps(391) == 196);
  CHECK(parse_length("0.0001e").steps(391) == 1);  // something is at least a step
  CHECK(parse_length("0e").steps(391) == 0);
  CHECK(parse_length("7", Length::Unit::epochs).steps(10) == 70);
  CHECK(parse_length("7", Length::Unit::steps).steps(10) == 7);
  CHECK(to_string(parse_length("020.0", Length::Unit::epochs)) == "20e");
  for (const char* wrong : {"", "30", "e", "-3e", "3 e", "3x", "3.5i", "1e1e", "nan", "1e300e"}) {
    INFO(wrong);
    CHECK_THROWS_AS(parse_length(wrong), Error);
  }
}

TEST_CASE("durations and periods", "[train]") {
  CHECK(parse_duration("90s") == 90);
  CHECK(parse_duration("1.5m") == 90);
  CHECK(parse_duration("2h") == 7200);
  CHECK(parse_duration("1d") == 86400);
  CHECK(parse_duration("1:30:00") == 5400);
  CHECK(parse_duration("02:05") == 125);
  for (const char* wrong : {"", "90", "1:60", "1:2:3:4", "0s", "-1m", "1:30:", "5e"}) {
    INFO(wrong);
    CHECK_THROWS_AS(parse_duration(wrong), Error);
  }
  CHECK(parse_period("5e").length->steps(10) == 50);
  CHECK(parse_period("1000i").length->steps(10) == 1000);
  CHECK(parse_period("10m").seconds == 600);
  CHECK_FALSE(parse_period("10m").length);
  CHECK_THROWS_AS(parse_period("0e"), Error);
  CHECK_THROWS_AS(parse_period("10"), Error);
}

TEST_CASE("steps fall by gamma at their milestones, given in either unit", "[train]") {
  const ScheduleOptions he{.kind = ScheduleKind::steps,
                           .lr = 0.1,
                           .milestones = {steps(32000), steps(48000)},
                           .gamma = 0.1};
  const Schedule schedule(he, 64000, 391);
  CHECK(schedule.lr(0) == 0.1);
  CHECK(schedule.lr(31999) == 0.1);
  CHECK(schedule.lr(32000) == Approx(0.01).epsilon(1e-12));
  CHECK(schedule.lr(48000) == Approx(0.001).epsilon(1e-12));
  CHECK(schedule.lr(63999) == Approx(0.001).epsilon(1e-12));

  ScheduleOptions in_epochs = he;
  in_epochs.milestones = {epochs(80), epochs(120)};
  const Schedule other(in_epochs, 160 * 391, 391);
  CHECK(other.lr(80 * 391 - 1) == 0.1);
  CHECK(other.lr(80 * 391) == Approx(0.01).epsilon(1e-12));
}

TEST_CASE("linear and cosine end at zero, warm-ups start where they are told", "[train]") {
  ScheduleOptions options{.kind = ScheduleKind::linear, .lr = 0.4, .warmup = steps(10)};
  options.warmup_from = 0.25;
  const Schedule linear(options, 110, 11);
  CHECK(linear.lr(0) == Approx(0.1));
  CHECK(linear.lr(5) == Approx(0.25));
  CHECK(linear.lr(10) == Approx(0.4));
  CHECK(linear.lr(60) == Approx(0.2));
  CHECK(linear.lr(109) == Approx(0.004));
  CHECK(linear.lr(110) == 0);

  options.kind = ScheduleKind::cosine;
  const Schedule cosine(options, 110, 11);
  CHECK(cosine.lr(10) == Approx(0.4));
  CHECK(cosine.lr(60) == Approx(0.2));
  CHECK(cosine.lr(35) == Approx(0.4 * 0.5 * (1 + std::sqrt(0.5))));
  CHECK(cosine.lr(110) == Approx(0).margin(1e-15));

  options.kind = ScheduleKind::constant;
  options.warmup_shape = WarmupShape::constant;
  const Schedule constant(options, 110, 11);
  CHECK(constant.lr(0) == Approx(0.1));
  CHECK(constant.lr(9) == Approx(0.1));
  CHECK(constant.lr(10) == 0.4);
  CHECK(constant.lr(109) == 0.4);
}

TEST_CASE("schedules that make no sense are refused", "[train]") {
  ScheduleOptions options{.kind = ScheduleKind::steps};
  CHECK_THROWS_WITH(Schedule(options, 100, 10), Catch::Contains("needs --milestones"));
  options.milestones = {steps(20), epochs(1)};
  CHECK_THROWS_WITH(Schedule(options, 100, 10), Catch::Contains("must rise"));
  options.milestones = {steps(20), epochs(2)};  // the same step twice
  CHECK_THROWS_WITH(Schedule(options, 100, 10), Catch::Contains("must rise"));
  options.milestones = {steps(20)};
  options.warmup = epochs(10);
  CHECK_THROWS_WITH(Schedule(options, 100, 10), Catch::Contains("--warmup 10e"));
  options.kind = ScheduleKind::linear;
  options.warmup = {};
  CHECK_THROWS_WITH(Schedule(options, 100, 10), Catch::Contains("--schedule steps only"));
  CHECK_THROWS_AS(parse_schedule("cosin"), Error);
}
