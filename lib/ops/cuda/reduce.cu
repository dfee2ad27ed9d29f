// Reductions over whole tensors on the GPU, in double, in a fixed order. The result is wanted on
// the host: these wait for the stream.
#include <limits>

#include "ops/cuda/ops.h"
#include "ops/cuda/rows.h"

namespace rn::ops::cuda {
namespace {

constexpr int parts = 256;

// partial[block] := sum of f(x[i]), with f x, x^2, or 1 where x is not finite.
enum class Reduced { sum, squares, not_finite };

template <class T, Reduced what>
__global__ void reduce_kernel(std::int64_t size, const T* x, double* partial) {
  __shared__ double shared[block_threads];
  double sum = 0;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += step) {
    const double value = widen(x[i]);
    if constexpr (what == Reduced::sum) sum += value;
    if constexpr (what == Reduced::squares) sum += value * value;
    if constexpr (what == Reduced::not_finite) sum += isfinite(value) ? 0 : 1;
  }
  sum = merge_block_sums(sum, static_cast<int>(threadIdx.x), 1, block_threads, shared);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

constexpr int none = std::numeric_limits<int>::max();
constexpr int list_size = 128;  // tensors a launch: the list stays below 4 KB of arguments

template <class T>
struct List {
  const T* data[list_size];
  std::int64_t sizes[list_size];
  int first;  // number of data[0]
};

template <class T>
__global__ void list_kernel(List<T> list, int* first_bad) {
  bool bad = false;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
       i < list.sizes[blockIdx.y]; i += step) {
    bad |= !isfinite(list.data[blockIdx.y][i]);
  }
  if (bad) atomicMin(first_bad, list.first + static_cast<int>(blockIdx.y));
}

template <Reduced what>
double reduce(const char* op, const Tensor& x, Stream& stream) {
  if (x.size() == 0) return 0;
  double* partial = scratch<double>(stream, parts + 1);
  with_activation(x.dtype(), op, [&]<class T>() {
    launch(op, reduce_kernel<T, what>, dim3(parts), dim3(block_threads), stream, x.size(),
           pointer<T>(x), partial);
  });
  Parts from{.at = partial, .parts = parts, .channels = 1, .quantities = 1};
  launch(op, merge_sums_kernel<1>, dim3(1), dim3(merge_threads), stream, from, partial + parts,
         nullptr);
  double result = 0;
  copy_async(&result, rn::cpu, partial + parts, stream.device(), sizeof result, stream);
  stream.synchronize();
  return result;
}

}  // namespace

bool all_finite(const Tensor& x, Stream& stream) {
  return reduce<Reduced::not_finite>("all_finite", x, stream) == 0;
}

int first_not_finite(std::span<const Tensor> all, Stream& stream) {
  return with_float(all[0].dtype(), "first_not_finite", [&]<class T>() {
    int* first_bad = scratch<int>(stream, 1);
    int result = none;
    copy_async(first_bad, stream.device(), &result, rn::cpu, sizeof result, stream);
    for (std::size_t begin = 0; begin < all.size(); begin += list_size) {
      const std::size_t count = std::min<std::size_t>(list_size, all.size() - begin);
      List<T> list{};
      list.first = static_cast<int>(begin);
      std::int64_t largest = 1;
      for (std::size_t i = 0; i < count; ++i) {
        list.data[i] = pointer<T>(all[begin + i]);
        list.sizes[i] = all[begin + i].size();
        largest = std::max(largest, list.sizes[i]);
      }
      const auto blocks = static_cast<unsigned>(std::min<std::int64_t>((largest + 255) / 256, 64));
      launch("first_not_finite", list_kernel<T>, dim3(blocks, static_cast<unsigned>(count)),
             dim3(256), stream, list, first_bad);
    }
    copy_async(&result, rn::cpu, first_bad, stream.device(), sizeof result, stream);
    stream.synchronize();
    return result == none ? -1 : result;
  });
}

double sum(const Tensor& x, Stream& stream) { return reduce<Reduced::sum>("sum", x, stream); }

double sum_squares(const Tensor& x, Stream& stream) {
  return reduce<Reduced::squares>("sum_squares", x, stream);
}

}  // namespace rn::ops::cuda
