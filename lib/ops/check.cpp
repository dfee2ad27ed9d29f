#include "ops/check.h"

namespace rn::ops {

Check::Check(const char* who, const char* name, const Tensor& first)
    : who_(who), dtype_(first.dtype()), device_(first.device()) {
  if (!first) fail(ErrorKind::shape, "{}: {} is missing", who, name);
  if (dtype_ != Dtype::f32 && dtype_ != Dtype::f64 && dtype_ != Dtype::bf16) {
    fail(ErrorKind::shape, "{}: {} is {}, expected float32, float64 or bfloat16", who, name,
         first.describe());
  }
}

void Check::typed(const char* name, const Tensor& tensor, const Shape& shape, Dtype dtype) const {
  if (!tensor) {
    fail(ErrorKind::shape, "{}: {} is missing, expected {} {}", who_, name, to_string(dtype),
         to_string(shape));
  }
  if (tensor.dtype() != dtype || tensor.shape() != shape || tensor.device() != device_) {
    fail(ErrorKind::shape, "{}: {} is {}, expected {} {} on {}", who_, name, tensor.describe(),
         to_string(dtype), to_string(shape), to_string(device_));
  }
}

void Check::rank(const char* name, const Tensor& tensor, int rank) const {
  if (tensor.rank() != rank) {
    fail(ErrorKind::shape, "{}: {} is {}, expected {} dimensions", who_, name, tensor.describe(),
         rank);
  }
}

bool Check::on_cpu(const Stream& stream) const {
  if (device_.is_cpu()) return true;
  if (stream.device() != device_) {
    fail(ErrorKind::shape, "{}: tensors on {}, but the stream is of {}", who_, to_string(device_),
         to_string(stream.device()));
  }
  return false;
}

}  // namespace rn::ops
