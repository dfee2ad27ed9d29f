#include "io/element.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "io/quoted.h"

namespace rn::io {
namespace {

struct Info {
  const char* name;
  std::size_t size;
  Dtype dtype;
};

constexpr Info infos[] = {{"f64", 8, Dtype::f64},  {"f32", 4, Dtype::f32}, {"f16", 2, Dtype::f32},
                          {"bf16", 2, Dtype::f32}, {"i64", 8, Dtype::i64}, {"i32", 4, Dtype::i64},
                          {"i16", 2, Dtype::i64},  {"i8", 1, Dtype::i64},  {"u64", 8, Dtype::i64},
                          {"u32", 4, Dtype::i64},  {"u16", 2, Dtype::i64}, {"u8", 1, Dtype::i64},
                          {"bool", 1, Dtype::i64}};

const Info& info(Element element) { return infos[static_cast<std::size_t>(element)]; }

float from_half(std::uint16_t h) {
  const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000u) << 16;
  const std::uint32_t exponent = (h >> 10) & 0x1fu, fraction = h & 0x3ffu;
  if (exponent == 0) {  // zero, subnormal
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  const std::uint32_t high = exponent == 31 ? 0xffu : exponent + 112;
  return std::bit_cast<float>(sign | (high << 23) | (fraction << 13));
}

float from_bfloat(std::uint16_t b) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(b) << 16);
}

template <class U>
U load(const std::byte* at, bool big_endian) {
  U value;
  std::memcpy(&value, at, sizeof value);
  if (!big_endian) return value;
  U swapped = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    swapped = static_cast<U>((swapped << (i > 0 ? 8 : 0)) | ((value >> (8 * i)) & 0xff));
  }
  return swapped;
}

// One stored element as what it widens to.
template <class To>
To decode(Element element, const std::byte* at, bool big) {
  if constexpr (std::is_same_v<To, double>) {
    return std::bit_cast<double>(load<std::uint64_t>(at, big));
  } else if constexpr (std::is_same_v<To, float>) {
    switch (element) {
      case Element::f16: return from_half(load<std::uint16_t>(at, big));
      case Element::bf16: return from_bfloat(load<std::uint16_t>(at, big));
      default: return std::bit_cast<float>(load<std::uint32_t>(at, big));
    }
  } else {
    switch (element) {
      case Element::i32: return static_cast<std::int32_t>(load<std::uint32_t>(at, big));
      case Element::i16: return static_cast<std::int16_t>(load<std::uint16_t>(at, big));
      case Element::i8: return static_cast<std::int8_t>(load<std::uint8_t>(at, big));
      case Element::u32: return load<std::uint32_t>(at, big);
      case Element::u16: return load<std::uint16_t>(at, big);
      case Element::u8: return load<std::uint8_t>(at, big);
      case Element::boolean: return load<std::uint8_t>(at, big) != 0;
      default: return static_cast<std::int64_t>(load<std::uint64_t>(at, big));
    }
  }
}

template <class To>
void gather(const ElementView& view, std::span<To> out) {
  const std::size_t width = size_of(view.element);
  const std::size_t rank = view.shape.size();
  Shape index(rank, 0);
  std::int64_t at = view.offset;
  // The last axis in the inner loop, the others counted like an odometer.
  const std::int64_t inner = rank == 0 ? 1 : view.shape.back();
  const std::int64_t step = rank == 0 ? 0 : view.strides.back();
  for (std::size_t done = 0; done < out.size();) {
    for (std::int64_t i = 0; i < inner; ++i) {
      const auto from = static_cast<std::size_t>(at + i * step) * width;
      out[done++] = decode<To>(view.element, view.storage.data() + from, view.big_endian);
    }
    for (std::size_t axis = rank; axis-- > 1;) {
      const std::size_t k = axis - 1;
      if (index[k] + 1 < view.shape[k]) {
        ++index[k];
        at += view.strides[k];
        break;
      }
      at -= view.strides[k] * index[k];  // back to its beginning; never beyond what is checked
      index[k] = 0;
    }
  }
}

