// The bare convolution of a tile of images, as the fused op in cpu/conv.cpp needs it: three passes,
// no transform, one thread. f32 and bf16: oneDNN; f64: im2col and dgemm.
//
// A kernel is made on the calling thread for one geometry and a largest tile; run() may then be
// called from any thread with 1..tile images. Weights are packed once per call of the op; they come
// and their gradients leave as Wide<T>.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "tensor/bfloat16.h"

namespace rn::ops::cpu {

struct ConvGeometry {
  std::int64_t h = 0, w = 0, i = 0;  // input: rows, columns, channels
  std::int64_t p = 0, q = 0, o = 0;  // output
  std::int64_t kh = 0, kw = 0;
  int sh = 1, sw = 1, ph = 0, pw = 0;
  auto operator<=>(const ConvGeometry&) const = default;
  std::int64_t input_size() const { return h * w * i; }  // elements of one image
  std::int64_t output_size() const { return p * q * o; }
  std::int64_t weights_size() const { return o * kh * kw * i; }
};

enum class ConvPass { forward, backward_data, backward_weights };

// What becomes of the result before it is written. Forward: y := conv + bias [+ y].
struct Epilogue {
  bool bias = false, sum = false;
  bool wide = false;  // forward, backward_data: written as Wide<T>, by run_wide
  auto operator<=>(const Epilogue&) const = default;
};

template <class T>
class ConvKernel {
 public:
  using W = Wide<T>;
  virtual ~ConvKernel() = default;
  // Elements of packed weights: T where they are an input (forward, backward_data), W where they
  // are a result (backward_weights).
  virtual std::int64_t packed_size() const = 0;
  virtual void pack(const W* ohwi, T* packed) const = 0;
  // ohwi += alpha * packed
  virtual void unpack_add(const W* packed, W alpha, W* ohwi) const = 0;
  // forward: (x, packed [, bias]) -> y;  backward_data: (g, packed) -> dx; overwritten, but for the
  // sum of an epilogue.
  virtual void run(int images, const T* from, const T* packed, T* to,
                   const W* bias = nullptr) const = 0;
  // The same, the result as W. bf16: needs an epilogue that is wide.
  virtual void run_wide(int images, const T* from, const T* packed, W* to) const = 0;
  // backward_weights: (x, g) -> packed, overwritten.
  virtual void run_weights(int images, const T* x, const T* g, W* packed) const = 0;
};

// From a cache that lives as long as the program. Only f32 adds bias and sum. Errors: device, where
// the processor has no instructions for T.
template <class T>
const ConvKernel<T>& conv_kernel(ConvPass pass, const ConvGeometry& geometry, int tile,
                                 Epilogue epilogue = {});

// oneDNN's, also where conv_kernel takes fewer multiplications: what bench-conv puts beside it.
const ConvKernel<float>& direct_kernel(ConvPass pass, const ConvGeometry& geometry, int tile,
                                       Epilogue epilogue = {});

}  // namespace rn::ops::cpu
