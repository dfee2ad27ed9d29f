// Files that come with the tools (recipes, figure styles), in ../share/resnet-tools from where the
// executable is, before and after installation.
#pragma once

#include <string>

namespace rn::cli {

// The path of "figures/curves.gp", or "" if it is not there.
std::string find_shared(const std::string& name);

}  // namespace rn::cli