// Errors unless every element lies in the storage.
void check_inside(const ElementView& view, const std::string& where) {
  const auto count = static_cast<std::int64_t>(view.storage.size() / size_of(view.element));
  if (view.offset < 0 || view.shape.size() != view.strides.size()) {
    fail(ErrorKind::input, "{}: storage offset {}, {} dimensions and {} strides; damaged?", where,
         view.offset, view.shape.size(), view.strides.size());
  }
  if (std::find(view.shape.begin(), view.shape.end(), 0) != view.shape.end()) return;
  std::int64_t last = view.offset;
  bool fits = true;
  for (std::size_t i = 0; i < view.shape.size(); ++i) {
    std::int64_t reach = 0;
    fits = fits && view.strides[i] >= 0 &&
           !__builtin_mul_overflow(view.shape[i] - 1, view.strides[i], &reach) &&
           !__builtin_add_overflow(last, reach, &last);
  }
  if (!fits || last >= count) {
    fail(ErrorKind::input, "{}: shape {} with strides {} from {} leaves its storage of {} elements",
         where, to_string(view.shape), to_string(view.strides), view.offset, count);
  }
}

}  // namespace

std::size_t size_of(Element element) { return info(element).size; }
const char* to_string(Element element) { return info(element).name; }
Dtype widened(Element element) { return info(element).dtype; }

WeightBudget::WeightBudget(std::string file, std::size_t file_bytes)
    : file_(std::move(file)), limit_((std::uint64_t{1} << 20) + 16 * file_bytes), left_(limit_) {}

void WeightBudget::take(std::uint64_t bytes, std::string_view name) {
  if (bytes > left_) {
    fail(ErrorKind::input,
         "{}: its tensors claim more than {} bytes, out of proportion to the file, at {}; damaged?",
         file_, limit_, quoted(name));
  }
  left_ -= bytes;
}

std::uint64_t widened_bytes(const Shape& shape, Element element, const std::string& where) {
  if (shape.size() > WeightLimits::rank) {
    fail(ErrorKind::input, "{}: {} dimensions; {} are the most", where, shape.size(),
         WeightLimits::rank);
  }
  if (std::any_of(shape.begin(), shape.end(), [](std::int64_t d) { return d < 0; })) {
    fail(ErrorKind::input, "{}: shape {} is negative", where, to_string(shape));
  }
  const auto count = count_elements(shape);
  if (!count) fail(ErrorKind::input, "{}: shape {} is too large", where, to_string(shape));
  return static_cast<std::uint64_t>(*count) * size_of(widened(element));
}

Tensor copy_out(const ElementView& view, const std::string& where) {
  const std::uint64_t bytes = widened_bytes(view.shape, view.element, where);
  check_inside(view, where);
  Tensor tensor(view.shape, widened(view.element), Tag::parameter);
  if (bytes == 0) return tensor;
  const bool plain = size_of(view.element) == size_of(tensor.dtype()) && !view.big_endian &&
                     view.strides == row_major(view.shape);
  if (plain) {
    const auto from = static_cast<std::size_t>(view.offset) * size_of(view.element);
    std::memcpy(tensor.raw(), view.storage.data() + from, tensor.bytes());
  } else if (tensor.dtype() == Dtype::f32) {
    gather(view, tensor.span<float>());
  } else if (tensor.dtype() == Dtype::f64) {
    gather(view, tensor.span<double>());
  } else {
    gather(view, tensor.span<std::int64_t>());
  }
  if (view.element == Element::u64) {
    for (const std::int64_t v : tensor.span<std::int64_t>()) {
      if (v < 0) fail(ErrorKind::input, "{}: holds unsigned integers over 2^63", where);
    }
  }
  return tensor;
}

Shape row_major(const Shape& shape) {
  Shape strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<std::int64_t>(shape[i], 1);
  }
  return strides;
}

}  // namespace rn::io
