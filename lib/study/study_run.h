// What the studies of one model have in common when they run: where model and data are, which part
// is done, where the result goes, and what is kept of it meanwhile.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/progress.h"
#include "base/shard.h"
#include "data/source.h"
#include "io/file.h"
#include "io/json.h"
#include "io/provenance.h"
#include "tensor/tensor.h"

namespace rn::study {

struct StudyRun {
  std::string model;      // path or "-"
  std::string data = {};  // empty: what the model was trained on, if that is built in
  data::Split split = data::Split::test;
  std::int64_t limit = -1;  // the first N images; -1: all
  Shard shard = {};
  Dtype dtype = Dtype::f32;
  Device device = cpu;
  std::int64_t memory_limit = std::int64_t{2} << 30;  // bytes, of what the study says

  std::string output = {};  // result file; empty: none
  bool force = false, resume = false, dry_run = false;
  bool volatile_provenance = true;
  double checkpoint_seconds = 120;  // between checkpoints, beside the output
  io::Provenance provenance = {};
  Progress* progress = nullptr;
  std::function<std::string()> stop = {};  // polled: the reason to stop ("SIGTERM"), or ""

  std::string stopped() const { return stop ? stop() : std::string(); }
};

struct StudyOutcome {
  bool stopped = false;      // saved in OUTPUT.ckpt: the same command with resume goes on
  std::string message = {};  // for the reader, when stopped or nothing was left to do
  std::string plan = {};     // of a dry run
  io::Json json = {};        // of a dry run
};

// The files of a study that can be gone on with: OUTPUT, and OUTPUT.ckpt until that is there.
class StudyFiles {
 public:
  // Errors (usage): an output or a checkpoint that is there, without force or resume; resume
  // without a file.
  explicit StudyFiles(const StudyRun& run);

  const std::string& checkpoint() const { return checkpoint_; }  // "": none
  // Whether to go on from `path`: it is there, and that is asked for.
  bool resumes(const std::string& path) const;

  using Bytes = std::function<io::Bytes()>;
  // Saves a checkpoint if one is due. If that fails, a warning says so, and the study goes on.
  void keep(const Bytes& bytes);
  // Saves a checkpoint and says so in `outcome`: `done`, such as "3 of 10 images". Errors (failed):
  // there is no output, or it cannot be written.
  void stop(const std::string& reason, const std::string& done, const Bytes& bytes,
            StudyOutcome& outcome) const;
  // Writes the output, if there is one, and removes the checkpoint.
  void finish(const Bytes& bytes) const;

 private:
  using Clock = std::chrono::steady_clock;
  const StudyRun& run_;
  std::string checkpoint_;
  Clock::time_point saved_ = Clock::now();
};

}  // namespace rn::study
