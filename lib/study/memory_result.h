// What revnet-memprof finds: where the bytes of a training step are, what they cost in time, and
// how exact the reverse sweep is. Written as a result file (docs/man/resnet-h5.5, kind "memory").
#pragma once

#include <string>
#include <vector>

#include "io/h5.h"
#include "io/json.h"
#include "study/macs.h"
#include "study/memory_step.h"

namespace rn::study {

struct MemoryResult {
  std::int64_t batch = 0, steps = 0, train_steps = 0;
  std::uint64_t seed = 1;
  std::string data;  // of the steps that were trained; empty: none were

  // One network, kept in one way.
  struct Case {
    std::string arch;
    std::int64_t units = 0;  // of every stage; 0: those of the architecture
    std::int64_t depth = 0;  // layers
    std::string activations, stream, precision;
    std::int64_t batch = 0;
    StepAccount account;
    Macs macs;                                  // of an image
    std::array<double, phase_count> seconds{};  // medians over steps; 0: not timed
    double step_seconds = 0;                    // median of whole steps
    double units_or_blocks() const {
      return units > 0 ? static_cast<double>(units) : static_cast<double>(account.blocks);
    }
  };
  std::vector<Case> cases;
  // Its step time over that of the same network with stored activations; 0: not both timed.
  double against_stored(const Case& one) const;

  struct Reconstructed {
    std::string arch, stream, precision;
    std::int64_t units = 0;
    std::string block;
    double relative = 0, largest = 0;
  };
  std::vector<Reconstructed> reconstructed;

  // Between the gradients of stored and of reconstructed activations.
  struct Angle {
    std::string arch, stream, precision;
    std::int64_t units = 0;
    std::int64_t step = 0;  // of training; 0: at initialisation
    double degrees = 0, loss = 0;
  };
  std::vector<Angle> angles;

  // Peak activation bytes over units: a straight line, and a power.
  struct Fit {
    std::string arch, activations, stream, precision;
    double bytes_per_unit = 0, exponent = 0;
    std::int64_t points = 0;
  };
  std::vector<Fit> fits() const;

  // The most that fits, and was run; one more did not.
  struct Limit {
    std::string arch, activations, stream, precision;
    std::int64_t memory = 0;
    std::string what;       // "units" at this batch, or "batch" at these units
    std::int64_t most = 0;  // 0: nothing fits
    std::int64_t units = 0, batch = 0;
    std::int64_t bytes = 0;  // peak of the step that was run
    bool at_least = false;   // the search ended before memory did
  };
  std::vector<Limit> limits;
};

io::H5 to_h5(const MemoryResult& result);
MemoryResult read_memory(const io::H5& file);  // errors (input): another kind of file, damaged

std::string to_text(const MemoryResult& result);
enum class MemoryTable { cases, peaks, timeline, reconstruction, angles, fits, limits };
std::string to_table(const MemoryResult& result, MemoryTable table);  // TSV with a header row
io::Json to_json(const MemoryResult& result);

}  // namespace rn::study
