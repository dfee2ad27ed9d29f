// Blocks as results tell of them: a table in the file's group "blocks", whatever the study.
#pragma once

#include <string>
#include <vector>

#include "io/h5.h"
#include "models/network_spec.h"

namespace rn::study {

// Of networks in results: some of what follows from these takes time that grows with the square.
constexpr std::int64_t most_blocks = 10000;

struct StudyBlock {
  std::string name, stage;
  bool downsamples = false, shared_preactivation = false;
  bool operator==(const StudyBlock&) const = default;
};

std::vector<StudyBlock> blocks_of(const models::NetworkSpec& spec);

bool any_shares_preactivation(const std::vector<StudyBlock>& blocks);

void write_blocks(io::H5& file, const std::vector<StudyBlock>& blocks);
// Errors (input): damaged, none, more than most_blocks.
std::vector<StudyBlock> read_blocks(const io::H5& file);

}  // namespace rn::study
