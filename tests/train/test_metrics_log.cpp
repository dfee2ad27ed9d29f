#include "support/files.h"
#include "train/metrics_log.h"

using namespace rn;
using namespace rn::train;
using rn::test::put;
using rn::test::slurp;

namespace {
io::Json event(int n) { return io::Json().add("n", n); }

}  // namespace

TEST_CASE("a log is whole lines, there as soon as written", "[train]") {
  const test::TempDir folder;
  const std::string path = folder / "log";
  put(path, "old\n");
  MetricsLog log;
  log.start(path);
  log.write(event(1));
  CHECK(slurp(path) == "{\"n\":1}\n");
  log.write(event(2));
  CHECK(slurp(path) == "{\"n\":1}\n{\"n\":2}\n");
  CHECK(log.bytes() == 16);
  log.sync();
}

TEST_CASE("resuming cuts back to what the checkpoint knows", "[train]") {
  const test::TempDir folder;
  const std::string path = folder / "log";
  const std::string one = "{\"n\":1}\n", two = "{\"n\":2}\n";
  const auto resumed = [&](std::int64_t bytes) {
    MetricsLog log;
    log.resume(path, bytes);
    log.write(event(9));
    return slurp(path);
  };
  const std::string nine = "{\"n\":9}\n";

  SECTION("longer, with a torn line at the end") {
    put(path, one + two + "{\"n\"");
    CHECK(resumed(8) == one + nine);
  }
  SECTION("as long") {
    put(path, one + two);
    CHECK(resumed(16) == one + two + nine);
  }
  SECTION("shorter, with a torn line") {
    put(path, one + "{\"n");
    CHECK(resumed(16) == one + nine);
  }
  SECTION("shorter, without any whole line") {
    put(path, "{\"n");
    CHECK(resumed(16) == nine);
  }
  SECTION("missing") { CHECK(resumed(16) == nine); }
  SECTION("from the beginning") {
    put(path, one + two);
    CHECK(resumed(0) == nine);
  }
  SECTION("a line that is longer than a block") {
    const std::string wide = "{" + std::string(200000, 'x') + "}\n";
    put(path, one + wide + "{torn" + std::string(100000, 'y'));
    CHECK(resumed(400000) == one + wide + nine);
  }
}

TEST_CASE("a log that cannot be written is an error", "[train]") {
  MetricsLog log;
  log.start("/dev/full");
  CHECK_THROWS_WITH(log.write(event(1)), Catch::Contains("/dev/full: cannot write"));
  MetricsLog elsewhere;
  CHECK_THROWS_WITH(elsewhere.start("/nonexistent/log"), Catch::Contains("/nonexistent/log"));
  MetricsLog none;
  none.write(event(1));  // goes nowhere
  CHECK(none.bytes() == 0);
}

TEST_CASE("a file that is no log is not written over", "[train]") {
  const test::TempDir folder;
  put(folder / "notes", "my notes\n");
  CHECK_THROWS_WITH(check_log(folder / "notes", true), Catch::Contains("no metrics log"));
  put(folder / "log", "{\"n\":1}\n");
  CHECK_NOTHROW(check_log(folder / "log", true));
  CHECK_THROWS_AS(check_log(folder / "log", false), Error);  // exists
  CHECK_NOTHROW(check_log(folder / "new", false));
  put(folder / "empty", "");
  CHECK_NOTHROW(check_log(folder / "empty", true));
  CHECK_THROWS_AS(check_log("/nonexistent/log", true), Error);
}
