#include "tensor/pool.h"

namespace rn {

Tensor TensorPool::take(const Shape& shape, Dtype dtype) {
  const std::size_t wanted = static_cast<std::size_t>(element_count(shape)) * size_of(dtype);
  Tensor* best = nullptr;
  for (Tensor& tensor : tensors_) {
    if (tensor.use_count() != 1 || tensor.dtype() != dtype || tensor.capacity() < wanted) continue;
    if (!best || tensor.capacity() < best->capacity()) best = &tensor;
  }
  // Twice the size is still a fit (the smaller last batch), more would hoard.
  if (!best || best->capacity() > 4 * wanted + 4096) {
    tensors_.emplace_back(shape, dtype, tag_, device_);
    best = &tensors_.back();
  }
  best->ensure(shape, dtype, tag_, device_);
  return *best;
}

std::int64_t TensorPool::in_use() const {
  std::int64_t bytes = 0;
  for (const Tensor& tensor : tensors_) {
    if (tensor.use_count() > 1) bytes += static_cast<std::int64_t>(tensor.capacity());
  }
  return bytes;
}

void TensorPool::trim() {
  std::erase_if(tensors_, [](const Tensor& tensor) { return tensor.use_count() == 1; });
}

}  // namespace rn
