// Columns of tables: 1-D data sets of numbers or strings.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include "io/h5_impl.h"

namespace rn::io {
namespace {

constexpr std::int64_t column_limit = std::int64_t{1} << 32;  // bytes
constexpr std::size_t most_text = std::size_t{1} << 26;       // bytes, of a file of any size

void write_column_of(const H5::Impl& impl, const std::string& path, hid_t in_file, hid_t in_memory,
                     std::size_t count, const void* values) {
  const Handle dataset = impl.create_dataset(path, in_file, {static_cast<std::int64_t>(count)});
  if (count > 0 && H5Dwrite(dataset.get(), in_memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
    fail(ErrorKind::failed, "{}: cannot write {}{}", impl.name, quoted(path), hdf5_reason());
  }
}

// The extent of a data set that must have rank 1 (or be a scalar, which reads as one element).
std::size_t column_length(const H5::Impl& impl, const Handle& dataset, const std::string& path,
                          std::size_t element) {
  const Shape shape = impl.checked_shape(dataset, path, element, column_limit);
  if (shape.size() > 1) {
    fail(ErrorKind::input, "{}: {} is no column: its shape is {}", impl.name, quoted(path),
         to_string(shape));
  }
  return shape.empty() ? 1 : static_cast<std::size_t>(shape[0]);
}

template <class T>
std::vector<T> read_numbers(const H5::Impl& impl, const std::string& path, hid_t in_memory,
                            bool floats_too) {
  const Handle dataset = impl.open_dataset(path);
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  const H5T_class_t kind = H5Tget_class(type.get());
  if (kind != H5T_INTEGER && !(floats_too && kind == H5T_FLOAT)) {
    fail(ErrorKind::input, "{}: {} does not hold {}", impl.name, quoted(path),
         floats_too ? "numbers" : "integers");
  }
  std::vector<T> values(column_length(impl, dataset, path, sizeof(T)));
  if (!values.empty() &&
      H5Dread(dataset.get(), in_memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) {
    fail(ErrorKind::input, "{}: cannot read {}{}", impl.name, quoted(path), hdf5_reason());
  }
  return values;
}

// Text of variable length lies in heaps of the file, where any number of elements may point to one
// long text: what libhdf5 makes of them may not grow larger than the file. Kept here, because
// libhdf5 forgets what it has made when it gives up.
struct TextMemory {
  std::size_t left;
  std::vector<std::unique_ptr<char[]>> texts = {};

  static void* take(std::size_t size, void* to) {
    auto& memory = *static_cast<TextMemory*>(to);
    if (size > memory.left) return nullptr;
    memory.left -= size;
    return memory.texts.emplace_back(new (std::nothrow) char[size]).get();
  }
  static void give(void*, void*) {}
};

}  // namespace

Handle string_type(std::size_t length) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), std::max<std::size_t>(length, 1));
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

std::vector<std::string> decode_strings(hid_t type, hid_t space, std::size_t count,
                                        const std::function<herr_t(hid_t, void*)>& read_into,
                                        hid_t transfer) {
  std::vector<std::string> strings;
  strings.reserve(count);
  // The character set stays the file's: libhdf5 converts padding, not characters.
  const Handle memory(H5Tcopy(type), H5Tclose);
  if (H5Tis_variable_str(type) > 0) {
    std::vector<char*> pointers(count, nullptr);
    if (read_into(memory.get(), pointers.data()) < 0) return {};
    for (const char* p : pointers) strings.emplace_back(p ? p : "");
    H5Dvlen_reclaim(memory.get(), space, transfer, pointers.data());
    return strings;
  }
  H5Tset_strpad(memory.get(), H5T_STR_NULLPAD);
  const std::size_t width = H5Tget_size(type);
  std::vector<char> text(count * width);
  if (read_into(memory.get(), text.data()) < 0) return {};
  for (std::size_t i = 0; i < count; ++i) {
    std::string_view s(text.data() + i * width, width);
    const std::size_t last = s.find_last_not_of('\0');
    strings.emplace_back(s.substr(0, last == std::string_view::npos ? 0 : last + 1));
  }
  return strings;
}

void H5::write_column(const std::string& path, std::span<const double> values,
                      std::string_view units) {
  write_column_of(*impl_, path, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, values.size(), values.data());
  if (!units.empty()) set(path, "units", units);
}

void H5::write_column(const std::string& path, std::span<const std::int64_t> values,
                      std::string_view units) {
  write_column_of(*impl_, path, H5T_STD_I64LE, H5T_NATIVE_INT64, values.size(), values.data());
  if (!units.empty()) set(path, "units", units);
}

void H5::write_column(const std::string& path, std::span<const std::string> values) {
  std::size_t width = 1;
  for (const std::string& s : values) width = std::max(width, s.size());
  std::vector<char> text(values.size() * width, '\0');
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::memcpy(text.data() + i * width, values[i].data(), values[i].size());
  }
  const Handle type = string_type(width);
  write_column_of(*impl_, path, type.get(), type.get(), values.size(), text.data());
}

std::vector<double> H5::read_doubles(const std::string& path) const {
  return read_numbers<double>(*impl_, path, H5T_NATIVE_DOUBLE, true);
}

std::vector<std::int64_t> H5::read_ints(const std::string& path) const {
  return read_numbers<std::int64_t>(*impl_, path, H5T_NATIVE_INT64, false);
}

std::vector<std::string> H5::read_strings(const std::string& path) const {
  const Handle dataset = impl_->open_dataset(path);
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  const Handle space(H5Dget_space(dataset.get()), H5Sclose);
  if (H5Tget_class(type.get()) != H5T_STRING) {
    fail(ErrorKind::input, "{}: {} does not hold text", name(), quoted(path));
  }
  const std::size_t each = H5Tget_size(type.get()) + sizeof(std::string);
  const std::size_t count = column_length(*impl_, dataset, path, each);
  const std::size_t most = impl_->on_disk ? std::min(size(), most_text) : size();
  TextMemory texts{impl_->writable ? SIZE_MAX : most + count};  // and their final NULs
  const Handle transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose);
  H5Pset_vlen_mem_manager(transfer.get(), TextMemory::take, &texts, TextMemory::give, nullptr);
  auto strings = decode_strings(
      type.get(), space.get(), count,
      [&](hid_t memory, void* out) {
        return count == 0 ? 0
                          : H5Dread(dataset.get(), memory, H5S_ALL, H5S_ALL, transfer.get(), out);
      },
      transfer.get());
  if (strings.size() != count) {
    fail(ErrorKind::input, "{}: cannot read {}{}", name(), quoted(path), hdf5_reason());
  }
  return strings;
}

}  // namespace rn::io
