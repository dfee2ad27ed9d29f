// A pool of tensors: memory goes back when the last handle is dropped and is handed out again, so
// that nothing is allocated once a step has been seen.
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace rn {

class TensorPool {
 public:
  explicit TensorPool(Device device = cpu, Tag tag = Tag::activation)
      : device_(device), tag_(tag) {}

  // A tensor of undefined contents: the smallest free memory that holds it, else new memory.
  Tensor take(const Shape& shape, Dtype dtype);
  Device device() const { return device_; }
  void trim();                  // frees what nobody holds
  std::int64_t in_use() const;  // bytes of what somebody holds

 private:
  Device device_;
  Tag tag_;
  std::vector<Tensor> tensors_;
};

}  // namespace rn
