// What training keeps for its backward passes.
#pragma once

#include <cstdint>
#include <string>

#include "models/network.h"

namespace rn::train {

enum class Activations {
  stored,        // all of them
  checkpointed,  // every k-th block's input; the others are computed again, k blocks at a time
  reversible,    // of blocks that can be inverted nothing: their inputs are computed from outputs
};

struct MemoryMode {
  Activations activations = Activations::stored;
  std::int64_t segment = 0;  // checkpointed: blocks in one; 0: the root of how many there are
  // Fractional bits of the reversible stream, -1: floating point. A stream on the grid of multiples
  // of 2^-q makes the three modes the same, bit by bit.
  int fixed_bits = -1;
};

// "stored", "checkpointed", "checkpointed:K" or "reversible"; "float", "fixed" (q = 12) or
// "fixed:Q", Q from 0 to 20. Errors: usage.
void parse_activations(const std::string& text, MemoryMode& mode);
void parse_stream(const std::string& text, MemoryMode& mode);
std::string activations_name(const MemoryMode& mode);  // as they are parsed
std::string stream_name(const MemoryMode& mode);

// Errors (usage): the network has no reversible blocks, for what needs some.
void check(const MemoryMode& mode, const models::NetworkSpec& spec);
// Sets the network and a training pass accordingly.
void apply(const MemoryMode& mode, models::Network& network, nn::Pass& pass);

}  // namespace rn::train
