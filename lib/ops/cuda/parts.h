// Sums over the parts that blocks have left, by a launch of its own: a block a channel, in a fixed
// order. What is computed from them at once goes along.
#pragma once

#include "ops/cuda/launch.h"
#include "ops/cuda/values.h"

namespace rn::ops::cuda {

constexpr int merge_threads = 256;

// The moments of some values.
struct Sample {
  double count = 0, mean = 0, m2 = 0;
  __device__ void merge(const Sample& other) {  // Chan, Golub, LeVeque 1979
    if (other.count == 0) return;
    const double total = count + other.count, delta = other.mean - mean;
    m2 += other.m2 + delta * delta * count * other.count / total;
    mean += delta * other.count / total;
    count = total;
  }
};

// What parts of an op leave behind for each channel, `quantities` sums: [quantity, C, part].
struct Parts {
  double* at = nullptr;
  std::int64_t parts = 0, channels = 0;
  int quantities = 0;
  std::int64_t doubles() const { return quantities * parts * channels; }
  __device__ double* of(int quantity, std::int64_t c) const {
    return at + (quantity * channels + c) * parts;
  }
};

// The moments of a part's values: count, sum, and the sum of squares about the part's own mean.
struct PartMoments : Parts {
  PartMoments(std::int64_t of_parts, std::int64_t of_channels) {
    parts = of_parts;
    channels = of_channels;
    quantities = 3;
  }
  __device__ void set(std::int64_t part, std::int64_t c, const Sample& sample) const {
    of(0, c)[part] = sample.count;
    of(1, c)[part] = sample.count * sample.mean;
    of(2, c)[part] = sample.m2;
  }
  // Of `count` values: their sum and that of their squares, both after `pivot` was taken away.
  __device__ void set(std::int64_t part, std::int64_t c, double count, double pivot, double sum,
                      double square) const {
    of(0, c)[part] = count;
    of(1, c)[part] = count * pivot + sum;
    const double rest = count > 0 ? square - sum * sum / count : 0;
    of(2, c)[part] = rest < 0 ? 0 : rest;  // rounding; NaN stays
  }
};

// The sum over a block of merge_threads, for every thread; a fixed order. Ends with a barrier.
__device__ inline double merge_over_block(double sum) {
  constexpr int warps = merge_threads / 32;
  __shared__ double shared[warps];
  for (int by = 16; by > 0; by /= 2) sum += shuffle_down(sum, by);
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = sum;
  __syncthreads();
  double total = 0;
  for (int k = 0; k < warps; ++k) total += shared[k];
  __syncthreads();
  return total;
}

// totals[q] of one channel, a block for each, for every thread; a fixed order.
template <int quantities>
__device__ void merge_parts(const Parts& from, std::int64_t c, double (&totals)[quantities]) {
  constexpr int warps = merge_threads / 32, warps_each = warps / quantities;
  __shared__ double shared[warps];
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const double* sums = from.of(warp / warps_each, c);
  double sum = 0;
#pragma unroll 4
  for (std::int64_t part = warp % warps_each * 32 + lane; part < from.parts;
       part += warps_each * 32) {
    sum += sums[part];
  }
  for (int by = 16; by > 0; by /= 2) sum += shuffle_down(sum, by);
  if (lane == 0) shared[warp] = sum;
  __syncthreads();
  for (int q = 0; q < quantities; ++q) {
    totals[q] = 0;
    for (int k = 0; k < warps_each; ++k) totals[q] += shared[q * warps_each + k];
  }
}

// What is done with a channel's moments at once.
struct NoNorm {
  __device__ void operator()(std::int64_t, double, double) const {}
};

// Chan, Golub, LeVeque 1979: squares about the parts' means, and of these about the whole's.
template <class Norm>
static __global__ void merge_moments_kernel(Parts from, double count, double* mean, double* m2,
                                            Norm norm) {
  const std::int64_t c = blockIdx.x;
  const double *counts = from.of(0, c), *sums = from.of(1, c), *squares = from.of(2, c);
  double sum = 0;
#pragma unroll 4
  for (std::int64_t part = threadIdx.x; part < from.parts; part += merge_threads) {
    sum += sums[part];
  }
  const double total = merge_over_block(sum), average = count > 0 ? total / count : 0;
  double rest = 0;
#pragma unroll 4
  for (std::int64_t part = threadIdx.x; part < from.parts; part += merge_threads) {
    const double n = counts[part];
    if (n == 0) continue;
    const double away = sums[part] / n - average;
    rest += squares[part] + n * away * away;
  }
  rest = merge_over_block(rest);
  if (threadIdx.x != 0) return;
  mean[c] = average;
  m2[c] = rest;
  norm(c, average, rest / count);
}

// merged[q, c] for the quantities of each wanted reduction.
template <int quantities>
static __global__ void merge_sums_kernel(Parts from, double* first, double* second) {
  const std::int64_t c = blockIdx.x;
  double totals[quantities];
  merge_parts(from, c, totals);
  if (threadIdx.x != 0) return;
  first[c] = totals[0];
  if (quantities > 1) first[from.channels + c] = totals[1];
  if (quantities > 2) {
    second[c] = totals[2];
    second[from.channels + c] = totals[3];
  }
}

template <class Norm = NoNorm>
void merge_moments(const char* op, const Parts& parts, const Moments& to, Stream& stream,
                   const Norm& norm = {}) {
  if (parts.channels == 0) return;
  launch(op, merge_moments_kernel<Norm>, dim3(static_cast<unsigned>(parts.channels)),
         dim3(merge_threads), stream, parts, static_cast<double>(to.count),
         pointer<double>(to.mean), pointer<double>(to.m2), norm);
}

// The sums of the reductions of a gradient d: of d and of d * (against - center), for each that is
// wanted, in slots.
template <class T>
struct ReductionsAt {
  const T* against[2] = {nullptr, nullptr};
  const Wide<T>* center[2] = {nullptr, nullptr};
  int wanted = 0;  // 0, 1 or 2: the first ones
  Parts partial;

  ReductionsAt() = default;
  ReductionsAt(const Reductions& from, std::int64_t parts, std::int64_t channels) {
    for (const Reduction& reduction : from) {
      if (!reduction.sums) continue;
      against[wanted] = pointer<T>(reduction.against);
      center[wanted++] = pointer<Wide<T>>(reduction.center);
    }
    partial.parts = parts;
    partial.channels = channels;
    partial.quantities = 2 * wanted;
  }

  void merge(const char* op, const Reductions& to, Stream& stream) const {
    if (wanted == 0 || partial.channels == 0) return;
    double* sums[2] = {nullptr, nullptr};
    int slot = 0;
    for (const Reduction& reduction : to) {
      if (reduction.sums) sums[slot++] = pointer<double>(reduction.sums);
    }
    launch(op, wanted == 1 ? merge_sums_kernel<2> : merge_sums_kernel<4>,
           dim3(static_cast<unsigned>(partial.channels)), dim3(merge_threads), stream, partial,
           sums[0], sums[1]);
  }
};

}  // namespace rn::ops::cuda
