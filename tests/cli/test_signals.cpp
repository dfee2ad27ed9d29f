#include <signal.h>

#include "cli/run_forked.h"
#include "cli/signals.h"
#include "support/catch.h"

using namespace rn;

namespace {
int raised(int number) {
  cli::catch_signals();
  if (cli::stop_requested()) return 1;
  raise(number);
  if (!cli::stop_requested() || cli::stop_signal() != number) return 2;
  return 75;
}
}  // namespace

TEST_CASE("a signal sets the flag and nothing else") {
  for (const int number : {SIGTERM, SIGUSR1, SIGINT}) {
    CHECK(test::run_forked([&](int, char**) { return raised(number); }, {"x"}).code == 75);
  }
  CHECK(std::string(cli::signal_name(SIGTERM)) == "SIGTERM");
}

TEST_CASE("the second Ctrl-C quits at once, and the first says so") {
  const auto twice = [](int, char**) {
    cli::catch_signals();
    raise(SIGINT);
    raise(SIGINT);
    return 0;
  };
  const auto outcome = test::run_forked(twice, {"x"});
  CHECK(outcome.code == 128 + SIGINT);
  CHECK_THAT(outcome.err, Catch::Matchers::Contains("once more"));
}

TEST_CASE("what the parent ignores stays ignored") {
  const auto ignored = [](int, char**) {
    signal(SIGINT, SIG_IGN);
    cli::catch_signals();
    raise(SIGINT);
    return cli::stop_requested() ? 1 : 0;
  };
  CHECK(test::run_forked(ignored, {"x"}).code == 0);
}
