#include "train/schedule.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <numbers>

#include "base/error.h"

namespace rn::train {
namespace {

constexpr double longest = 1e12;

// The number that `text` begins with, which is cut off it; nothing if there is none.
std::optional<double> take_number(std::string_view& text) {
  double value = 0;
  // Without exponents: 1e is one epoch.
  const auto parsed =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (parsed.ec != std::errc() || !std::isfinite(value) || value < 0 || value > longest) return {};
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  return value;
}

// H:MM:SS or MM:SS.
std::optional<double> clock_time(std::string_view text) {
  double seconds = 0;
  for (int part = 0; part < 3; ++part) {
    const auto value = take_number(text);
    if (!value || *value != std::floor(*value) || (part > 0 && *value >= 60)) return {};
    seconds = seconds * 60 + *value;
    if (text.empty()) return part > 0 ? std::optional(seconds) : std::nullopt;
    if (text[0] != ':') return {};
    text.remove_prefix(1);
  }
  return {};
}

std::optional<double> duration(const std::string& text) {
  if (const auto seconds = clock_time(text)) return seconds;
  std::string_view rest = text;
  const auto value = take_number(rest);
  if (!value || rest.size() != 1) return {};
  switch (rest[0]) {
    case 's': return *value;
    case 'm': return *value * 60;
    case 'h': return *value * 3600;
    case 'd': return *value * 86400;
    default: return {};
  }
}

std::optional<Length> length(const std::string& text, std::optional<Length::Unit> bare) {
  std::string_view rest = text;
  const auto value = take_number(rest);
  if (!value) return {};
  if (rest == "e") return Length{*value, Length::Unit::epochs};
  if (rest.empty() && bare == Length::Unit::epochs) return Length{*value, *bare};
  if (rest == "i" || (rest.empty() && bare == Length::Unit::steps)) {
    if (*value != std::floor(*value)) return {};
    return Length{*value, Length::Unit::steps};
  }
  return {};
}

}  // namespace

std::int64_t Length::steps(std::int64_t steps_per_epoch) const {
  const double count = unit == Unit::steps ? value : value * static_cast<double>(steps_per_epoch);
  if (count > longest * 1e3) fail(ErrorKind::usage, "{} is too long", to_string(*this));
  const auto whole = static_cast<std::int64_t>(std::llround(count));
  return value > 0 ? std::max<std::int64_t>(whole, 1) : 0;
}

Length parse_length(const std::string& text, std::optional<Length::Unit> bare) {
  if (const auto found = length(text, bare)) return *found;
  fail(ErrorKind::usage, "'{}' is not a length of training: 30e is 30 epochs, 64000i iterations",
       text);
}

std::string to_string(const Length& length) {
  return fmt::format("{}{}", length.value, length.unit == Length::Unit::steps ? 'i' : 'e');
}

double parse_duration(const std::string& text) {
  const auto seconds = duration(text);
  if (seconds && *seconds > 0) return *seconds;
  fail(ErrorKind::usage, "'{}' is not a time: write 90s, 10m, 2h, 1d or 1:30:00", text);
}

Period parse_period(const std::string& text) {
  Period period;
  if (const auto found = length(text, {}); found && found->value > 0) {
    period.length = found;
  } else if (const auto seconds = duration(text); seconds && *seconds > 0) {
    period.seconds = *seconds;
  } else {
    fail(ErrorKind::usage, "'{}' is not a period: write 5e (epochs), 1000i (iterations) or 10m",
         text);
  }
  return period;
}

ScheduleKind parse_schedule(const std::string& text) {
  if (text == "constant") return ScheduleKind::constant;
  if (text == "steps") return ScheduleKind::steps;
  if (text == "cosine") return ScheduleKind::cosine;
  if (text == "linear") return ScheduleKind::linear;
  fail(ErrorKind::usage, "schedule '{}' is unknown: constant, steps, cosine or linear", text);
}

WarmupShape parse_warmup_shape(const std::string& text) {
  if (text == "linear") return WarmupShape::linear;
  if (text == "constant") return WarmupShape::constant;
  fail(ErrorKind::usage, "warm-up '{}' is unknown: linear or constant", text);
}

Schedule::Schedule(const ScheduleOptions& options, std::int64_t total_steps,
                   std::int64_t steps_per_epoch)
    : options_(options), total_(total_steps), warmup_(options.warmup.steps(steps_per_epoch)) {
  for (const Length& milestone : options_.milestones) {
    milestones_.push_back(milestone.steps(steps_per_epoch));
  }
  const bool steps = options_.kind == ScheduleKind::steps;
  if (steps && milestones_.empty()) {
    fail(ErrorKind::usage,
         "--schedule steps needs --milestones, such as 32000i,48000i or 80e,120e");
  }
  if (!steps && !milestones_.empty()) {
    fail(ErrorKind::usage, "--milestones are for --schedule steps only");
  }
  const auto end = milestones_.end();
  if (std::adjacent_find(milestones_.begin(), end, std::greater_equal<>()) != end) {
    fail(ErrorKind::usage, "--milestones must rise");
  }
  if (warmup_ > 0 && warmup_ >= total_) {
    fail(ErrorKind::usage, "--warmup {}: its {} steps leave nothing of a training of {}",
         to_string(options_.warmup), warmup_, total_);
  }
}

double Schedule::lr(std::int64_t step) const {
  double factor = 1;
  if (step < warmup_) {
    const double from = options_.warmup_from;
    factor = options_.warmup_shape == WarmupShape::constant
                 ? from
                 : from + (1 - from) * static_cast<double>(step) / static_cast<double>(warmup_);
  }
  const double done =
      step <= warmup_ ? 0.0
                      : static_cast<double>(step - warmup_) / static_cast<double>(total_ - warmup_);
  switch (options_.kind) {
    case ScheduleKind::constant: break;
    case ScheduleKind::steps:
      for (const std::int64_t milestone : milestones_) {
        if (step >= milestone) factor *= options_.gamma;
      }
      break;
    case ScheduleKind::cosine: factor *= 0.5 * (1 + std::cos(std::numbers::pi * done)); break;
    case ScheduleKind::linear: factor *= 1 - done; break;
  }
  return options_.lr * factor;
}

}  // namespace rn::train
