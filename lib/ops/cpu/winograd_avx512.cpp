// Winograd's passes for AVX-512: 32 registers of 16 floats. Compiled with -mavx512f.
#include "ops/cpu/winograd_passes.h"

#if defined(__AVX512F__)
#define RN_VECTOR_BYTES 64
#define RN_ROWS 12
#define RN_FORWARD_BYTES (192 << 10)
#define RN_WEIGHTS_BYTES (512 << 10)
#include "ops/cpu/winograd_passes.inc"
namespace rn::ops::cpu {
const WinogradPasses* const winograd_avx512 = &passes;
}
#else
namespace rn::ops::cpu {
const WinogradPasses* const winograd_avx512 = nullptr;
}
#endif
