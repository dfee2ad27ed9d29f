// 3x3 convolutions of stride 1 in f32 with fewer multiplications (Winograd's F(2x2, 3x3): Lavin and
// Gray 2015, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308, section 4.1):
// 16 for every 2x2 outputs and pair of channels, where the direct way takes 36. Weights' gradients
// are the transposed algorithm. Rounding errors are two to three times those of the direct way.
//
// The passes are compiled once for each instruction set (winograd_avx2.cpp, winograd_avx512.cpp),
// whatever the rest is compiled for; the processor chooses.
#pragma once

#include "ops/cpu/conv_kernel.h"
#include "ops/cpu/winograd_passes.h"

namespace rn::ops::cpu {

// u of convolve: of weights [out][3][3][in], or, turned, of [in][3][3][out] for the gradient of the
// input: that is a convolution with the kernels turned by 180 degrees.
void winograd_weights(const WinogradShape& shape, bool turned, const float* weights, float* u);

// The kernel of a pass, from a cache that lives as long as the program; null where the direct way
// is taken: other convolutions, other processors, channels that are no multiples.
const ConvKernel<float>* winograd_kernel(ConvPass pass, const ConvGeometry& geometry, int tile,
                                         Epilogue epilogue);

}  // namespace rn::ops::cpu
