// Winograd's passes for AVX-512: 32 registers of 16 floats. Compiled with -mavx512f.
#include "ops/cpu/winograd_passes.h"

#if defined(__AVX512F__)
namespace rn::ops::cpu {
namespace {
struct Tuning {
  static constexpr int vector_bytes = 64;
  // A product at a time: so many rows, by one panel or, where channels allow, by `wide` vectors.
  static constexpr int rows = 12, wide = 2;
  // The same of the weights' gradients.
  static constexpr int narrow_rows = 16, wide_rows = 8;
  // Transforms that are there at once.
  static constexpr std::int64_t forward_bytes = 24 << 10, weights_bytes = 512 << 10,
                                weights_bytes_of_16 = 24 << 10;
};
}  // namespace
}  // namespace rn::ops::cpu
#include "ops/cpu/winograd_passes.inc"
namespace rn::ops::cpu {
const WinogradPasses* const winograd_avx512 = &passes;
}
#else
namespace rn::ops::cpu {
const WinogradPasses* const winograd_avx512 = nullptr;
}
#endif
