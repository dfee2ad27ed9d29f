#include <algorithm>

#include "ops/cpu/lanes.h"
#include "ops/cpu/ops.h"

namespace rn::ops::cpu {
namespace {

// body(row of the whole, row of the part), lanes in parallel.
template <class F>
void for_rows(const Tensor& rows, F&& body) {
  const std::int32_t* at = rows.data<std::int32_t>();
  parallel_for(lanes(), [&](int lane) {
    const Range range = lane_range(rows.dim(0), lanes(), lane);
    for (std::int64_t i = range.begin; i < range.end; ++i) body(at[i], i);
  });
}

}  // namespace

void index_select(const Tensor& input, const Tensor& rows, const Tensor& output) {
  with_activation(input.dtype(), "index_select", [&]<class T>() {
    const std::int64_t size = input.dim(0) > 0 ? input.size() / input.dim(0) : 0;
    for_rows(rows, [&](std::int64_t whole, std::int64_t part) {
      std::copy_n(input.data<T>() + whole * size, size, output.data<T>() + part * size);
    });
  });
}

void index_add(const Tensor& input, const Tensor& rows, const Tensor& output) {
  with_activation(input.dtype(), "index_add", [&]<class T>() {
    const std::int64_t size = output.dim(0) > 0 ? output.size() / output.dim(0) : 0;
    for_rows(rows, [&](std::int64_t whole, std::int64_t part) {
      T* to = output.data<T>() + whole * size;
      const T* from = input.data<T>() + part * size;
      for (std::int64_t k = 0; k < size; ++k) to[k] = T(to[k] + from[k]);
    });
  });
}

}  // namespace rn::ops::cpu
