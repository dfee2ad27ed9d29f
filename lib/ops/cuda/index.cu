// Rows by number on the GPU. The numbers come from the CPU and travel as arguments of the launch, a
// few hundred at a time: no copy to wait for.
#include "ops/cuda/launch.h"
#include "ops/cuda/ops.h"
#include "ops/cuda/values.h"
#include "ops/index.h"

namespace rn::ops::cuda {
namespace {

constexpr int table_size = 512;
struct Rows {
  std::int32_t rows[table_size];
};

template <class T>
__global__ void select_kernel(Rows table, std::int64_t size, const T* from, T* to) {
  const std::int64_t row = table.rows[blockIdx.y];
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += step) {
    to[blockIdx.y * size + i] = from[row * size + i];
  }
}

template <class T>
__global__ void add_kernel(Rows table, std::int64_t size, const T* from, T* to) {
  const std::int64_t row = table.rows[blockIdx.y];
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += step) {
    T& at = to[row * size + i];
    at = stored_as<T>(widen(at) + widen(from[blockIdx.y * size + i]));
  }
}

// body(table, first row of the part, its rows, grid)
template <class F>
void for_tables(const Tensor& rows, std::int64_t size, F&& body) {
  const auto all = rows.span<std::int32_t>();
  for (std::size_t first = 0; first < all.size() && size > 0; first += table_size) {
    const std::size_t count = std::min<std::size_t>(table_size, all.size() - first);
    Rows table{};
    std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(first), count, table.rows);
    const auto blocks = static_cast<unsigned>(std::min<std::int64_t>((size + 255) / 256, 64));
    body(table, static_cast<std::int64_t>(first) * size,
         dim3(blocks, static_cast<unsigned>(count)));
  }
}

}  // namespace

void index_select(const Tensor& input, const Tensor& rows, const Tensor& output, Stream& stream) {
  const std::int64_t size = output.dim(0) > 0 ? output.size() / output.dim(0) : 0;
  with_activation(input.dtype(), "index_select", [&]<class T>() {
    for_tables(rows, size, [&](const Rows& table, std::int64_t first, dim3 grid) {
      launch("index_select", select_kernel<T>, grid, dim3(256), stream, table, size,
             pointer<T>(input), pointer<T>(output) + first);
    });
  });
}

void index_add(const Tensor& input, const Tensor& rows, const Tensor& output, Stream& stream) {
  const std::int64_t size = input.dim(0) > 0 ? input.size() / input.dim(0) : 0;
  with_activation(input.dtype(), "index_add", [&]<class T>() {
    for_tables(rows, size, [&](const Rows& table, std::int64_t first, dim3 grid) {
      launch("index_add", add_kernel<T>, grid, dim3(256), stream, table, size,
             pointer<T>(input) + first, pointer<T>(output));
    });
  });
}

}  // namespace rn::ops::cuda
