#include "base/parallel.h"
#include "ops/cpu/ops.h"

namespace rn::ops::cpu {

void clip(const Clip& attr, const Tensor& x) {
  with_float(x.dtype(), "clip", [&]<class T>() {
    const T scale = static_cast<T>(attr.scale), limit = static_cast<T>(attr.limit);
    T* values = x.data<T>();
    parallel_for(lanes(), [&](int lane) {
      const Range range = lane_range(x.size(), lanes(), lane);
      for (std::int64_t i = range.begin; i < range.end; ++i) {
        const T v = scale * values[i];
        values[i] = v > limit ? limit : v < -limit ? -limit : v;
      }
    });
  });
}

}  // namespace rn::ops::cpu
