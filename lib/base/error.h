// Errors. Library code never prints and never exits: it throws rn::Error, whose kind decides the
// exit code of a tool. lib/cli/run_tool is the only place that catches.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace rn {

enum class ErrorKind {
  failed,   // the machine failed us: disk full, out of memory, unwritable path (exit 1)
  usage,    // the command line or a recipe is wrong (exit 2)
  input,    // data or model file is missing, damaged, foreign or does not fit (exit 3)
  device,   // asked-for device or instruction set is absent (exit 4)
  numeric,  // diverged: NaN, Inf, overflow (exit 5)
  shape,    // an op's contract was broken: a defect of the caller (exit 1)
};

// A message may quote what a file says. Control characters become "\x1b" and the like, so that it
// stays one line, and harmless to terminals and logs.
std::string one_line(const std::string& text);

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& what)
      : std::runtime_error(one_line(what)), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

// Exit codes of every tool, besides 0.
inline constexpr int exit_stopped = 75;  // stopped after saving; run the same command again

inline int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage: return 2;
    case ErrorKind::input: return 3;
    case ErrorKind::device: return 4;
    case ErrorKind::numeric: return 5;
    default: return 1;
  }
}

template <class... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

// Contract checks of ops and layers: `require(x.rank() == 4, "conv_forward: ...", ...)`.
template <class... Args>
void require(bool holds, fmt::format_string<Args...> format, Args&&... args) {
  if (!holds) throw Error(ErrorKind::shape, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace rn
