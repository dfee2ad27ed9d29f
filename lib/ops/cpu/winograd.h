// 3x3 convolutions of stride 1 in f32 with fewer multiplications (Winograd's F(2x2, 3x3): Lavin and
// Gray 2015, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308, section 4.1):
// 16 for every 2x2 outputs and pair of channels, where the direct way takes 36. Weights' gradients
// are the transposed algorithm. Rounding errors are two to three times those of the direct way.
//
// The passes are compiled once for each instruction set (winograd_avx2.cpp, winograd_avx512.cpp),
// whatever the rest is compiled for; the processor chooses.
#pragma once

#include <cstdint>

#include "ops/cpu/conv_kernel.h"

namespace rn::ops::cpu {

// Padded by 1, so outputs are as large as inputs. Channels are multiples of `winograd_channels`.
inline constexpr std::int64_t winograd_channels = 16;
struct WinogradShape {
  std::int64_t images = 0, h = 0, w = 0, in = 0, out = 0;
};

struct WinogradPasses {
  // Floats of memory that a pass works in.
  std::int64_t (*space)(const WinogradShape&);
  // y := conv(x) + bias [+ y]. x NHWC; u [16][out / 16][in][16]: the transformed weights; bias
  // [out] or null; y NHWC.
  void (*convolve)(const WinogradShape&, const float* x, const float* u, const float* bias,
                   bool sum, float* y, float* space);
  // d [3][3][in][out] := the weights' gradient, of x and the gradient g of y.
  void (*weights)(const WinogradShape&, const float* x, const float* g, float* d, float* space);
};
// Null: compiled without.
extern const WinogradPasses* const winograd_avx2;
extern const WinogradPasses* const winograd_avx512;

// u of convolve: of weights [out][3][3][in], or, turned, of [in][3][3][out] for the gradient of the
// input: that is a convolution with the kernels turned by 180 degrees.
void winograd_weights(const WinogradShape& shape, bool turned, const float* weights, float* u);

// The kernel of a pass, from a cache that lives as long as the program; null where the direct way
// is taken: other convolutions, other processors, channels that are no multiples.
const ConvKernel<float>* winograd_kernel(ConvPass pass, const ConvGeometry& geometry, int tile,
                                         Epilogue epilogue);

}  // namespace rn::ops::cpu
