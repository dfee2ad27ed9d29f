// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random
// numbers: as easy as 1, 2, 3"). A value depends only on (seed, purpose, a, b, position): nothing
// has to be saved, nothing drifts on resume, and any thread may draw it.
#pragma once

#include <array>
#include <cstdint>

namespace rn {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

// What the numbers are for; keeps streams of one seed apart. Values are part of the results: never
// renumber, only append.
enum class RngPurpose : std::uint32_t {
  init = 1,     // a = parameter's index in the network
  order = 2,    // a = epoch: order of the training samples
  augment = 3,  // a = epoch, b = sample index
  split = 4,    // validation split
  synth = 5,    // a = split, b = sample index: built-in data sets
  depth = 6,    // a = step, b = block: stochastic depth
  dropout = 7,  // a = step, b = layer
  study = 8,    // a = trial: lesions, sampled paths
  colour = 20,  // a = epoch, b = sample index: of a training image, as the next two
  window = 21,
  erase = 22,
  mix = 23,    // a = epoch, b = batch: mixup, cutmix
  chunk = 24,  // a = epoch, b = clip: frames, window and mirroring of a clip
  test = 99,
};

class Rng {
 public:
  Rng(std::uint64_t seed, RngPurpose purpose, std::uint64_t a = 0, std::uint64_t b = 0);

  std::uint32_t bits();  // uniform 32 bits
  double uniform();      // [0, 1), 53 random bits
  double uniform(double lo, double hi);
  std::uint32_t below(std::uint32_t n);  // 0 .. n-1, unbiased; n > 0
  double normal();                       // N(0, 1), Box-Muller
  bool coin() { return (bits() & 1u) != 0; }

 private:
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
  bool has_spare_ = false;
  double spare_ = 0;
};

}  // namespace rn
