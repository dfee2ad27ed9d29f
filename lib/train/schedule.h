// Lengths of training, and the learning rate as a pure function of the step: nothing to save,
// nothing to drift on resume.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rn::train {

// "30e" (epochs, fractions allowed) or "64000i" (iterations: steps of one batch).
struct Length {
  enum class Unit { epochs, steps };
  double value = 0;
  Unit unit = Unit::epochs;
  // In steps, rounded; at least 1 unless value is 0.
  std::int64_t steps(std::int64_t steps_per_epoch) const;
};
// `bare` is the unit of a number without one. Errors (usage).
Length parse_length(const std::string& text, std::optional<Length::Unit> bare = {});
std::string to_string(const Length& length);

// "90s", "10m", "2h", "1d", or H:MM:SS as batch systems write it; in seconds. Errors (usage).
double parse_duration(const std::string& text);

// How often something is done: after so much training, or so many seconds.
struct Period {
  std::optional<Length> length;
  double seconds = 0;
};
Period parse_period(const std::string& text);  // "5e", "1000i", "10m"; errors: usage

enum class ScheduleKind { constant, steps, cosine, linear };
enum class WarmupShape { linear, constant };
ScheduleKind parse_schedule(const std::string& text);     // errors: usage
WarmupShape parse_warmup_shape(const std::string& text);  // errors: usage

struct ScheduleOptions {
  ScheduleKind kind = ScheduleKind::cosine;
  double lr = 0.1;
  // `steps`: lr is multiplied by gamma at each of them, counted from 0.
  std::vector<Length> milestones = {};
  double gamma = 0.1;
  Length warmup = {};        // 0: none
  double warmup_from = 0.1;  // the factor at step 0, rising linearly to 1 (or constant until then)
  WarmupShape warmup_shape = WarmupShape::linear;
};

class Schedule {
 public:
  // Errors (usage): milestones missing, not rising; a warm-up that leaves nothing.
  Schedule(const ScheduleOptions& options, std::int64_t total_steps, std::int64_t steps_per_epoch);
  // Of step 0 <= step < total. `cosine` and `linear` fall from lr at the end of the warm-up to 0
  // at total.
  double lr(std::int64_t step) const;
  std::int64_t total() const { return total_; }

 private:
  ScheduleOptions options_;
  std::int64_t total_, warmup_;
  std::vector<std::int64_t> milestones_;
};

}  // namespace rn::train
