// Layers of C^k networks on the GPU, in double precision as on the CPU: a thread for each number.
// Sums over images are made by a block each, in a fixed order.
#include "ops/cuda/ck.h"
#include "ops/cuda/elements.h"
#include "ops/cuda/rows.h"

namespace rn::ops::cuda {
namespace {

// The layer, and what x(l+1-i) counts in x(l+1), i = 1 .. k: -(-1)^i C(k, i).
template <class T>
struct Layer {
  const T *weights, *bias, *state;
  std::int64_t d, s;
  int order;
  Curve act;
  double past[ck_most_order] = {0, 0, 0};
  double factor;  // of f

  Layer(const CkStep& step, const Tensor& of_state, const Tensor& of_weights, const Tensor& of_bias)
      : weights(pointer<T>(of_weights)),
        bias(pointer<T>(of_bias)),
        state(pointer<T>(of_state)),
        d(of_weights.dim(0)),
        s(of_state.dim(1)),
        order(step.order),
        act(step.act),
        factor(step.branch) {
    double binomial = 1, sign = 1;
    for (int i = 1; i <= order; ++i) {
      binomial = binomial * (order - i + 1) / i;
      past[i - 1] = sign * binomial * step.shortcut;
      sign = -sign;
      factor *= step.dl;
    }
  }

