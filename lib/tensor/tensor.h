// Tensor: a cheap handle on contiguous memory with a shape and a type. Copying a Tensor shares the
// memory; clone() copies it. Layout is row-major; activations are NHWC, convolution
// weights OHWI (output channel, kernel row, kernel column, input channel).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "device/buffer.h"
#include "tensor/bfloat16.h"

namespace rn {

enum class Dtype { f32, f64, bf16, u8, i32, i64 };
std::size_t size_of(Dtype dtype);
// Of per-channel vectors, parameters, features and logits beside activations of this dtype: f32 for
// bf16, else the same.
inline Dtype wide(Dtype dtype) { return dtype == Dtype::bf16 ? Dtype::f32 : dtype; }
const char* to_string(Dtype dtype);  // "float32", "float64", "bfloat16", "uint8", "int32", "int64"

template <class T>
inline constexpr Dtype dtype_of = Dtype::f32;
template <>
inline constexpr Dtype dtype_of<double> = Dtype::f64;
template <>
inline constexpr Dtype dtype_of<bfloat16> = Dtype::bf16;
template <>
inline constexpr Dtype dtype_of<std::uint8_t> = Dtype::u8;
template <>
inline constexpr Dtype dtype_of<std::int32_t> = Dtype::i32;
template <>
inline constexpr Dtype dtype_of<std::int64_t> = Dtype::i64;

using Shape = std::vector<std::int64_t>;
std::string to_string(const Shape& shape);  // "[128, 32, 32, 16]"
// Product of the dimensions; nothing if one is negative, or if the product is larger than any
// memory (2^48), also where a dimension of 0 would hide that: strides of what is counted never
// overflow.
std::optional<std::int64_t> count_elements(const Shape& shape);
// The same; errors: failed if there is nothing to say.
std::int64_t element_count(const Shape& shape);

class Tensor {
 public:
  Tensor() = default;  // no memory: defined() is false
  // Contents are undefined. Sizes are checked before anything is allocated.
  Tensor(Shape shape, Dtype dtype, Tag tag, Device device = cpu);
  static Tensor zeros(Shape shape, Dtype dtype, Tag tag, Device device = cpu);

  bool defined() const { return buffer_ != nullptr; }
  explicit operator bool() const { return defined(); }

  const Shape& shape() const { return shape_; }
  int rank() const { return static_cast<int>(shape_.size()); }
  std::int64_t dim(int axis) const;  // negative counts from the end
  std::int64_t size() const { return size_; }
  std::size_t bytes() const { return static_cast<std::size_t>(size_) * size_of(dtype_); }
  Dtype dtype() const { return dtype_; }
  Device device() const { return buffer_ ? buffer_->device() : cpu; }
  Tag tag() const { return buffer_ ? buffer_->tag() : Tag::workspace; }

  // CPU memory as T. Errors: shape if T is not the dtype or the tensor is not on the CPU.
  template <class T>
  T* data() const {
    if (!defined() || dtype_ != dtype_of<T> || !device().is_cpu()) {
      fail(ErrorKind::shape, "Tensor::data: asked for {} of {}", to_string(dtype_of<T>),
           describe());
    }
    return static_cast<T*>(raw());
  }
  template <class T>
  std::span<T> span() const {
    return {data<T>(), static_cast<std::size_t>(size_)};
  }
  void* raw() const;  // whatever the device and dtype

  Tensor slice(std::int64_t begin, std::int64_t end) const;  // view of rows [begin, end)
  Tensor reshape(Shape shape) const;                         // view of the same elements
  Tensor clone() const;                                      // same device and tag
  Tensor to(Device device, Stream& stream) const;            // a copy; does not wait
  Tensor on(Device device) const;  // itself where it is there already, else a copy; waits for it
  Tensor cast(Dtype dtype, Tag tag) const;  // between f32, f64, bf16, on the CPU
  // Same shape and dtype; across devices, too. Waits where one of the two is the CPU.
  void copy_from(const Tensor& other) const;
  void zero() const { zero(default_stream(device())); }
  void zero(Stream& stream) const;

  // Makes this tensor a view of the wanted shape in its own memory, allocating only when the
  // memory is too small or of another type or device: nothing is allocated in the steady state.
  void ensure(const Shape& shape, Dtype dtype, Tag tag, Device device = cpu);

  // Handles on this memory; 1: nobody else holds it (TensorPool).
  long use_count() const { return buffer_.use_count(); }
  std::size_t capacity() const { return buffer_ ? buffer_->bytes() : 0; }

  std::string describe() const;  // "float32 [128, 32, 32, 16] on cpu"

 private:
  std::shared_ptr<Buffer> buffer_;
  std::size_t offset_ = 0;  // bytes
  Shape shape_;
  std::int64_t size_ = 0;
  Dtype dtype_ = Dtype::f32;
};

// Calls f.template operator()<T>() with the C++ type of a floating dtype (f32, f64).
template <class F>
decltype(auto) with_float(Dtype dtype, const char* who, F&& f) {
  if (dtype == Dtype::f32) return f.template operator()<float>();
  if (dtype == Dtype::f64) return f.template operator()<double>();
  fail(ErrorKind::shape, "{}: {} is not implemented (float32 and float64 are)", who,
       to_string(dtype));
}

// The same for what holds activations: f32, f64 and bf16.
template <class F>
decltype(auto) with_activation(Dtype dtype, const char* who, F&& f) {
  if (dtype == Dtype::bf16) return f.template operator()<bfloat16>();
  return with_float(dtype, who, std::forward<F>(f));
}

}  // namespace rn

// In messages: describe(), written only when the message is.
template <>
struct fmt::formatter<rn::Tensor> : fmt::formatter<std::string> {
  template <class Context>
  auto format(const rn::Tensor& tensor, Context& context) const {
    return fmt::formatter<std::string>::format(tensor.describe(), context);
  }
};
