// Training steps on numbers drawn at random, whose memory is accounted for: by tag and phase, and
// along the way.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "device/ledger.h"
#include "models/network.h"
#include "train/memory_mode.h"
#include "train/optimizer.h"

namespace rn::study {

enum class Phase { forward, backward, update };
inline constexpr int phase_count = 3;
const char* to_string(Phase phase);

using TagBytes = std::array<std::int64_t, tag_count>;

struct PhaseBytes {
  TagBytes live{}, peak{};  // at its end; the most during it
  std::int64_t peak_total = 0;
};

// After one layer of one direction.
struct TimelinePoint {
  Phase phase = Phase::forward;
  std::string where;        // "stem", "stage1.block1", ..., "head", "optimizer"
  TagBytes live{};          // by the Ledger; of activations, what the pool holds
  std::int64_t in_use = 0;  // of these, what somebody needs
};

struct StepAccount {
  std::array<PhaseBytes, phase_count> phases;
  std::vector<TimelinePoint> timeline;
  std::int64_t resident_growth = 0;  // peak of the process over what it was before the network
  std::int64_t parameters = 0, blocks = 0;
  std::int64_t peak(Tag tag) const;  // over the phases
  std::int64_t peak_total() const;
};

class MemoryStep {
 public:
  MemoryStep(const models::NetworkSpec& spec, Dtype dtype, const train::MemoryMode& mode,
             std::int64_t batch, std::uint64_t seed, Device device = cpu);

  models::Network& network() { return network_; }

  // One step, as train::Stepper makes it. Returns the seconds of each phase. Errors: numeric, where
  // a fixed-point stream overflows; failed, beyond the Ledger's limit.
  std::array<double, phase_count> run();
  StepAccount account();  // of one step

  // Gradients of the loss at the parameters as they are, as one vector, with activations kept in
  // this mode. With images and labels of the caller's, where given.
  std::vector<double> gradient(const train::MemoryMode& mode, const Tensor& images = {},
                               const Tensor& labels = {});
  double loss() const { return loss_; }  // of the last pass: mean over images

  // Of the reverse sweep: how far each block's input, computed from the output that the sweep has,
  // is from the one there was. In forward order, blocks that are inverted only.
  struct Reconstruction {
    std::string block;
    double relative = 0;  // root mean square of the difference over that of the input
    double largest = 0;   // difference
  };
  std::vector<Reconstruction> reconstruct();

 private:
  void forward_backward(const train::MemoryMode& mode, const Tensor& images, const Tensor& labels,
                        nn::Trace* trace, const std::function<void(Phase)>& done);

  TensorPool pool_;
  models::Network network_;
  train::MemoryMode mode_;
  std::optional<train::Optimizer> sgd_;
  models::Saved saved_;
  Tensor images_, labels_, losses_, d_logits_;
  double loss_ = 0;
};

// Runs `body` on threads of its own, so that memory that threads keep for themselves is its own.
void on_fresh_threads(const std::function<void()>& body);

// Between two vectors, in degrees; exact for small angles. 0 if both are zero.
double angle_between(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace rn::study