  // W_i x of image n's first d numbers of `x`.
  __device__ double product(const T* x, std::int64_t n, std::int64_t i, double z) const {
    const T *row = weights + i * d, *from = x + n * s;
    for (std::int64_t j = 0; j < d; ++j)
      z += static_cast<double>(row[j]) * static_cast<double>(from[j]);
    return z;
  }
  __device__ double preactivation(std::int64_t n, std::int64_t i) const {
    return product(state, n, i, static_cast<double>(bias[i]));
  }
  // The part of number i of `x`'s past in its next one.
  __device__ double from_past(const T* x, std::int64_t n, std::int64_t i) const {
    double sum = 0;
    for (int k = 0; k < order; ++k) sum += past[k] * static_cast<double>(x[n * s + k * d + i]);
    return sum;
  }
};

__device__ inline double curve(Curve act, double z) {
  switch (act) {
    case Curve::tanh: return tanh(z);
    case Curve::sigmoid: return 1 / (1 + exp(-z));
    case Curve::relu: return z > 0 ? z : 0;
    case Curve::linear: return z;
  }
  return z;
}

__device__ inline double slope(Curve act, double z) {
  const double e = act == Curve::tanh ? exp(-2 * fabs(z)) : exp(-fabs(z));
  switch (act) {
    case Curve::tanh: return 4 * e / ((1 + e) * (1 + e));  // no cancellation where it is nearly 0
    case Curve::sigmoid: return e / ((1 + e) * (1 + e));
    case Curve::relu: return z > 0 ? 1 : 0;
    case Curve::linear: return 1;
  }
  return 1;
}

template <class T>
struct Forward {
  Layer<T> layer;
  T* y;
  __device__ void operator()(std::int64_t at) const {
    const std::int64_t n = at / layer.s, i = at % layer.s;
    if (i >= layer.d) {  // what was the newest is now one older
      y[at] = layer.state[at - layer.d];
      return;
    }
    const double next =
        layer.factor == 0 ? 0 : layer.factor * curve(layer.act, layer.preactivation(n, i));
    y[at] = static_cast<T>(next + layer.from_past(layer.state, n, i));
  }
};

template <class T>
struct Tangent {
  Layer<T> layer;
  const T* along;
  T* y;
  __device__ void operator()(std::int64_t at) const {
    const std::int64_t n = at / layer.s, i = at % layer.s;
    if (i >= layer.d) {
      y[at] = along[at - layer.d];
      return;
    }
    double next = 0;
    if (layer.factor != 0) {
      next = layer.factor * slope(layer.act, layer.preactivation(n, i)) *
             layer.product(along, n, i, 0);
    }
    y[at] = static_cast<T>(next + layer.from_past(along, n, i));
  }
};

// d_z [N, d], the gradient of what the activation gets.
template <class T>
struct Inner {
  Layer<T> layer;
  const T* g;
  double* d_z;
  __device__ void operator()(std::int64_t at) const {
    const std::int64_t n = at / layer.d, i = at % layer.d;
    d_z[at] = layer.factor == 0 ? 0
                                : layer.factor * slope(layer.act, layer.preactivation(n, i)) *
                                      static_cast<double>(g[n * layer.s + i]);
  }
};

template <class T>
struct Backward {
  Layer<T> layer;
  const T* g;
  const double* d_z;
  T* d_state;
  __device__ void operator()(std::int64_t at) const {
    const std::int64_t n = at / layer.s, i = at % layer.s, d = layer.d;
    double sum = 0;
    const std::int64_t copy = i / d;
    if (copy < layer.order) sum += layer.past[copy] * static_cast<double>(g[n * layer.s + i % d]);
    if (i < layer.s - d) sum += static_cast<double>(g[n * layer.s + d + i]);
    if (i < d) {
      for (std::int64_t k = 0; k < d; ++k)
        sum += d_z[n * d + k] * static_cast<double>(layer.weights[k * d + i]);
    }
    d_state[at] = static_cast<T>(sum);
  }
};

// A block for each weight, and for each bias behind them.
template <class T>
__global__ void weights_kernel(std::int64_t images, std::int64_t d, std::int64_t s, const T* state,
                               const double* d_z, T* d_weights, T* d_bias) {
  __shared__ double shared[block_threads];
  const std::int64_t at = blockIdx.x;
  const bool is_bias = at >= d * d;
  const std::int64_t i = is_bias ? at - d * d : at / d, j = at % d;
  double sum = 0;
  for (std::int64_t n = threadIdx.x; n < images; n += blockDim.x) {
    sum += d_z[n * d + i] * (is_bias ? 1 : static_cast<double>(state[n * s + j]));
  }
  sum = merge_block_sums(sum, static_cast<int>(threadIdx.x), 1, block_threads, shared);
  if (threadIdx.x != 0) return;
  if (!is_bias && d_weights) d_weights[at] += static_cast<T>(sum);
  if (is_bias && d_bias) d_bias[i] += static_cast<T>(sum);
}

template <class T>
struct Lift {
  std::int64_t c, d, s;
  const T* x;
  T* state;
  __device__ void operator()(std::int64_t at) const {
    const std::int64_t i = at % s % d;
    state[at] = i < c ? x[at / s * c + i] : T(0);
  }
};

template <class T>
struct LiftBackward {
  std::int64_t c, d, s;
  const T* d_state;
  T* d_x;
  __device__ void operator()(std::int64_t at) const {
    double sum = 0;
    for (std::int64_t k = 0; k < s; k += d)
      sum += static_cast<double>(d_state[at / c * s + k + at % c]);
    d_x[at] = static_cast<T>(sum);
  }
};

}  // namespace

void ck_forward(const CkStep& step, const Tensor& state, const Tensor& weights, const Tensor& bias,
                const Tensor& output, Stream& stream) {
  with_float(state.dtype(), "ck_forward", [&]<class T>() {
    const Forward<T> body{{step, state, weights, bias}, pointer<T>(output)};
    launch_elements("ck_forward", output.size(), body, stream);
  });
}

void ck_backward(const CkStep& step, const Tensor& d_output, const Tensor& state,
                 const Tensor& weights, const Tensor& bias, const Tensor& d_state,
                 const Tensor& d_weights, const Tensor& d_bias, Stream& stream) {
  const char* op = "ck_backward";
  const std::int64_t images = state.dim(0), d = weights.dim(0);
  if (images == 0) return;
  with_float(state.dtype(), op, [&]<class T>() {
    const Layer<T> layer(step, state, weights, bias);
    double* d_z = scratch<double>(stream, images * d);
    const T* g = pointer<T>(d_output);
    launch_elements(op, images * d, Inner<T>{layer, g, d_z}, stream);
    if (d_state) {
      const Backward<T> body{layer, g, d_z, pointer<T>(d_state)};
      launch_elements(op, d_state.size(), body, stream);
    }
    if (!d_weights && !d_bias) return;
    launch(op, weights_kernel<T>, dim3(static_cast<unsigned>(d * d + d)), dim3(block_threads),
           stream, images, d, layer.s, layer.state, d_z, pointer<T>(d_weights), pointer<T>(d_bias));
  });
}

void ck_tangent(const CkStep& step, const Tensor& d_state, const Tensor& state,
                const Tensor& weights, const Tensor& bias, const Tensor& d_output, Stream& stream) {
  with_float(state.dtype(), "ck_tangent", [&]<class T>() {
    const Tangent<T> body{{step, state, weights, bias}, pointer<T>(d_state), pointer<T>(d_output)};
    launch_elements("ck_tangent", d_output.size(), body, stream);
  });
}

void ck_lift(const Tensor& x, int copies, const Tensor& state, Stream& stream) {
  const std::int64_t s = state.dim(1);
  with_float(x.dtype(), "ck_lift", [&]<class T>() {
    const Lift<T> body{x.dim(1), s / copies, s, pointer<T>(x), pointer<T>(state)};
    launch_elements("ck_lift", state.size(), body, stream);
  });
}

void ck_lift_backward(const Tensor& d_state, int copies, const Tensor& d_x, Stream& stream) {
  const std::int64_t s = d_state.dim(1);
  with_float(d_x.dtype(), "ck_lift_backward", [&]<class T>() {
    const LiftBackward<T> body{d_x.dim(1), s / copies, s, pointer<T>(d_state), pointer<T>(d_x)};
    launch_elements("ck_lift_backward", d_x.size(), body, stream);
  });
}

// The coordinates are the sum of one copy; a gradient of them is one of the first copy alone.
void ck_project(const Tensor& state, const Tensor& x, Stream& stream) {
  const std::int64_t s = state.dim(1);
  with_float(x.dtype(), "ck_project", [&]<class T>() {
    const LiftBackward<T> body{x.dim(1), s, s, pointer<T>(state), pointer<T>(x)};
    launch_elements("ck_project", x.size(), body, stream);
  });
}

void ck_project_backward(const Tensor& d_x, const Tensor& d_state, Stream& stream) {
  const std::int64_t s = d_state.dim(1);
  with_float(d_x.dtype(), "ck_project_backward", [&]<class T>() {
    const Lift<T> body{d_x.dim(1), s, s, pointer<T>(d_x), pointer<T>(d_state)};
    launch_elements("ck_project_backward", d_state.size(), body, stream);
  });
}

}  // namespace rn::ops::cuda
