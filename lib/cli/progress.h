// Progress on stderr: on a terminal a bar with rate and time left; in a batch log one line every
// 30 s while a unit of work lasts; with `never`, or when quiet, nothing.
#pragma once

#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "base/progress.h"

namespace rn::cli {

struct ProgressOptions {
  std::string mode = "auto";  // auto: a bar on terminals, lines in logs; always: a bar; never
  bool quiet = false;         // drops bar and lines, line() too
  std::FILE* out = nullptr;   // stderr when null
  std::function<double()> clock = {};  // seconds, monotonic; for tests
};

std::unique_ptr<Progress> make_progress(const ProgressOptions& options);

// "42 s", "3:07", "1:02:03": as people read a duration.
std::string duration(double seconds);
// "950", "12.3k", "4.56M".
std::string quantity(double value);

}  // namespace rn::cli
