#include "study/study_run.h"

#include <unistd.h>

#include "base/log.h"

namespace rn::study {
namespace {

bool there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

}  // namespace

StudyFiles::StudyFiles(const StudyRun& run) : run_(run) {
  if (!run.output.empty() && run.output != "-") checkpoint_ = run.output + ".ckpt";
  if (run.resume && checkpoint_.empty()) {
    fail(ErrorKind::usage, "--resume needs an output file to keep a checkpoint beside");
  }
  if (!run.output.empty()) io::check_output(run.output, run.force || run.resume);
  if (checkpoint_.empty()) return;
  if (there(checkpoint_) && !run.resume && !run.force) {
    fail(ErrorKind::usage,
         "{}: the checkpoint of an unfinished study; --resume goes on with it, --force starts over",
         checkpoint_);
  }
  io::check_output(checkpoint_, true);
}

bool StudyFiles::resumes(const std::string& path) const {
  return run_.resume && !path.empty() && there(path);
}

void StudyFiles::keep(const Bytes& bytes) {
  const std::chrono::duration<double> since = Clock::now() - saved_;
  if (checkpoint_.empty() || since.count() < run_.checkpoint_seconds) return;
  try {
    io::write_file(checkpoint_, bytes());
  } catch (const Error& error) {
    warn("{}; the study goes on", error.what());
  }
  saved_ = Clock::now();
}

void StudyFiles::stop(const std::string& reason, const std::string& done, const Bytes& bytes,
                      StudyOutcome& outcome) const {
  if (checkpoint_.empty()) {
    fail(ErrorKind::failed, "stopped by {}; nothing is saved: there is no output file", reason);
  }
  io::write_file(checkpoint_, bytes());
  outcome.stopped = true;
  outcome.message =
      fmt::format("stopped by {}: {} are done, saved in {}; the same command with --resume goes on",
                  reason, done, checkpoint_);
}

void StudyFiles::finish(const Bytes& bytes) const {
  if (run_.output.empty()) return;
  io::write_file(run_.output, bytes());
  if (!checkpoint_.empty()) ::unlink(checkpoint_.c_str());
}

}  // namespace rn::study
