#include <cmath>

#include "base/parallel.h"
#include "ops/cpu/ops.h"

namespace rn::ops::cpu {
namespace {

// One row. A logit that is not finite makes the loss NaN; none is skipped.
template <class T>
double softmax_row(const SoftmaxCrossEntropy& attr, const T* logits, std::int64_t classes,
                   std::int64_t label, T* d_logits) {
  double top = logits[0];
  for (std::int64_t k = 1; k < classes; ++k) {
    if (logits[k] > top) top = logits[k];
  }
  double total = 0, gap = 0;  // of exp(logit - top), of top - logit
  for (std::int64_t k = 0; k < classes; ++k) {
    total += std::exp(logits[k] - top);
    gap += top - logits[k];
  }
  const double log_total = std::log(total);
  const double s = attr.label_smoothing, off = s / static_cast<double>(classes);
  double loss = (1 - s) * (log_total + top - logits[label]);
  if (s > 0) loss += s * log_total + off * gap;
  if (d_logits) {
    for (std::int64_t k = 0; k < classes; ++k) {
      const double target = off + (k == label ? 1 - s : 0);
      d_logits[k] = static_cast<T>(attr.scale * (std::exp(logits[k] - top) / total - target));
    }
  }
  return loss;
}

}  // namespace

void softmax_cross_entropy(const SoftmaxCrossEntropy& attr, const Tensor& logits,
                           const Tensor& labels, const Tensor& losses, const Tensor& d_logits) {
  const std::int64_t count = logits.dim(0), classes = logits.dim(1);
  const std::int32_t* label = labels.data<std::int32_t>();
  for (std::int64_t n = 0; n < count; ++n) {
    if (label[n] < 0 || label[n] >= classes) {
      fail(ErrorKind::shape, "softmax_cross_entropy: labels[{}] is {}, expected 0 to {}", n,
           label[n], classes - 1);
    }
  }
  with_float(logits.dtype(), "softmax_cross_entropy", [&]<class T>() {
    parallel_for(lanes(), [&](int lane) {
      const Range range = lane_range(count, lanes(), lane);
      for (std::int64_t n = range.begin; n < range.end; ++n) {
        losses.data<double>()[n] =
            softmax_row(attr, logits.data<T>() + n * classes, classes, label[n],
                        d_logits ? d_logits.data<T>() + n * classes : nullptr);
      }
    });
  });
}

}  // namespace rn::ops::cpu
