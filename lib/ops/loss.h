// Softmax cross-entropy.
#pragma once

#include "tensor/tensor.h"

namespace rn::ops {

// losses [N] (f64) := -log softmax(logits [N, K])[label], with label smoothing s: the target is
// (1 - s) * onehot + s / K. d_logits [N, K], if defined, := scale * (softmax - target).
// labels: i32 [N]. Where images are mixed of two (mixup, cutmix), `others` i32 [N] are the second
// labels and `shares` f64 [N], in [0, 1], those of the first: onehot is then
// share * onehot(label) + (1 - share) * onehot(other). Both or neither.
// Errors: shape; a label outside [0, K) is a shape error too (sources check data).
struct SoftmaxCrossEntropy {
  double label_smoothing = 0;
  double scale = 1;  // usually 1 / N
  Tensor others = {}, shares = {};
};
void softmax_cross_entropy(const SoftmaxCrossEntropy& attr, const Tensor& logits,
                           const Tensor& labels, const Tensor& losses, const Tensor& d_logits,
                           Stream& stream = cpu_stream());

}  // namespace rn::ops
