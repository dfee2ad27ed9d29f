#include "cli/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/terminal.h"

namespace rn::cli {
namespace {

constexpr double bar_every = 0.1;   // seconds between two drawings of the bar
constexpr double log_every = 30.0;  // and between two lines in a log

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class Display : public Progress {
 public:
  Display(std::FILE* out, bool bar, bool lines, std::function<double()> clock)
      : out_(out), bar_(bar), lines_(lines), clock_(std::move(clock)) {}
  ~Display() override {
    if (bar_) show_bar(out_, {});
  }

  void begin(const Work& work) override {
    work_ = work;
    started_ = shown_ = clock_();
  }

  void advance(std::int64_t done, std::string_view note) override {
    if (!bar_ && !lines_) return;
    const double now = clock_();
    if (now - shown_ < (bar_ ? bar_every : log_every)) return;
    shown_ = now;
    const std::string text = describe(done, now - started_, note);
    if (!bar_) {
      write_line(out_, fmt::format("{}  {}", work_.what, text));
      return;
    }
    std::string line = fmt::format("{}  {}  {}", work_.what, drawing(done), text);
    const int width = terminal_width(out_);
    // Cut in characters, not bytes: all but the bar is ASCII, whose cells are three bytes each.
    show_bar(out_, cut(line, width - 1));
  }

  void end() override {
    if (bar_) show_bar(out_, {});
  }

  void line(std::string_view text) override { write_line(out_, text); }

 private:
  std::string describe(std::int64_t done, double elapsed, std::string_view note) const {
    const double rate = elapsed > 0 ? static_cast<double>(done) / elapsed : 0;
    std::string text;
    if (work_.total > 0) {
      text = fmt::format("{:.0f} %", 100.0 * static_cast<double>(done) / work_.total);
    } else {
      text = fmt::format("{} {}", quantity(static_cast<double>(done)), work_.item);
    }
    text += fmt::format("  {} {}/s", quantity(rate), work_.item);
    const std::int64_t left =
        work_.overall > 0 ? work_.overall - work_.before - done : work_.total - done;
    if (rate > 0 && left > 0) text += fmt::format("  {} left", duration(left / rate));
    if (!note.empty()) text += fmt::format("  {}", note);
    return text;
  }

  std::string drawing(std::int64_t done) const {
    constexpr int cells = 24;
    if (work_.total <= 0) return {};
    const double share = std::clamp(static_cast<double>(done) / work_.total, 0.0, 1.0);
    const int full = static_cast<int>(std::lround(share * cells));
    std::string bar;
    for (int i = 0; i < cells; ++i) bar += i < full ? "━" : "╌";
    return bar;
  }

  static std::string cut(const std::string& text, int columns) {
    int seen = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool starts = (static_cast<unsigned char>(text[i]) & 0xC0u) != 0x80u;
      if (starts && ++seen > columns) return text.substr(0, i);
    }
    return text;
  }

  std::FILE* out_;
  bool bar_, lines_;
  std::function<double()> clock_;
  Work work_;
  double started_ = 0, shown_ = 0;
};

}  // namespace

std::unique_ptr<Progress> make_progress(const ProgressOptions& options) {
  if (options.quiet) return std::make_unique<NoProgress>();
  std::FILE* out = options.out ? options.out : stderr;
  const bool watched = is_terminal(out);
  const bool bar = options.mode == "always" || (options.mode == "auto" && watched);
  const bool lines = options.mode == "auto" && !watched;
  return std::make_unique<Display>(out, bar, lines, options.clock ? options.clock : steady_seconds);
}

std::string duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e9) return "?";
  const auto s = static_cast<std::int64_t>(std::llround(seconds));
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::string quantity(double value) {
  if (value < 9.95) return fmt::format("{:.1f}", value);
  if (value < 9999.5) return fmt::format("{:.0f}", value);
  if (value < 999.95e3) return fmt::format("{:.1f}k", value / 1e3);
  return fmt::format("{:.2f}M", value / 1e6);
}

}  // namespace rn::cli
