#include <cstdlib>

#include "cli/progress.h"
#include "cli/run_forked.h"
#include "support/catch.h"

using namespace rn;

namespace {

// What a display writes to a file, seen as by `cat -v`, while `seconds` is moved by hand.
struct Shown {
  test::Scratch scratch;
  std::FILE* file = std::fopen((scratch / "log").c_str(), "w+");
  double seconds = 0;
  std::unique_ptr<Progress> progress;

  explicit Shown(const std::string& mode, bool quiet = false) {
    progress = cli::make_progress({mode, quiet, file, [this] { return seconds; }});
  }
  std::string text() {
    progress.reset();
    std::fclose(file);
    return test::slurp(scratch / "log");
  }
};

}  // namespace

TEST_CASE("a log gets one line every 30 s of a long unit of work") {
  Shown shown("auto");
  shown.progress->begin({"epoch 1/2", 6000, "img", 0, 12000});
  for (int i = 1; i <= 60; ++i) {
    shown.seconds = i;
    shown.progress->advance(i * 100, "loss 1.5");
  }
  shown.progress->end();
  shown.progress->line("1  0.5");
  shown.progress->begin({"epoch 2/2", 6000, "img", 6000, 12000});
  shown.seconds += 29;
  shown.progress->advance(5900);
  shown.progress->end();
  CHECK(shown.text() ==
        "epoch 1/2  50 %  100 img/s  1:30 left  loss 1.5\n"
        "epoch 1/2  100 %  100 img/s  1:00 left  loss 1.5\n"
        "1  0.5\n");
}

TEST_CASE("a bar is drawn over itself, gives way to lines, and is gone at the end") {
  Shown shown("always");
  shown.progress->begin({"test", 100});
  shown.seconds = 0.05;
  shown.progress->advance(1);
  shown.seconds = 1;
  shown.progress->advance(50);
  shown.progress->line("row");
  shown.progress->end();
  const std::string bar = "test  ━━━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌  50 %  50 img/s  1 s left";
  CHECK(shown.text() == "\r\033[K" + bar + "\r\033[Krow\n" + bar + "\r\033[K");
}

TEST_CASE("never shows rows only, quiet shows nothing") {
  for (const bool quiet : {false, true}) {
    Shown shown(quiet ? "always" : "never", quiet);
    shown.progress->begin({"epoch", 10});
    shown.seconds = 100;
    shown.progress->advance(5);
    shown.progress->line("row");
    shown.progress->end();
    CHECK(shown.text() == (quiet ? "" : "row\n"));
  }
}

TEST_CASE("work of unknown length has a count and no time left") {
  Shown shown("auto");
  shown.progress->begin({"read", 0, "file"});
  shown.seconds = 40;
  shown.progress->advance(20000);
  CHECK(shown.text() == "read  20.0k file  500 file/s\n");
}

TEST_CASE("durations and quantities as people read them") {
  CHECK(cli::duration(0) == "0 s");
  CHECK(cli::duration(59.6) == "1:00");
  CHECK(cli::duration(3599) == "59:59");
  CHECK(cli::duration(3661) == "1:01:01");
  CHECK(cli::duration(-1) == "?");
  CHECK(cli::duration(1e300) == "?");
  CHECK(cli::quantity(0.25) == "0.2");
  CHECK(cli::quantity(9.96) == "10");
  CHECK(cli::quantity(9999) == "9999");
  CHECK(cli::quantity(12345) == "12.3k");
  CHECK(cli::quantity(4.56e6) == "4.56M");
}
