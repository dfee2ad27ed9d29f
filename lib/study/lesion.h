// Lesions: what a study does to a trained network's residual blocks (Veit, Wilber and Belongie
// 2016, arXiv 1605.06431, sections 4.1 and 4.2), as data. Running them is prefix_tree.h.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "models/network.h"

namespace rn::study {

// One block of the path that images take: which one runs there, and what is left of it.
struct Place {
  std::int64_t block = 0;  // index in the table
  double branch = 1;       // factor of the branch; 0: deleted (a projection or padding stays)
  double shortcut = 1;     // factor of the shortcut
  double noise = 0;        // of the block's output, in root mean squares of each image's
  auto operator<=>(const Place&) const = default;
};

struct Lesion {
  std::string name;           // "intact", "stage2.block1", "k3-t7"
  std::int64_t k = 0;         // how many blocks are deleted, or swaps done
  std::int64_t trial = 0;     // of this k, from 0
  std::vector<Place> places;  // one a block, in the order they run
  bool operator==(const Lesion&) const = default;
};

enum class Study {
  delete_each,      // every block in turn (Figs 3, 4)
  delete_set,       // the named ones together
  keep_only,        // all but the named ones
  delete_random,    // k at random, T times (Fig 5a)
  shuffle,          // k swaps of exchangeable blocks, T times (Fig 5b)
  delete_shortcut,  // the converse: every block's shortcut in turn
  noise,            // every block's output in turn
  shapley,          // each block's share in the accuracy, T permutations
  pairs,            // every two blocks together
};
const char* to_string(Study study);          // "delete-each", ...
Study parse_study(const std::string& text);  // errors: usage

struct LesionOptions {
  Study study = Study::delete_each;
  std::vector<std::string> names;  // of blocks: delete_set, keep_only
  std::vector<std::int64_t> ks;    // delete_random: deleted; shuffle: swaps
  std::int64_t trials = 1;         // of each k; shapley: permutations
  double sigma = 0;                // noise
  std::uint64_t seed = 1;
};

// The lesions of a study, the intact network first. A pure function of table, options and seed.
// Errors (usage): unknown blocks (listing the valid ones), k larger than what there is, a network
// without blocks, nothing that can be exchanged.
std::vector<Lesion> lesions_of(const models::NetworkSpec& spec, const LesionOptions& options);

// Pairs of blocks (indices, first < second) that may change places: of one stage and shape, not
// down-sampling.
std::vector<std::pair<std::int64_t, std::int64_t>> exchangeable(const models::NetworkSpec& spec);

}  // namespace rn::study
