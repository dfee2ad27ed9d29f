#include "tensor/tensor.h"

#include <fmt/ranges.h>  // shapes

#include <algorithm>
#include <cstring>

namespace rn {

std::size_t size_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::f64:
    case Dtype::i64: return 8;
    case Dtype::f32:
    case Dtype::i32: return 4;
    case Dtype::bf16: return 2;
    case Dtype::u8: return 1;
  }
  return 0;
}

const char* to_string(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32: return "float32";
    case Dtype::f64: return "float64";
    case Dtype::bf16: return "bfloat16";
    case Dtype::u8: return "uint8";
    case Dtype::i32: return "int32";
    case Dtype::i64: return "int64";
  }
  return "?";
}

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

std::optional<std::int64_t> count_elements(const Shape& shape) {
  std::int64_t count = 1;
  bool empty = false;
  for (const std::int64_t d : shape) {
    if (d < 0 || __builtin_mul_overflow(count, std::max<std::int64_t>(d, 1), &count) ||
        count > (std::int64_t{1} << 48)) {
      return std::nullopt;
    }
    empty = empty || d == 0;
  }
  return empty ? 0 : count;
}

std::int64_t element_count(const Shape& shape) {
  const auto count = count_elements(shape);
  if (!count) {
    fail(ErrorKind::failed, "a tensor of shape {} is larger than any memory", to_string(shape));
  }
  return *count;
}

Tensor::Tensor(Shape shape, Dtype dtype, Tag tag, Device device)
    : shape_(std::move(shape)), size_(element_count(shape_)), dtype_(dtype) {
  buffer_ = std::make_shared<Buffer>(bytes(), tag, device);
}

Tensor Tensor::zeros(Shape shape, Dtype dtype, Tag tag, Device device) {
  Tensor tensor(std::move(shape), dtype, tag, device);
  tensor.zero();
  return tensor;
}

std::int64_t Tensor::dim(int axis) const {
  const int at = axis < 0 ? axis + rank() : axis;
  require(at >= 0 && at < rank(), "Tensor::dim: axis {} of {}", axis, *this);
  return shape_[static_cast<std::size_t>(at)];
}

void* Tensor::raw() const {
  return buffer_ && buffer_->data() ? static_cast<char*>(buffer_->data()) + offset_ : nullptr;
}

Tensor Tensor::slice(std::int64_t begin, std::int64_t end) const {
  require(rank() > 0 && 0 <= begin && begin <= end && end <= shape_[0],
          "Tensor::slice: [{}, {}) of {}", begin, end, *this);
  Tensor view = *this;
  const std::int64_t row = shape_[0] == 0 ? 0 : size_ / shape_[0];
  view.offset_ += static_cast<std::size_t>(begin * row) * size_of(dtype_);
  view.shape_[0] = end - begin;
  view.size_ = (end - begin) * row;
  return view;
}

Tensor Tensor::reshape(Shape shape) const {
  require(element_count(shape) == size_, "Tensor::reshape: {} to {}", *this, shape);
  Tensor view = *this;
  view.shape_ = std::move(shape);
  return view;
}

Tensor Tensor::clone() const {
  Tensor copy(shape_, dtype_, tag(), device());
  copy.copy_from(*this);
  return copy;
}

Tensor Tensor::to(Device device, Stream& stream) const {
  Tensor copy(shape_, dtype_, tag(), device);
  copy_async(copy.raw(), device, raw(), this->device(), bytes(), stream);
  return copy;
}

Tensor Tensor::on(Device device) const {
  if (!defined() || device == this->device()) return *this;
  const Tensor copy(shape_, dtype_, tag(), device);
  copy.copy_from(*this);
  return copy;
}

Tensor Tensor::cast(Dtype dtype, Tag tag) const {
  Tensor copy(shape_, dtype, tag);
  with_activation(dtype_, "Tensor::cast", [&]<class From>() {
    with_activation(dtype, "Tensor::cast", [&]<class To>() {
      std::transform(data<From>(), data<From>() + size_, copy.data<To>(),
                     [](From x) { return To(static_cast<Wide<From>>(x)); });
    });
  });
  return copy;
}

void Tensor::copy_from(const Tensor& other) const {
  require(shape_ == other.shape_ && dtype_ == other.dtype_, "Tensor::copy_from: {} from {}", *this,
          other);
  if (size_ == 0) return;
  Stream& stream = default_stream(device().is_cpu() ? other.device() : device());
  copy_async(raw(), device(), other.raw(), other.device(), bytes(), stream);
  if (device().is_cpu() || other.device().is_cpu()) stream.synchronize();
}

void Tensor::zero(Stream& stream) const {
  if (size_ == 0) return;
  if (device().is_cpu()) {
    std::memset(raw(), 0, bytes());
  } else {
    require(stream.device() == device(), "Tensor::zero: {} with a stream of {}", *this,
            to_string(stream.device()));
    cuda::zero_async(raw(), bytes(), stream.handle());
  }
}

void Tensor::ensure(const Shape& shape, Dtype dtype, Tag tag, Device device) {
  const std::int64_t count = element_count(shape);
  const std::size_t wanted = static_cast<std::size_t>(count) * size_of(dtype);
  const bool fits = buffer_ && offset_ == 0 && dtype_ == dtype && buffer_->tag() == tag &&
                    buffer_->device() == device && buffer_->bytes() >= wanted;
  if (!fits) {
    *this = Tensor();  // free first: the old and the new need not live together
    *this = Tensor(shape, dtype, tag, device);
  } else if (shape_ != shape) {
    shape_ = shape;
    size_ = count;
  }
}

std::string Tensor::describe() const {
  if (!defined()) return "no tensor";
  return fmt::format("{} {} on {}", to_string(dtype_), to_string(shape_), to_string(device()));
}

}  // namespace rn
