// Files that come with the tools (recipes, figure styles), found from where the executable is: in
// ../share/resnet-tools when installed, in ../../share in the source tree.
#pragma once

#include <string>

namespace rn::cli {

// The path of "figures/curves.gp", or "" if it is not there.
std::string find_shared(const std::string& name);

}  // namespace rn::cli
