// Winograd's passes for AVX2: 16 registers of 8 floats. Compiled with -mavx2 -mfma.
#include "ops/cpu/winograd_passes.h"

#if defined(__AVX2__) && defined(__FMA__)
namespace rn::ops::cpu {
namespace {
struct Tuning {
  static constexpr int vector_bytes = 32;
  // A product at a time: so many rows, by one panel or, where channels allow, by `wide` vectors.
  static constexpr int rows = 6, wide = 2;
  // The same of the weights' gradients.
  static constexpr int narrow_rows = 6, wide_rows = 6;
  // Transforms that are there at once.
  static constexpr std::int64_t forward_bytes = 64 << 10, weights_bytes = 256 << 10,
                                weights_bytes_of_16 = 256 << 10;
};
}  // namespace
}  // namespace rn::ops::cpu
#include "ops/cpu/winograd_passes.inc"
namespace rn::ops::cpu {
const WinogradPasses* const winograd_avx2 = &passes;
}
#else
namespace rn::ops::cpu {
const WinogradPasses* const winograd_avx2 = nullptr;
}
#endif
