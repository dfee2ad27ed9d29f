// Winograd's passes (winograd.h), one set for each instruction set. Files that are compiled for a
// processor that may not be there include this and nothing else: an inline function of the standard
// library, compiled there, could be the copy that the linker keeps for all.
#pragma once

#include <cstdint>

namespace rn::ops::cpu {

// Padded by 1, so outputs are as large as inputs. Channels are multiples of `winograd_granule`;
// outputs are multiplied in panels, the last one filled up by zeros.
inline constexpr std::int64_t winograd_granule = 8, winograd_panel = 16;
struct WinogradShape {
  std::int64_t images = 0, h = 0, w = 0, in = 0, out = 0;
  [[gnu::always_inline]] constexpr std::int64_t padded_out() const {  // no copy to choose
    return (out + winograd_panel - 1) / winograd_panel * winograd_panel;
  }
};

struct WinogradPasses {
  // Floats of memory that a pass works in.
  std::int64_t (*space)(const WinogradShape&);
  // y := conv(x) + bias [+ y]. x NHWC; u [16][padded out / 16][in][16]: the transformed weights;
  // bias [out] or null; y NHWC.
  void (*convolve)(const WinogradShape&, const float* x, const float* u, const float* bias,
                   bool sum, float* y, float* space);
  // d [3][3][in][padded out] := the weights' gradient, of x and the gradient g of y.
  void (*weights)(const WinogradShape&, const float* x, const float* g, float* d, float* space);
};
// Null: compiled without.
extern const WinogradPasses* const winograd_avx2;
extern const WinogradPasses* const winograd_avx512;

}  // namespace rn::ops::cpu
