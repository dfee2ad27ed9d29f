#include "base/parallel.h"
#include "base/rng.h"
#include "ops/cpu/ops.h"

namespace rn::ops::cpu {

void dropout(const Dropout& attr, const Tensor& x) {
  const std::int64_t rows = x.dim(0), columns = x.dim(1);
  with_float(x.dtype(), "dropout", [&]<class T>() {
    const T scale = static_cast<T>(1 / (1 - attr.p));
    parallel_for(lanes(), [&](int lane) {
      const Range range = lane_range(rows, lanes(), lane);
      for (std::int64_t n = range.begin; n < range.end; ++n) {
        Rng rng(attr.seed, RngPurpose::dropout, static_cast<std::uint64_t>(attr.step),
                static_cast<std::uint64_t>(attr.first_row + n));
        T* row = x.data<T>() + n * columns;
        for (std::int64_t c = 0; c < columns; ++c) row[c] *= rng.uniform() < attr.p ? T(0) : scale;
      }
    });
  });
}

}  // namespace rn::ops::cpu
