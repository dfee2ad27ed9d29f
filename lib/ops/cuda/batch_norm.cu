// Batch normalisation's vectors on the GPU: a thread a channel, the arithmetic of the CPU's (in
// double; shifts from the scales as rounded).
#include "ops/cuda/launch.h"
#include "ops/cuda/ops.h"

namespace rn::ops::cuda {
namespace {

template <class T>
struct ForwardAt {
  std::int64_t channels;
  const double *batch_mean, *batch_m2;
  double count;
  const T *running_mean, *running_var, *gamma, *beta;
  double eps, gate;
  T *scale, *shift, *mean, *inv_std;
};

template <class T>
__global__ void forward_kernel(ForwardAt<T> at) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (c >= at.channels) return;
  const double mean = at.batch_mean ? at.batch_mean[c] : at.running_mean[c];
  const double var = at.batch_mean ? at.batch_m2[c] / at.count : at.running_var[c];
  const double inv_std = 1 / sqrt(var + at.eps);
  const T scale = static_cast<T>(at.gate * at.gamma[c] * inv_std);
  at.scale[c] = scale;
  at.shift[c] = static_cast<T>(at.gate * at.beta[c] - static_cast<double>(scale) * mean);
  at.mean[c] = static_cast<T>(mean);
  at.inv_std[c] = static_cast<T>(inv_std);
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

template <class T>
__global__ void update_kernel(std::int64_t channels, const double* batch_mean,
                              const double* batch_m2, double momentum, double share, T* mean,
                              T* var) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (c >= channels) return;
  mean[c] = static_cast<T>((1 - momentum) * mean[c] + momentum * batch_mean[c]);
  var[c] = static_cast<T>((1 - momentum) * var[c] + momentum * batch_m2[c] * share);
}

dim3 grid_of(std::int64_t channels) { return dim3(static_cast<unsigned>((channels + 127) / 128)); }

}  // namespace

void batch_norm_forward(const BatchNormForward& args, Stream& stream) {
  const std::int64_t channels = args.gamma.size();
  if (channels == 0) return;
  with_float(args.gamma.dtype(), "batch_norm_forward", [&]<class T>() {
    const Moments* moments = args.moments;
    const ForwardAt<T> at{channels,
                          moments ? pointer<double>(moments->mean) : nullptr,
                          moments ? pointer<double>(moments->m2) : nullptr,
                          moments ? static_cast<double>(moments->count) : 0,
                          pointer<T>(args.running_mean),
                          pointer<T>(args.running_var),
                          pointer<T>(args.gamma),
                          pointer<T>(args.beta),
                          args.eps,
                          args.gate,
                          pointer<T>(args.affine.scale),
                          pointer<T>(args.affine.shift),
                          pointer<T>(args.mean),
                          pointer<T>(args.inv_std)};
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

void batch_norm_update(const Moments& moments, double momentum, bool unbiased,
                       const Tensor& running_mean, const Tensor& running_var, Stream& stream) {
  const std::int64_t channels = running_mean.size();
  if (channels == 0) return;
  with_float(running_mean.dtype(), "batch_norm_update", [&]<class T>() {
    const double share = 1 / static_cast<double>(moments.count - (unbiased ? 1 : 0));
    launch("batch_norm_update", update_kernel<T>, grid_of(channels), dim3(128), stream, channels,
           pointer<double>(moments.mean), pointer<double>(moments.m2), momentum, share,
           pointer<T>(running_mean), pointer<T>(running_var));
  });
}

}  // namespace rn::ops::cuda
