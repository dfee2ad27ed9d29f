// Batch normalisation's vectors on the GPU: a thread a channel, the arithmetic of the CPU's (in
// double; shifts from the scales as rounded).
#include <algorithm>

#include "ops/cuda/flagged.h"
#include "ops/cuda/norm.h"
#include "ops/cuda/ops.h"

namespace rn::ops::cuda {
namespace {

template <class T>
__global__ void forward_kernel(NormForwardAt<T> at) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (c >= at.channels) return;
  at(c, at.batch_mean ? at.batch_mean[c] : at.running_mean[c],
     at.batch_mean ? at.batch_m2[c] / at.count : at.running_var[c]);
}

template <class T>
struct BackwardAt {
  std::int64_t channels;
  const double* sums;
  double share, gate;
  const T *gamma, *mean, *inv_std;
  T *p, *q, *r, *d_gamma, *d_beta;
};

template <class T>
__global__ void backward_kernel(BackwardAt<T> at) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (c >= at.channels) return;
  const double s0 = at.sums[c], s1 = at.sums[at.channels + c];
  const double inv = at.inv_std[c], scale = at.gate * at.gamma[c] * inv;
  if (at.d_gamma) at.d_gamma[c] += static_cast<T>(at.gate * inv * s1);
  if (at.d_beta) at.d_beta[c] += static_cast<T>(at.gate * s0);
  at.p[c] = static_cast<T>(scale);
  const T slope = static_cast<T>(-scale * inv * inv * s1 * at.share);
  if (at.q) at.q[c] = slope;
  if (at.r) {
    at.r[c] = static_cast<T>(-scale * s0 * at.share - static_cast<double>(slope) * at.mean[c]);
  }
}

constexpr std::size_t update_table = 48;  // norms a launch: below 4 KB of arguments

template <class T>
struct UpdateAt {
  const double *batch_mean, *batch_m2;
  T *mean, *var;
  std::int64_t channels;
  double momentum, share;
};
template <class T>
struct UpdateTable {
  UpdateAt<T> of[update_table];
  int first;  // number of of[0]
};

// What an update does: nothing but look, and flag the first that would not stay finite; or commit,
// unless one of `count` flags is set.
enum class Update { check, commit };

template <class T, Update what>
__global__ void update_kernel(UpdateTable<T> table, std::int32_t* flags, int count) {
  for (int k = 0; what == Update::commit && k < count; ++k) {
    if (flags[k] != unflagged) return;
  }
  const UpdateAt<T>& at = table.of[blockIdx.y];
  bool bad = false;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
       c < at.channels; c += step) {
    const double keep = 1 - at.momentum;
    const T mean = static_cast<T>(keep * at.mean[c] + at.momentum * at.batch_mean[c]);
    const T var = static_cast<T>(keep * at.var[c] + at.momentum * at.batch_m2[c] * at.share);
    if constexpr (what == Update::commit) {
      at.mean[c] = mean;
      at.var[c] = var;
    }
    bad |= !isfinite(mean) || !isfinite(var);
  }
  if (what == Update::check && bad) atomicMin(flags, table.first + static_cast<int>(blockIdx.y));
}

dim3 grid_of(std::int64_t channels) { return dim3(static_cast<unsigned>((channels + 127) / 128)); }

}  // namespace

void batch_norm_forward(const BatchNormForward& args, Stream& stream) {
  const std::int64_t channels = args.gamma.size();
  if (channels == 0) return;
  with_float(args.gamma.dtype(), "batch_norm_forward", [&]<class T>() {
    const NormForwardAt<T> at(args);
    launch("batch_norm_forward", forward_kernel<T>, grid_of(channels), dim3(128), stream, at);
  });
}

void batch_norm_backward(const BatchNormBackward& args, Stream& stream) {
  const std::int64_t channels = args.gamma.size();
  if (channels == 0) return;
  with_float(args.gamma.dtype(), "batch_norm_backward", [&]<class T>() {
    const BackwardAt<T> at{channels,
                           pointer<double>(args.sums),
                           args.count > 0 ? 1 / static_cast<double>(args.count) : 0,
                           args.gate,
                           pointer<T>(args.gamma),
                           pointer<T>(args.mean),
                           pointer<T>(args.inv_std),
                           pointer<T>(args.p),
                           pointer<T>(args.q),
                           pointer<T>(args.r),
                           pointer<T>(args.d_gamma),
                           pointer<T>(args.d_beta)};
    launch("batch_norm_backward", backward_kernel<T>, grid_of(channels), dim3(128), stream, at);
  });
}

namespace {

template <Update what>
void update(std::span<const BatchNormUpdate> updates, std::int32_t* flags, int count,
            Stream& stream) {
  with_float(updates[0].running_mean.dtype(), "batch_norm_update", [&]<class T>() {
    for (std::size_t i = 0; i < updates.size();) {
      UpdateTable<T> table{};
      table.first = static_cast<int>(i);
      std::int64_t largest = 0;
      unsigned filled = 0;
      // A norm that comes again waits for the next launch.
      const auto has = [&](const T* mean) {
        return std::any_of(table.of, table.of + filled, [&](auto& at) { return at.mean == mean; });
      };
      for (; i < updates.size() && filled < update_table; ++i) {
        const BatchNormUpdate& u = updates[i];
        if (has(pointer<T>(u.running_mean))) break;
        table.of[filled++] = {pointer<double>(u.moments.mean),
                              pointer<double>(u.moments.m2),
                              pointer<T>(u.running_mean),
                              pointer<T>(u.running_var),
                              u.running_mean.size(),
                              u.momentum,
                              1 / static_cast<double>(u.moments.count - (u.unbiased ? 1 : 0))};
        largest = std::max(largest, u.running_mean.size());
      }
      if (largest == 0) continue;
      launch("batch_norm_update", update_kernel<T, what>, dim3(grid_of(largest).x, filled),
             dim3(128), stream, table, flags, count);
    }
  });
}

}  // namespace

void batch_norm_update(std::span<const BatchNormUpdate> updates, Stream& stream) {
  update<Update::commit>(updates, nullptr, 0, stream);
}

void batch_norm_check(std::span<const BatchNormUpdate> updates, const Tensor& flags,
                      std::int64_t flag, Stream& stream) {
  update<Update::check>(updates, pointer<std::int32_t>(flags) + flag, 1, stream);
}

void batch_norm_update(std::span<const BatchNormUpdate> updates, const Tensor& flags,
                       Stream& stream) {
  update<Update::commit>(updates, pointer<std::int32_t>(flags), static_cast<int>(flags.size()),
                         stream);
}

}  // namespace rn::ops::cuda
