// Sums of losses and errors of a batch: one block, a warp a row, in a fixed order.
#include "ops/cuda/flagged.h"
#include "ops/cuda/intrinsics.h"
#include "ops/cuda/launch.h"

namespace rn::ops::cuda {
namespace {

constexpr int tally_threads = 512;

template <class T>
struct TallyAt {
  std::int64_t rows, classes;
  const T* logits;
  const double* losses;
  const std::int32_t *labels, *others;
  const double* shares;
  double* report;
  std::int32_t* flag;
};

template <class T>
__global__ void tally_kernel(TallyAt<T> at) {
  constexpr int warps = tally_threads / 32;
  __shared__ double sums[warps], errors[warps];
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  double sum = 0, wrong = 0;
  for (std::int64_t row = warp; row < at.rows; row += warps) {
    const T* x = at.logits + row * at.classes;
    // The first of the largest; what is no number is never larger.
    T most = x[0];
    std::int32_t best = 0;
    for (std::int64_t k = lane; k < at.classes; k += 32) {
      if (x[k] > most) {
        most = x[k];
        best = static_cast<std::int32_t>(k);
      }
    }
    for (int by = 16; by > 0; by /= 2) {
      const T other = shuffle_xor(most, by);
      const std::int32_t where = shuffle_xor(best, by);
      if (other > most || (other == most && where < best)) {
        most = other;
        best = where;
      }
    }
    if (lane != 0) continue;
    const bool second = at.others && at.shares[row] < 0.5;
    wrong += best != (second ? at.others : at.labels)[row] ? 1 : 0;
    sum += at.losses[row];
  }
  if (lane == 0) {
    sums[warp] = sum;
    errors[warp] = wrong;
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int k = 1; k < warps; ++k) {
    sum += sums[k];
    wrong += errors[k];
  }
  at.report[0] = sum;
  at.report[1] = wrong;
  if (!isfinite(sum)) *at.flag = 0;
}

}  // namespace

void tally(const Tally& args, Stream& stream) {
  with_float(args.logits.dtype(), "tally", [&]<class T>() {
    const TallyAt<T> at{args.logits.dim(0),
                        args.logits.dim(1),
                        pointer<T>(args.logits),
                        pointer<double>(args.losses),
                        pointer<std::int32_t>(args.labels),
                        pointer<std::int32_t>(args.others),
                        pointer<double>(args.shares),
                        pointer<double>(args.report),
                        pointer<std::int32_t>(args.flags) + args.flag};
    launch("tally", tally_kernel<T>, dim3(1), dim3(tally_threads), stream, at);
  });
}

}  // namespace rn::ops::cuda
