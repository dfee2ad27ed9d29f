#include <cmath>

#include "base/parallel.h"
#include "ops/cpu/ops.h"

namespace rn::ops::cpu {
namespace {

// The target of an image: two labels, and the share of the first.
struct Target {
  std::int64_t label, other;
  double share;
};

void check_labels(const char* name, const Tensor& labels, std::int64_t classes) {
  const std::int32_t* label = labels.data<std::int32_t>();
  for (std::int64_t n = 0; n < labels.size(); ++n) {
    if (label[n] < 0 || label[n] >= classes) {
      fail(ErrorKind::shape, "softmax_cross_entropy: {}[{}] is {}, expected 0 to {}", name, n,
           label[n], classes - 1);
    }
  }
}

// One row. A logit that is not finite makes the loss NaN; none is skipped.
template <class T>
double softmax_row(const SoftmaxCrossEntropy& attr, const T* logits, std::int64_t classes,
                   const Target& target, T* d_logits) {
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
  const double first = (1 - s) * target.share, second = (1 - s) * (1 - target.share);
  double loss = first * (log_total + top - logits[target.label]);
  if (second > 0) loss += second * (log_total + top - logits[target.other]);
  if (s > 0) loss += s * log_total + off * gap;
  if (d_logits) {
    for (std::int64_t k = 0; k < classes; ++k) {
      const double wanted =
          off + (k == target.label ? first : 0) + (k == target.other ? second : 0);
      d_logits[k] = static_cast<T>(attr.scale * (std::exp(logits[k] - top) / total - wanted));
    }
  }
  return loss;
}

}  // namespace

void softmax_cross_entropy(const SoftmaxCrossEntropy& attr, const Tensor& logits,
                           const Tensor& labels, const Tensor& losses, const Tensor& d_logits) {
  const std::int64_t count = logits.dim(0), classes = logits.dim(1);
  check_labels("labels", labels, classes);
  if (attr.others) check_labels("others", attr.others, classes);
  for (std::int64_t n = 0; attr.shares && n < count; ++n) {
    const double share = attr.shares.data<double>()[n];
    if (!(share >= 0 && share <= 1)) {
      fail(ErrorKind::shape, "softmax_cross_entropy: shares[{}] is {}, expected 0 to 1", n, share);
    }
  }
  with_float(logits.dtype(), "softmax_cross_entropy", [&]<class T>() {
    parallel_for(lanes(), [&](int lane) {
      const Range range = lane_range(count, lanes(), lane);
      for (std::int64_t n = range.begin; n < range.end; ++n) {
        const std::int64_t label = labels.data<std::int32_t>()[n];
        const Target target{label, attr.others ? attr.others.data<std::int32_t>()[n] : label,
                            attr.shares ? attr.shares.data<double>()[n] : 1.0};
        losses.data<double>()[n] =
            softmax_row(attr, logits.data<T>() + n * classes, classes, target,
                        d_logits ? d_logits.data<T>() + n * classes : nullptr);
      }
    });
  });
}

}  // namespace rn::ops::cpu
