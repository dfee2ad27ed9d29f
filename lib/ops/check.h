// What the front of every op checks, once, in release builds too. Messages are only built when a
// check fails; they name the op, the tensor and the shapes.
#pragma once

#include <initializer_list>

#include "tensor/tensor.h"

namespace rn::ops {

// The first tensor of a call sets dtype and device; the others are held against it.
class Check {
 public:
  // Requires that `first` is a floating tensor. Ops that refuse bfloat16 do so by with_float.
  Check(const char* who, const char* name, const Tensor& first);

  // Requires that the tensor is defined and has this shape, on the call's device and of its dtype.
  void tensor(const char* name, const Tensor& tensor, const Shape& shape) const {
    typed(name, tensor, shape, dtype_);
  }
  void optional(const char* name, const Tensor& tensor, const Shape& shape) const {
    if (tensor) typed(name, tensor, shape, dtype_);
  }
  // Likewise for what stays f32 beside bf16: per-channel vectors, weights, features.
  void vector(const char* name, const Tensor& tensor, const Shape& shape) const {
    typed(name, tensor, shape, wide(dtype_));
  }
  void optional_vector(const char* name, const Tensor& tensor, const Shape& shape) const {
    if (tensor) vector(name, tensor, shape);
  }
  void typed(const char* name, const Tensor& tensor, const Shape& shape, Dtype dtype) const;
  void rank(const char* name, const Tensor& tensor, int rank) const;
  // Where the op computes: true for the CPU. Otherwise `stream` must be the device's own.
  bool on_cpu(const Stream& stream) const;

  const char* who() const { return who_; }
  Dtype dtype() const { return dtype_; }

 private:
  const char* who_;
  Dtype dtype_;
  Device device_;
};

}  // namespace rn::ops
