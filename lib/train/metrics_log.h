// The metrics log: JSON lines, one event each, flushed as they come. A run that goes on cuts it
// back to what its checkpoint knows, so that no event is told twice.
#pragma once

#include <cstdint>
#include <string>

#include "io/json.h"

namespace rn::train {

class MetricsLog {
 public:
  MetricsLog() = default;  // no log: events go nowhere
  ~MetricsLog();
  MetricsLog(const MetricsLog&) = delete;
  MetricsLog& operator=(const MetricsLog&) = delete;

  // Starts a new log. Errors: failed.
  void start(const std::string& path);
  // Goes on with one whose first `bytes` belong to the position that training resumes from. What
  // follows is cut off; if lines are missing, what is whole is kept, with a warning.
  void resume(const std::string& path, std::int64_t bytes);

  // One line. Errors (failed): disk full and the like.
  void write(const io::Json& event);
  std::int64_t bytes() const { return bytes_; }  // of whole lines: what a checkpoint stores
  void sync();                                   // brings them to disk; errors: failed
  bool on() const { return fd_ >= 0; }

 private:
  void open(int flags);
  [[noreturn]] void give_up(const char* step) const;

  std::string path_;
  int fd_ = -1;
  std::int64_t bytes_ = 0;
};

// Errors (usage): `path` exists and is no log of ours, or may not be replaced; (failed) it cannot
// be written. To be called before the first long step.
void check_log(const std::string& path, bool replace);

}  // namespace rn::train
