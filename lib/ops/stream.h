// The two halves of a reversible stream (Gomez et al. 2017), and the grid that makes it exact.
//
// A state is one tensor [2N, H, W, C/2]: rows 0 .. N-1 are the first half of the channels of N
// images, rows N .. 2N-1 the second. States are f32 (beside bf16 activations, too) or f64.
//
// On a grid of step g = 2^-q every value is a multiple of g and at most limit(g) in magnitude, so
// that sums and differences of such values are exact and what was added can be taken away again,
// bit by bit.
#pragma once

#include "ops/operand.h"

namespace rn::ops {

// Largest magnitude of a value on the grid: all multiples of g up to it are numbers of the dtype,
// 2^24 g of f32 and 2^53 g of f64.
double grid_limit(Dtype dtype, double grid);

// output [2N, H, W, C/2] := the halves of the operand's value [N, H, W, C], rounded to the nearest
// (ties to even) multiple of grid if that is > 0. output is of type wide(input's). Overwritten.
// Returns the largest magnitude stored (0 without a grid, NaN left out).
double stream_split(const Operand& input, const Tensor& output, double grid = 0,
                    Stream& stream = cpu_stream());

// output [N, H, W, C] := the halves of `state` [2N, H, W, C/2] side by side, in output's type
// (state's, or bf16 beside f32). Overwritten.
void stream_join(const Tensor& state, const Tensor& output, Stream& stream = cpu_stream());

// output := beta * x + round(alpha * branch), one half of a state. Only the branch is rounded, and
// before it is added: with beta = 1, adding it with -alpha undoes that. Without a grid nothing is
// rounded. Moments are of output as stored. Returns as stream_split does.
struct StreamAdd {
  Tensor x;       // as output; undefined: 0. May be output
  Tensor branch;  // output's type, or bf16 beside f32; undefined: 0
  double alpha = 1, beta = 1;
  double grid = 0;
  Tensor output;  // any shape, channels last
  Moments* moments = nullptr;
};
double stream_add(const StreamAdd& args, Stream& stream = cpu_stream());

// output := the operand's value in output's type: f32 as bf16, bf16 as f32, or as it is.
void convert(const Operand& input, const Tensor& output, Stream& stream = cpu_stream());

}  // namespace rn::ops
