#include "base/rng.h"
#include "ops/cuda/elements.h"
#include "ops/cuda/ops.h"
#include "ops/cuda/philox.h"

namespace rn::ops::cuda {
namespace {

template <class T>
struct DropoutAt {
  RngAt rng;
  double p;
  T scale;
  std::int64_t first_row, columns;
  T* x;
  __device__ void operator()(std::int64_t i) const {
    const auto row = static_cast<std::uint32_t>(first_row + i / columns);
    x[i] *= rng.uniform(row, i % columns) < p ? T(0) : scale;
  }
};

}  // namespace

void dropout(const Dropout& attr, const Tensor& x, Stream& stream) {
  const std::int64_t most = std::int64_t{1} << 32;
  require(attr.step >= 0 && attr.step < most && attr.first_row >= 0 &&
              attr.first_row + x.dim(0) <= most,
          "dropout: step and rows must fit in 32 bits");
  with_float(x.dtype(), "dropout", [&]<class T>() {
    const DropoutAt<T> body{{attr.seed, static_cast<std::uint32_t>(RngPurpose::dropout),
                             static_cast<std::uint32_t>(attr.step)},
                            attr.p,
                            static_cast<T>(1 / (1 - attr.p)),
                            attr.first_row,
                            x.dim(1),
                            pointer<T>(x)};
    launch_elements("dropout", x.size(), body, stream);
  });
}

}  // namespace rn::ops::cuda
