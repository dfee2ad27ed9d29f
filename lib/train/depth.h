// Stochastic depth (Huang, Sun, Liu, Sedra, Weinberger 2016, arXiv 1603.09382): in every training
// step some branches are left out, and not computed; evaluation scales each by its survival.
#pragma once

#include <cstdint>
#include <string>

#include "models/network.h"

namespace rn::train {

enum class DepthDecay {
  linear,   // block l of L dies with probability l / L * rate
  uniform,  // every block with probability rate
};
enum class DepthMode {
  batch,  // one draw for a block and step (Huang et al. 2016)
  row,    // one for every image
};
DepthMode parse_depth_mode(const std::string& text);    // errors: usage
DepthDecay parse_depth_decay(const std::string& text);  // errors: usage

// Sets the survival of every block. Errors (usage): a rate that is not in [0, 1), a network of
// plain layers.
void set_survival(models::NetworkSpec& spec, double rate, DepthDecay decay);

// Opens and closes the blocks' gates for a step: a pure function of (seed, step, block), and by
// row of the image. For images [first, first + count) of the batch.
void draw_depth(models::Network& network, std::uint64_t seed, std::int64_t step, std::int64_t count,
                DepthMode mode = DepthMode::batch, std::int64_t first = 0);

// Training of effective paths (Veit, Wilber and Belongie 2016, section 5): in every step exactly
// `kept` blocks have their branch, drawn without replacement; evaluation has all of them. Sets the
// survival of every block: 1, or with `rescale` the share of steps that a branch is there for,
// which evaluation scales it by. Errors (usage): not 1 to the number of blocks, plain layers.
void set_kept_blocks(models::NetworkSpec& spec, std::int64_t kept, bool rescale);

// Opens the gates of `kept` branches and closes the others: a pure function of (seed, step).
void draw_blocks(models::Network& network, std::uint64_t seed, std::int64_t step,
                 std::int64_t kept);

}  // namespace rn::train
