// The libraries under the ops: what bytes depend on besides seed and lanes. For provenance.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace rn::ops {

// How the CPU multiplies bf16: by its own instructions, or widened to f32 on the way into the
// cache. Either way factors are bf16 and sums f32. Widened where there are no instructions, and
// where they are slower: VDPBF16PS of Intel's cores has half the rate of f32, so that only AMX
// makes up for it (Emerald Rapids: 88 against 181 GFLOP/s a core), while AMD's has twice the rate.
enum class Bf16 { native, widened };
Bf16 bf16_arithmetic();
const char* to_string(Bf16 arithmetic);  // "native", "widened"
bool has_native_bf16();
// Instead of the choice by processor, for tests and benchmarks. Errors: device, if it is absent.
void set_bf16_arithmetic(Bf16 arithmetic);

// Errors: device, where it cannot compute with activations of this dtype.
void require_dtype(Dtype dtype, Device device);

// The instruction set that oneDNN uses here: "avx512_core_bf16", "avx2", ...
std::string instruction_set();

// Name and version; OpenBLAS with the core whose kernels it runs.
std::vector<std::pair<std::string, std::string>> libraries();

}  // namespace rn::ops
