// What only files of other tools have: lists of text as attributes, narrow numbers.
#include "io/element.h"
#include "io/h5_impl.h"

namespace rn::io {
namespace {

// numpy has no bfloat16: Keras stores two opaque bytes, and an attribute that says so.
bool is_bfloat16(const H5& file, const std::string& path, hid_t type) {
  return H5Tget_class(type) == H5T_OPAQUE && H5Tget_size(type) == 2 &&
         file.has_attribute(path, "dtype") && file.get_string(path, "dtype") == "bfloat16";
}

std::string stored_name(hid_t type) {
  const std::size_t bits = 8 * H5Tget_size(type);
  if (H5Tget_class(type) == H5T_FLOAT && (bits == 16 || bits == 32 || bits == 64)) {
    return fmt::format("f{}", bits);
  }
  if (H5Tget_class(type) == H5T_INTEGER && (bits == 8 || bits == 16 || bits == 32 || bits == 64)) {
    return fmt::format("{}{}", H5Tget_sign(type) == H5T_SGN_NONE ? 'u' : 'i', bits);
  }
  return {};
}

}  // namespace

std::size_t H5::size() const { return static_cast<std::size_t>(impl_->size); }

void H5::set(const std::string& path, const std::string& attribute,
             std::span<const std::string> values) {
  impl_->check_writable(path);
  if (path != "/" && !impl_->has(path)) impl_->make_groups(path);
  const Handle object = impl_->open_object(path);
  std::size_t width = 1;
  for (const std::string& value : values) width = std::max(width, value.size());
  std::vector<char> text(std::max<std::size_t>(values.size() * width, 1), '\0');
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i].copy(text.data() + i * width, values[i].size());
  }
  const Handle type = string_type(width);
  const hsize_t count = values.size();
  const Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose);
  if (H5Aexists(object.get(), attribute.c_str()) > 0) {
    H5Adelete(object.get(), attribute.c_str());
  }
  const Handle made(H5Acreate2(object.get(), attribute.c_str(), type.get(), space.get(),
                               H5P_DEFAULT, H5P_DEFAULT),
                    H5Aclose);
  if (!made.ok() || (count > 0 && H5Awrite(made.get(), type.get(), text.data()) < 0)) {
    fail(ErrorKind::failed, "{}: cannot write attribute {} of {}{}", name(), quoted(attribute),
         quoted(path), hdf5_reason());
  }
}

std::vector<std::string> H5::get_strings(const std::string& path, const std::string& attribute,
                                         std::size_t limit) const {
  const Handle object = impl_->open_object(path);
  const Handle opened(H5Aopen(object.get(), attribute.c_str(), H5P_DEFAULT), H5Aclose);
  const Handle type(opened.ok() ? H5Aget_type(opened.get()) : -1, H5Tclose);
  const Handle space(opened.ok() ? H5Aget_space(opened.get()) : -1, H5Sclose);
  if (!type.ok() || !space.ok()) {
    fail(ErrorKind::input, "{}: cannot open attribute {} of {}{}", name(), quoted(attribute),
         quoted(path), hdf5_reason());
  }
  const Shape shape = extents_of(space.get());
  if (shape == Shape{0}) return {};
  if (shape.size() > 1 || H5Tget_class(type.get()) != H5T_STRING) {
    fail(ErrorKind::input, "{}: attribute {} of {} is no list of texts", name(), quoted(attribute),
         quoted(path));
  }
  const std::size_t count = shape.empty() ? 1 : static_cast<std::size_t>(shape[0]);
  std::size_t bytes = 0;
  if (count > limit || __builtin_mul_overflow(count, H5Tget_size(type.get()), &bytes) ||
      (!impl_->writable && bytes > impl_->size)) {
    fail(ErrorKind::input,
         "{}: attribute {} of {} claims {} texts of {} bytes; {} texts are the most", name(),
         quoted(attribute), quoted(path), count, H5Tget_size(type.get()), limit);
  }
  auto strings = decode_strings(type.get(), space.get(), count, [&](hid_t memory, void* out) {
    return H5Aread(opened.get(), memory, out);
  });
  if (strings.size() != count) {
    fail(ErrorKind::input, "{}: cannot read attribute {} of {}{}", name(), quoted(attribute),
         quoted(path), hdf5_reason());
  }
  return strings;
}

Tensor H5::read_widened(const std::string& path, Tag tag, std::string& stored,
                        std::int64_t limit) const {
  const Handle dataset = impl_->open_dataset(path);
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  const bool bfloat = is_bfloat16(*this, path, type.get());
  stored = bfloat ? "bf16" : stored_name(type.get());
  if (stored.empty()) {
    fail(ErrorKind::input, "{}: {} holds no numbers of a type read here", name(), quoted(path));
  }
  const Dtype dtype = stored == "f64"                         ? Dtype::f64
                      : stored.find('f') == std::string::npos ? Dtype::i64
                                                              : Dtype::f32;
  const Shape shape = impl_->checked_shape(dataset, path, size_of(dtype), limit);
  const auto read = [&](hid_t memory, void* out) {
    if (H5Dread(dataset.get(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0) {
      fail(ErrorKind::input, "{}: cannot read {}{}", name(), quoted(path), hdf5_reason());
    }
  };
  if (bfloat) {
    Bytes raw(static_cast<std::size_t>(element_count(shape)) * 2);
    if (!raw.empty()) read(type.get(), raw.data());
    return copy_out(
        {.element = Element::bf16, .storage = raw, .shape = shape, .strides = row_major(shape)},
        fmt::format("{}: {}", name(), quoted(path)));
  }
  Tensor tensor(shape, dtype, tag);
  if (tensor.size() > 0) read(memory_type(dtype), tensor.raw());
  return tensor;
}

}  // namespace rn::io
