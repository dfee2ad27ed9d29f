// Softmax cross-entropy on the GPU: a warp a row, in double. A label outside the classes or a
// share outside [0, 1] cannot be an error here, where nobody waits: it makes the loss NaN, and the
// training stops on that.
#include "ops/cuda/intrinsics.h"
#include "ops/cuda/launch.h"
#include "ops/cuda/ops.h"

namespace rn::ops::cuda {
namespace {

constexpr int rows_a_block = 4;

// The sum over a warp, in a fixed order; of lane 0.
__device__ double warp_sum(double value) {
  for (int by = 16; by > 0; by /= 2) value += shuffle_down(value, by);
  return value;
}

template <class T>
struct LossAt {
  std::int64_t rows, classes;
  double smoothing, scale;
  const T* logits;
  const std::int32_t *labels, *others;  // others and shares: of mixed images, or null
  const double* shares;
  double* losses;
  T* d_logits;
};

template <class T>
__global__ void loss_kernel(LossAt<T> at) {
  __shared__ double shared[rows_a_block][2];
  const int lane = static_cast<int>(threadIdx.x), warp = static_cast<int>(threadIdx.y);
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * rows_a_block + warp;
  const bool live = row < at.rows;
  const T* x = at.logits + (live ? row : 0) * at.classes;
  // The largest logit that is a number greater than the first, as on the CPU.
  double top = x[0];
  for (std::int64_t k = lane; k < at.classes; k += 32) {
    if (x[k] > top) top = x[k];
  }
  for (int by = 16; by > 0; by /= 2) {
    const double other = shuffle_down(top, by);
    if (other > top) top = other;
  }
  if (lane == 0) shared[warp][0] = top;
  __syncthreads();
  top = shared[warp][0];
  double total = 0, gap = 0;
  for (std::int64_t k = lane; k < at.classes; k += 32) {
    total += exp(x[k] - top);
    gap += top - x[k];
  }
  total = warp_sum(total);
  gap = warp_sum(gap);
  const double s = at.smoothing, off = s / static_cast<double>(at.classes);
  const std::int32_t label = live ? at.labels[row] : 0;
  const std::int32_t other = live && at.others ? at.others[row] : label;
  const double share = live && at.shares ? at.shares[row] : 1;
  const bool known = label >= 0 && label < at.classes && other >= 0 && other < at.classes &&
                     share >= 0 && share <= 1;
  const double first = (1 - s) * share, second = (1 - s) * (1 - share);
  if (lane == 0) {
    shared[warp][1] = total;
    const double log_total = log(total);
    double loss = known ? first * (log_total + top - x[label]) : nan("");
    if (known && second > 0) loss += second * (log_total + top - x[other]);
    if (s > 0) loss += s * log_total + off * gap;
    if (live) at.losses[row] = loss;
  }
  __syncthreads();
  total = shared[warp][1];
  if (!live || !at.d_logits) return;
  T* d = at.d_logits + row * at.classes;
  for (std::int64_t k = lane; k < at.classes; k += 32) {
    const double target = off + (k == label ? first : 0) + (k == other ? second : 0);
    d[k] = static_cast<T>(at.scale * (exp(x[k] - top) / total - target));
  }
}

}  // namespace

void softmax_cross_entropy(const SoftmaxCrossEntropy& attr, const Tensor& logits,
                           const Tensor& labels, const Tensor& losses, const Tensor& d_logits,
                           Stream& stream) {
  const std::int64_t rows = logits.dim(0);
  if (rows == 0) return;
  with_float(logits.dtype(), "softmax_cross_entropy", [&]<class T>() {
    const LossAt<T> at{rows,
                       logits.dim(1),
                       attr.label_smoothing,
                       attr.scale,
                       pointer<T>(logits),
                       pointer<std::int32_t>(labels),
                       pointer<std::int32_t>(attr.others),
                       pointer<double>(attr.shares),
                       pointer<double>(losses),
                       pointer<T>(d_logits)};
    launch("softmax_cross_entropy", loss_kernel<T>,
           dim3(static_cast<unsigned>((rows + rows_a_block - 1) / rows_a_block)),
           dim3(32, rows_a_block), stream, at);
  });
}

}  // namespace rn::ops::cuda
