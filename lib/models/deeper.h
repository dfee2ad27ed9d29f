// Deep and wide pre-activation networks: bottlenecks for CIFAR (He et al. 2016), wide ResNets
// (Zagoruyko and Komodakis 2016), and ResNet-200.
#pragma once

#include <optional>
#include <vector>

#include "models/catalog.h"

namespace rn::models {

std::vector<ArchEntry> deeper_archs();

// Nothing where the name is none of these. Errors (usage): options that they do not have.
std::optional<NetworkSpec> deeper_arch(const std::string& name, const ArchOptions& options);

}  // namespace rn::models
