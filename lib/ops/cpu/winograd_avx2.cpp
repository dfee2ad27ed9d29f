// Winograd's passes for AVX2: 16 registers of 8 floats. Compiled with -mavx2 -mfma.
#include "ops/cpu/winograd_passes.h"

#if defined(__AVX2__) && defined(__FMA__)
#define RN_VECTOR_BYTES 32
#define RN_ROWS 6
#define RN_FORWARD_BYTES (64 << 10)
#define RN_WEIGHTS_BYTES (256 << 10)
#include "ops/cpu/winograd_passes.inc"
namespace rn::ops::cpu {
const WinogradPasses* const winograd_avx2 = &passes;
}
#else
namespace rn::ops::cpu {
const WinogradPasses* const winograd_avx2 = nullptr;
}
#endif
