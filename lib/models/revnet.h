// The networks of "The Reversible Residual Network" (Gomez, Ren, Urtasun, Grosse 2017), and the
// pre-activation ResNets they are compared with, after the configurations published with the paper:
// shortcuts that average and pad on both sides (basic) or project without a norm (bottleneck),
// stride in the first convolution, TensorFlow's padding, eps 1e-3 and a momentum of 0.01.
#pragma once

#include <string>
#include <vector>

#include "models/catalog.h"

namespace rn::models {

struct Revnet {
  const char* name;
  bool reversible, bottleneck, imagenet;
  std::vector<std::int64_t> units;   // blocks of every stage
  std::vector<std::int64_t> widths;  // of the stem and of every stage; bottleneck: a quarter of it
};

const std::vector<Revnet>& revnets();
const Revnet* find_revnet(const std::string& name);  // null: there is none of that name
std::string what(const Revnet& net);                 // one line

// Errors: usage, for options that it has not, or that do not go together; input, see check(spec)
// (widths that have no halves).
NetworkSpec revnet_spec(const Revnet& net, const ArchOptions& options);

}  // namespace rn::models
