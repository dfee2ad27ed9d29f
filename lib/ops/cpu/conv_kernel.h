// The bare convolution of a tile of images, as the fused op in cpu/conv.cpp needs it: three passes,
// no transform, one thread. f32: oneDNN; f64: im2col and dgemm.
//
// A kernel is made on the calling thread for one geometry and a largest tile; run() may then be
// called from any thread with 1..tile images. Weights are packed once per call of the op.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

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

// What the forward pass does with its result before it is written: y := conv + bias [+ y].
struct Epilogue {
  bool bias = false, sum = false;
  auto operator<=>(const Epilogue&) const = default;
};

template <class T>
class ConvKernel {
 public:
  virtual ~ConvKernel() = default;
  // Elements of packed weights (forward, backward_data: an input; backward_weights: a result).
  virtual std::int64_t packed_size() const = 0;
  virtual void pack(const T* ohwi, T* packed) const = 0;
  // ohwi += alpha * packed
  virtual void unpack_add(const T* packed, T alpha, T* ohwi) const = 0;
  // forward: (x, packed [, bias]) -> y;  backward_data: (g, packed) -> dx; overwritten, but for the
  // sum of an epilogue.
  virtual void run(int images, const T* from, const T* packed, T* to,
                   const T* bias = nullptr) const = 0;
  // backward_weights: (x, g) -> packed, overwritten.
  virtual void run_weights(int images, const T* x, const T* g, T* packed) const = 0;
};

// From a cache that lives as long as the program. Only f32 has epilogues.
template <class T>
const ConvKernel<T>& conv_kernel(ConvPass pass, const ConvGeometry& geometry, int tile,
                                 Epilogue epilogue = {});

}  // namespace rn::ops::cpu
