#include "ops/loss.h"

#include "ops/check.h"
#include "ops/cpu/ops.h"
#include "ops/cuda/ops.h"

namespace rn::ops {

void softmax_cross_entropy(const SoftmaxCrossEntropy& attr, const Tensor& logits,
                           const Tensor& labels, const Tensor& losses, const Tensor& d_logits,
                           Stream& stream) {
  const char* who = "softmax_cross_entropy";
  const Check check(who, "logits", logits);
  check.rank("logits", logits, 2);
  if (logits.dim(1) < 1) {
    fail(ErrorKind::shape, "{}: logits is {}, expected at least one class", who, logits.describe());
  }
  check.typed("labels", labels, {logits.dim(0)}, Dtype::i32);
  if (attr.others || attr.shares) {
    check.typed("others", attr.others, {logits.dim(0)}, Dtype::i32);
    check.typed("shares", attr.shares, {logits.dim(0)}, Dtype::f64);
  }
  check.typed("losses", losses, {logits.dim(0)}, Dtype::f64);
  check.optional("d_logits", d_logits, logits.shape());
  if (!(attr.label_smoothing >= 0 && attr.label_smoothing <= 1)) {
    fail(ErrorKind::shape, "{}: label smoothing is {}, expected 0 to 1", who, attr.label_smoothing);
  }
  if (check.on_cpu(stream)) {
    return cpu::softmax_cross_entropy(attr, logits, labels, losses, d_logits);
  }
  cuda::softmax_cross_entropy(attr, logits, labels, losses, d_logits, stream);
}

}  // namespace rn::ops
