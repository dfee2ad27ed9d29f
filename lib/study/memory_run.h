// Runs what revnet-memprof is asked for.
#pragma once

#include <string>
#include <vector>

#include "base/progress.h"
#include "study/memory_result.h"

namespace rn::study {

struct MemoryRun {
  std::vector<std::string> archs;
  std::vector<std::int64_t> units;   // blocks of every stage, one network each; empty: as they are
  std::vector<std::int64_t> widths;  // empty: the architecture's own
  std::vector<train::MemoryMode> modes;
  bool every_mode = false;  // of these, those that each network can be kept in
  std::vector<Dtype> precisions = {Dtype::f32};
  std::int64_t batch = 100;
  std::int64_t classes = 0;      // 0: the architecture's own
  std::int64_t size = 0;         // height and width of the images; 0: the architecture's own
  std::int64_t steps = 0;        // to be timed, of each network and mode in turn
  bool exactness = true;         // of the reverse sweep, for what can be reversed
  std::int64_t train_steps = 0;  // over which the angle is followed
  double lr = 0.1;               // of these
  std::string data = "synth:shapes";
  std::int64_t fit = 0;                                // bytes: look for what fits
  std::int64_t most_units = 1000, most_batch = 65536;  // and where to stop
  std::uint64_t seed = 1;
  Device device = cpu;
  Progress* progress = nullptr;
};

// Errors: usage (nothing to run; what does not go together), numeric, failed.
MemoryResult run_memory(const MemoryRun& run);

// The cases that would be run, with their multiply-adds.
MemoryResult plan_memory(const MemoryRun& run);
std::string plan_text(const MemoryResult& plan);

// The spec of one of the run's networks. Errors: usage, input.
models::NetworkSpec spec_of(const MemoryRun& run, const std::string& arch, std::int64_t units);

// The most units at the run's batch, and the largest batch, that fit into run.fit bytes of Buffers.
// Errors (failed): not even the smallest fits.
std::vector<MemoryResult::Limit> fit_memory(const MemoryRun& run, const std::string& arch,
                                            const train::MemoryMode& mode, Dtype dtype);

}  // namespace rn::study
