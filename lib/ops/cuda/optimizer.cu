// The optimizer step on the GPU: all parameters in few launches. A first pass computes every new
// value and writes nothing but the number of the first parameter that would not stay finite; the
// second pass commits unless there is one.
#include <limits>

#include "ops/cuda/launch.h"
#include "ops/cuda/ops.h"

namespace rn::ops::cuda {
namespace {

constexpr int table_size = 64;  // parameters a launch: the table stays below 4 KB of arguments
constexpr int none = std::numeric_limits<int>::max();

template <class T>
struct Entry {
  T *value, *slot;
  const T* gradient;
  std::int64_t size;
  T lr, weight_decay;
};

template <class T>
struct Table {
  Entry<T> entries[table_size];
  int first;  // number of entries[0]
  T momentum;
  bool nesterov;
};

template <class T>
struct Updated {
  T value, slot;
};

// Both passes round alike: every product and sum is spelled out.
template <class T>
__device__ Updated<T> update(const Table<T>& table, const Entry<T>& entry, std::int64_t i) {
  const T value = entry.value[i];
  const T g = fma(entry.weight_decay, value, entry.gradient[i]);
  const T slot = fma(table.momentum, entry.slot[i], g);
  const T step = table.nesterov ? fma(table.momentum, slot, g) : slot;
  return {fma(-entry.lr, step, value), slot};
}

template <class T>
__global__ void sgd_check_kernel(Table<T> table, int* first_bad) {
  const Entry<T>& entry = table.entries[blockIdx.y];
  bool bad = false;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
       i < entry.size; i += step) {
    const Updated<T> to = update(table, entry, i);
    bad |= !isfinite(to.value) || !isfinite(to.slot);
  }
  if (bad) atomicMin(first_bad, table.first + static_cast<int>(blockIdx.y));
}

template <class T>
__global__ void sgd_commit_kernel(Table<T> table, const int* first_bad) {
  if (*first_bad != none) return;
  const Entry<T>& entry = table.entries[blockIdx.y];
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
       i < entry.size; i += step) {
    const Updated<T> to = update(table, entry, i);
    entry.value[i] = to.value;
    entry.slot[i] = to.slot;
  }
}

// Calls body(table, grid) for each group of parameters.
template <class T, class F>
void for_tables(const Sgd& attr, std::span<const SgdParameter> parameters, F&& body) {
  for (std::size_t begin = 0; begin < parameters.size(); begin += table_size) {
    const std::size_t count = std::min<std::size_t>(table_size, parameters.size() - begin);
    Table<T> table{};
    table.first = static_cast<int>(begin);
    table.momentum = static_cast<T>(attr.momentum);
    table.nesterov = attr.nesterov;
    std::int64_t largest = 1;
    for (std::size_t i = 0; i < count; ++i) {
      const SgdParameter& from = parameters[begin + i];
      table.entries[i] = {pointer<T>(from.value),
                          pointer<T>(from.momentum),
                          pointer<T>(from.gradient),
                          from.value.size(),
                          static_cast<T>(attr.lr * from.lr_scale),
                          static_cast<T>(from.weight_decay)};
      largest = std::max(largest, from.value.size());
    }
    const auto blocks = static_cast<unsigned>(std::min<std::int64_t>((largest + 255) / 256, 64));
    body(table, dim3(blocks, static_cast<unsigned>(count)));
  }
}

}  // namespace

int sgd_step(const Sgd& attr, std::span<const SgdParameter> parameters, Stream& stream) {
  return with_float(parameters[0].value.dtype(), "sgd_step", [&]<class T>() {
    int* first_bad = scratch<int>(stream, 1);
    int result = none;
    copy_async(first_bad, stream.device(), &result, rn::cpu, sizeof result, stream);
    for_tables<T>(attr, parameters, [&](const Table<T>& table, dim3 grid) {
      launch("sgd_step", sgd_check_kernel<T>, grid, dim3(256), stream, table, first_bad);
    });
    for_tables<T>(attr, parameters, [&](const Table<T>& table, dim3 grid) {
      launch("sgd_step", sgd_commit_kernel<T>, grid, dim3(256), stream, table, first_bad);
    });
    copy_async(&result, rn::cpu, first_bad, stream.device(), sizeof result, stream);
    stream.synchronize();
    return result == none ? -1 : result;
  });
}

}  // namespace rn::ops::cuda
