// Pooling, NHWC.
#pragma once

#include "ops/operand.h"

namespace rn::ops {

// output [N, C] := mean over H, W of the operand's value [N, H, W, C]. Overwritten. Output and
// d_output are f32 beside bf16 activations: features are as wide as the classifier behind them.
void global_average_pool_forward(const Operand& input, const Tensor& output,
                                 Stream& stream = cpu_stream());
// d_input := mask * d_output / (H * W), the gradient with respect to f1(x1) + f2(x2), [N, H, W, C],
// overwritten; reductions are of it.
void global_average_pool_backward(const Tensor& d_output, const Operand& input,
                                  const Tensor& d_input, const Reductions& reductions = {},
                                  Stream& stream = cpu_stream());

enum class PoolKind { max, average };
struct Pool2d {
  PoolKind kind = PoolKind::max;
  int kernel = 2, stride = 2,
      pad = 0;         // padded cells never win a maximum and are not averaged, ...
  bool zeros = false;  // ... or are zeros that take part like any other
};
// input [N, H, W, C] -> output [N, P, Q, C], P = (H + 2*pad - kernel) / stride + 1. Overwritten.
void pool_forward(const Pool2d& pool, const Tensor& input, const Tensor& output,
                  Stream& stream = cpu_stream());
// d_input overwritten; a maximum's gradient goes to its first winner in row order (to the padding,
// where that is as large).
void pool_backward(const Pool2d& pool, const Tensor& input, const Tensor& d_output,
                   const Tensor& d_input, Stream& stream = cpu_stream());

// The parameter-free shortcut (He et al. 2015, option A): input [N, H, W, I] is sub-sampled
// (every stride-th pixel) or averaged (stride x stride), then set into [N, H/s, W/s, O] with
// `front` zero channels before it and O - I - front behind. H and W must be multiples of stride
// when averaging; sub-sampling takes ceil(H / s).
struct PadShortcut {
  int stride = 1;
  bool average = false;
  int front = 0;
};
void pad_shortcut_forward(const PadShortcut& shortcut, const Tensor& input, const Tensor& output,
                          Stream& stream = cpu_stream());
void pad_shortcut_backward(const PadShortcut& shortcut, const Tensor& d_output,
                           const Tensor& d_input, Stream& stream = cpu_stream());

}  // namespace rn::ops
