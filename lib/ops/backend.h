// The libraries under the ops: what bytes depend on besides seed and lanes. For provenance.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace rn::ops {

// The instruction set that oneDNN uses here: "avx512_core_bf16", "avx2", ...
std::string instruction_set();

// Name and version; OpenBLAS with the core whose kernels it runs.
std::vector<std::pair<std::string, std::string>> libraries();

}  // namespace rn::ops
