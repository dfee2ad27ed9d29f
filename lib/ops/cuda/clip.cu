#include "ops/cuda/elements.h"
#include "ops/cuda/ops.h"

namespace rn::ops::cuda {
namespace {

template <class T>
struct ClipAt {
  T scale, limit;
  T* x;
  __device__ void operator()(std::int64_t i) const {
    const T v = scale * x[i];
    x[i] = v > limit ? limit : v < -limit ? -limit : v;
  }
};

}  // namespace

void clip(const Clip& attr, const Tensor& x, Stream& stream) {
  with_float(x.dtype(), "clip", [&]<class T>() {
    const ClipAt<T> body{static_cast<T>(attr.scale), static_cast<T>(attr.limit), pointer<T>(x)};
    launch_elements("clip", x.size(), body, stream);
  });
}

}  // namespace rn::ops::cuda
