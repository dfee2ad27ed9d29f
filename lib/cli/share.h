// Files that come with the tools (recipes, figure styles), in ../share/resnet-tools from where the
// executable is, before and after installation.
#pragma once

#include <string>
#include <vector>

namespace rn::cli {

// The path of "figures/curves.gp", or "" if it is not there.
std::string find_shared(const std::string& name);

// Files of a folder there, without their extension, sorted.
std::vector<std::string> shared_stems(const std::string& folder, const std::string& extension);

}  // namespace rn::cli
