// What a long piece of work tells about its progress. lib/cli shows it on stderr; library code only
// calls it, once per step or so, from one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rn {

// A unit of work that is worth a bar: an epoch, an evaluation.
struct Work {
  std::string what;          // "epoch 3/10", "test"
  std::int64_t total = 0;    // items in this unit; 0 when not known
  std::string item = "img";  // what is counted, for the rate: "img/s"
  std::int64_t before = 0;   // items of the whole run that came before this unit, ...
  std::int64_t overall = 0;  // ... and items of the whole run (0: this unit is the run): time left
};

class Progress {
 public:
  virtual ~Progress() = default;
  virtual void begin(const Work& work) = 0;
  // `done` items of the unit so far; `note` is short ("loss 1.234"). Cheap: shows at most 10 a
  // second.
  virtual void advance(std::int64_t done, std::string_view note = {}) = 0;
  virtual void end() = 0;
  // A line for the reader, such as a row of a table; it stays, above the bar. Quiet runs drop it.
  virtual void line(std::string_view text) = 0;
};

// For runs that nobody watches.
class NoProgress : public Progress {
 public:
  void begin(const Work&) override {}
  void advance(std::int64_t, std::string_view) override {}
  void end() override {}
  void line(std::string_view) override {}
};

}  // namespace rn
