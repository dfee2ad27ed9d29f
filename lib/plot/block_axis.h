// An axis along the blocks of a network: numbers inside each stage, below them the stages' names,
// and lines between stages.
#pragma once

#include <string>
#include <vector>

namespace rn::plot {

struct Blocks {
  std::vector<std::string> names;   // "stage2.block17"
  std::vector<std::string> stages;  // "stage2"
  std::vector<bool> downsamples;
  std::size_t size() const { return names.size(); }
  bool operator==(const Blocks&) const = default;
};

// Script lines for axis 'x' or 'y' that is `pixels` long; block i stands at i + 1. Labels that
// would touch are left out. Uses line style 9 for the lines between stages.
std::string block_axis(char axis, const Blocks& blocks, double pixels);

}  // namespace rn::plot
