// What passes between the frames of a clip. Frames are images [N*T, ..., C], clip by clip; `frames`
// is T. A temporal convolution (a K x KH x KW kernel) is a gathering of neighbours and a
// convolution over K times the channels; so whatever the fused convolution does is done for it too.
#pragma once

#include "ops/operand.h"

namespace rn::ops {

struct Taps {
  std::int64_t frames = 1;
  int taps = 3;  // K: odd
};

// output [N*T, H, W, K*C]: at frame t and channel k*C + c the value of channel c at frame
// t + k - K/2, zero beyond the clip's ends. Overwritten.
void temporal_gather(const Taps& taps, const Operand& input, const Tensor& output,
                     Stream& stream = cpu_stream());

// d_input := mask * (the sum of what each value has been copied to + shortcut), the gradient with
// respect to f1(x1) + f2(x2), overwritten; reductions are of it.
struct TemporalScatter {
  Tensor d_output;  // [N*T, H, W, K*C]
  Operand input;    // as in forward
  Tensor shortcut;  // [N*T, H, W, C], optional
  Tensor d_input;   // [N*T, H, W, C]
  Reductions reductions;
};
void temporal_gather_backward(const Taps& taps, const TemporalScatter& args,
                              Stream& stream = cpu_stream());

// The maximum over windows of frames, without padding: [N*T, ...] -> [N*P, ...] with
// P = (T - size) / stride + 1. Overwritten.
struct TemporalMaxPool {
  std::int64_t frames = 1;
  int size = 5, stride = 2;
};
void temporal_max_pool_forward(const TemporalMaxPool& pool, const Tensor& input,
                               const Tensor& output, Stream& stream = cpu_stream());
// d_input overwritten; a maximum's gradient goes to the first frame that has it.
void temporal_max_pool_backward(const TemporalMaxPool& pool, const Tensor& input,
                                const Tensor& d_output, const Tensor& d_input,
                                Stream& stream = cpu_stream());

}  // namespace rn::ops
