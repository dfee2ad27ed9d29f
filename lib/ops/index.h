// Rows of the first axis by number (as torch.index_select and index_add): some images of a batch.
#pragma once

#include "tensor/tensor.h"

namespace rn::ops {

// output[i] := input[rows[i]]. input [N, ...], rows i32 [n] with values in [0, N), on the CPU;
// output [n, ...], overwritten. Errors: shape, rows out of range.
void index_select(const Tensor& input, const Tensor& rows, const Tensor& output,
                  Stream& stream = cpu_stream());

// output[rows[i]] += input[i], added. rows without repetition.
void index_add(const Tensor& input, const Tensor& rows, const Tensor& output,
               Stream& stream = cpu_stream());

}  // namespace rn::ops
