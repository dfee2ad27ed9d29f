// Attributes: one string or one number each.
#include <algorithm>

#include "io/h5_impl.h"

namespace rn::io {
namespace {

constexpr std::size_t text_limit = std::size_t{1} << 26;  // bytes of one attribute

void set_attribute(const H5::Impl& impl, const std::string& path, const std::string& attribute,
                   hid_t in_file, hid_t in_memory, const void* value) {
  impl.check_writable(path);
  if (!impl.has(path)) impl.make_groups(path);
  const Handle object = impl.open_object(path);
  if (H5Aexists(object.get(), attribute.c_str()) > 0) {
    H5Adelete(object.get(), attribute.c_str());
  }
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle made(
      H5Acreate2(object.get(), attribute.c_str(), in_file, space.get(), H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  if (!made.ok() || H5Awrite(made.get(), in_memory, value) < 0) {
    fail(ErrorKind::failed, "{}: cannot write attribute {} of {}{}", impl.name, quoted(attribute),
         quoted(path), hdf5_reason());
  }
}

// An attribute that holds exactly one element of one of two classes.
Handle open_attribute(const H5::Impl& impl, const std::string& path, const std::string& attribute,
                      H5T_class_t kind, H5T_class_t or_kind, const char* what) {
  const Handle object = impl.open_object(path);
  if (H5Aexists(object.get(), attribute.c_str()) <= 0) {
    H5Eclear2(H5E_DEFAULT);
    fail(ErrorKind::input, "{}: {} has no attribute {}", impl.name, quoted(path),
         quoted(attribute));
  }
  Handle opened(H5Aopen(object.get(), attribute.c_str(), H5P_DEFAULT), H5Aclose);
  const Handle type(opened.ok() ? H5Aget_type(opened.get()) : -1, H5Tclose);
  const Handle space(opened.ok() ? H5Aget_space(opened.get()) : -1, H5Sclose);
  if (!type.ok() || !space.ok()) {
    fail(ErrorKind::input, "{}: cannot open attribute {} of {}{}", impl.name, quoted(attribute),
         quoted(path), hdf5_reason());
  }
  const H5T_class_t found = H5Tget_class(type.get());
  if ((found != kind && found != or_kind) || count_elements(extents_of(space.get())) != 1) {
    fail(ErrorKind::input, "{}: attribute {} of {} is not {}", impl.name, quoted(attribute),
         quoted(path), what);
  }
  return opened;
}

template <class T>
T read_number(const H5::Impl& impl, const Handle& attribute, const std::string& path,
              const std::string& called, hid_t in_memory) {
  T value{};
  if (H5Aread(attribute.get(), in_memory, &value) < 0) {
    fail(ErrorKind::input, "{}: cannot read attribute {} of {}{}", impl.name, quoted(called),
         quoted(path), hdf5_reason());
  }
  return value;
}

}  // namespace

void H5::set(const std::string& path, const std::string& attribute, std::string_view value) {
  const Handle type = string_type(value.size());
  const std::string text(value);  // at least one byte to read, the final NUL
  set_attribute(*impl_, path, attribute, type.get(), type.get(), text.c_str());
}

void H5::set(const std::string& path, const std::string& attribute, std::int64_t value) {
  set_attribute(*impl_, path, attribute, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

void H5::set(const std::string& path, const std::string& attribute, double value) {
  set_attribute(*impl_, path, attribute, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

bool H5::has_attribute(const std::string& path, const std::string& attribute) const {
  if (!impl_->has(path)) return false;
  const Handle object = impl_->open_object(path);
  const bool found = H5Aexists(object.get(), attribute.c_str()) > 0;
  H5Eclear2(H5E_DEFAULT);
  return found;
}

std::string H5::get_string(const std::string& path, const std::string& attribute) const {
  const Handle opened =
      open_attribute(*impl_, path, attribute, H5T_STRING, H5T_STRING, "one piece of text");
  const Handle type(H5Aget_type(opened.get()), H5Tclose);
  const Handle space(H5Aget_space(opened.get()), H5Sclose);
  if (H5Tget_size(type.get()) > text_limit) {
    fail(ErrorKind::input, "{}: attribute {} of {} claims {} bytes of text; damaged?", name(),
         quoted(attribute), quoted(path), H5Tget_size(type.get()));
  }
  const auto strings = decode_strings(type.get(), space.get(), 1, [&](hid_t memory, void* out) {
    return H5Aread(opened.get(), memory, out);
  });
  if (strings.empty()) {
    fail(ErrorKind::input, "{}: cannot read attribute {} of {}{}", name(), quoted(attribute),
         quoted(path), hdf5_reason());
  }
  return strings[0];
}

std::int64_t H5::get_int(const std::string& path, const std::string& attribute) const {
  const Handle opened =
      open_attribute(*impl_, path, attribute, H5T_INTEGER, H5T_INTEGER, "one integer");
  return read_number<std::int64_t>(*impl_, opened, path, attribute, H5T_NATIVE_INT64);
}

double H5::get_double(const std::string& path, const std::string& attribute) const {
  const Handle opened =
      open_attribute(*impl_, path, attribute, H5T_FLOAT, H5T_INTEGER, "one number");
  return read_number<double>(*impl_, opened, path, attribute, H5T_NATIVE_DOUBLE);
}

std::vector<std::string> H5::attributes(const std::string& path) const {
  const Handle object = impl_->open_object(path);
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* name, const H5A_info_t*, void* out) -> herr_t {
    static_cast<std::vector<std::string>*>(out)->emplace_back(name);
    return 0;
  };
  if (H5Aiterate2(object.get(), H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, collect, &names) < 0) {
    fail(ErrorKind::input, "{}: cannot list the attributes of {}{}", name(), quoted(path),
         hdf5_reason());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace rn::io
