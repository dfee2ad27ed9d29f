#include "cli/terminal.h"

#include <fmt/format.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <string>

namespace rn::cli {
namespace {

std::mutex mutex;
std::string current_bar;
constexpr std::string_view clear_line = "\r\033[K";

void put(std::FILE* file, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), file);
  std::fflush(file);
}

class StderrSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit StderrSink(std::string_view tool) : tool_(tool), colour_(use_colour(stderr)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::string_view text(message.payload.data(), message.payload.size());
    write_line(stderr, fmt::format("{}: {}{}", tool_, label(message.level), text));
  }
  void flush_() override { std::fflush(stderr); }

  std::string label(spdlog::level::level_enum level) const {
    if (level < spdlog::level::info) return "debug: ";
    if (level == spdlog::level::info) return "";
    const bool warning = level == spdlog::level::warn;
    const char* word = warning ? "warning: " : "error: ";
    return colour_ ? fmt::format("\033[{}m{}\033[0m", warning ? 33 : 31, word) : word;
  }

  std::string tool_;
  bool colour_;
};

}  // namespace

bool is_terminal(std::FILE* file) { return isatty(fileno(file)) == 1; }

bool use_colour(std::FILE* file) {
  const char* no = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return is_terminal(file) && (no == nullptr || *no == '\0') && term != nullptr &&
         std::string_view(term) != "dumb";
}

int terminal_width(std::FILE* file) {
  winsize size{};
  if (ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

void write_line(std::FILE* file, std::string_view line) {
  const std::lock_guard lock(mutex);
  if (current_bar.empty()) {
    put(file, fmt::format("{}\n", line));
  } else {
    put(file, fmt::format("{}{}\n{}", clear_line, line, current_bar));
  }
}

void show_bar(std::FILE* file, std::string_view bar) {
  const std::lock_guard lock(mutex);
  if (bar.empty() && current_bar.empty()) return;
  current_bar = bar;
  put(file, fmt::format("{}{}", clear_line, bar));
}

void start_log(std::string_view tool, int level) {
  auto logger =
      std::make_shared<spdlog::logger>(std::string(tool), std::make_shared<StderrSink>(tool));
  logger->set_level(level < 0    ? spdlog::level::warn
                    : level == 0 ? spdlog::level::info
                                 : spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace rn::cli
