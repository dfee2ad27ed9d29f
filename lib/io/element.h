// Elements of other tools' weight files: their types, and bytes of a file as tensors.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "tensor/tensor.h"

namespace rn::io {

using rn::size_of;
using rn::to_string;

enum class Element { f64, f32, f16, bf16, i64, i32, i16, i8, u64, u32, u16, u8, boolean };
std::size_t size_of(Element element);
const char* to_string(Element element);  // "f32", "bf16", "bool"
Dtype widened(Element element);          // f32 (of f16 and bf16 too), f64, or i64

// What one weight file may hold. Real files stay far below.
struct WeightLimits {
  static constexpr std::size_t tensors = 100'000;
  static constexpr std::size_t name = 512;  // bytes
  static constexpr std::size_t rank = 32;
  static constexpr std::size_t texts = 10'000;  // entries of metadata
};

// Memory that the tensors of one file may take: their claims are added up before any is allocated,
// since a small file can claim many views of the same bytes.
class WeightBudget {
 public:
  WeightBudget(std::string file, std::size_t file_bytes);
  // Errors (input): more than a file of this size has any reason to take.
  void take(std::uint64_t bytes, std::string_view name);

 private:
  std::string file_;
  std::uint64_t limit_, left_;
};

// A tensor as a view of a storage, counted in elements.
struct ElementView {
  Element element = Element::f32;
  std::span<const std::byte> storage;
  std::int64_t offset = 0;
  Shape shape, strides;
  bool big_endian = false;
};

// The bytes that `shape` takes once widened. Errors (input): negative dimension, rank or size over
// the limits; the message begins with `where`.
std::uint64_t widened_bytes(const Shape& shape, Element element, const std::string& where);

// Copies a view out, widened, row-major. Errors (input): negative offset or stride, or elements
// outside the storage; an unsigned integer over 2^63.
Tensor copy_out(const ElementView& view, const std::string& where);

// The strides of a row-major tensor, whose elements can be counted (count_elements).
Shape row_major(const Shape& shape);

}  // namespace rn::io
