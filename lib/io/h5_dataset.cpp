// Data sets that hold tensors, whole or by rows.
#include <algorithm>
#include <limits>

#include "io/h5_impl.h"

namespace rn::io {
namespace {

Handle space_of(const Shape& shape) {
  const std::vector<hsize_t> dims(shape.begin(), shape.end());
  return {dims.empty() ? H5Screate(H5S_SCALAR)
                       : H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr),
          H5Sclose};
}

// HDF5 knows floats of any layout; bfloat16 is not one of its own. h5dump and h5py read it as a
// float.
hid_t bfloat16_type() {
  static const hid_t type = [] {
    const hid_t made = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(made, 15, 7, 8, 0, 7);
    H5Tset_size(made, 2);
    H5Tset_ebias(made, 127);
    return made;
  }();
  return type;
}

// In either byte order.
bool is_bfloat16(hid_t type) {
  std::size_t sign = 0, exponent = 0, exponent_bits = 0, mantissa = 0, mantissa_bits = 0;
  return H5Tget_class(type) == H5T_FLOAT && H5Tget_size(type) == 2 &&
         H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits) >= 0 &&
         sign == 15 && exponent == 7 && exponent_bits == 8 && mantissa == 0 && mantissa_bits == 7 &&
         H5Tget_ebias(type) == 127;
}

// Dtype of a data set's elements, whatever their byte order.
bool numeric_dtype(hid_t dataset, Dtype& dtype) {
  const Handle type(H5Dget_type(dataset), H5Tclose);
  const std::size_t size = H5Tget_size(type.get());
  const H5T_class_t kind = H5Tget_class(type.get());
  if (kind == H5T_FLOAT && (size == 4 || size == 8)) {
    dtype = size == 4 ? Dtype::f32 : Dtype::f64;
    return true;
  }
  if (is_bfloat16(type.get())) {
    dtype = Dtype::bf16;
    return true;
  }
  if (kind != H5T_INTEGER) return false;
  const bool has_sign = H5Tget_sign(type.get()) == H5T_SGN_2;
  if (has_sign ? (size != 4 && size != 8) : size != 1) return false;
  dtype = size == 1 ? Dtype::u8 : size == 4 ? Dtype::i32 : Dtype::i64;
  return true;
}

}  // namespace

Shape extents_of(hid_t space) {
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 0 || H5Sget_simple_extent_type(space) == H5S_NULL) return {0};
  std::vector<hsize_t> dims(static_cast<std::size_t>(rank));
  if (rank > 0) H5Sget_simple_extent_dims(space, dims.data(), nullptr);
  constexpr hsize_t most = std::numeric_limits<std::int64_t>::max();
  Shape shape;
  for (const hsize_t d : dims) shape.push_back(static_cast<std::int64_t>(std::min(d, most)));
  return shape;
}

hid_t file_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32: return H5T_IEEE_F32LE;
    case Dtype::f64: return H5T_IEEE_F64LE;
    case Dtype::u8: return H5T_STD_U8LE;
    case Dtype::i32: return H5T_STD_I32LE;
    case Dtype::i64: return H5T_STD_I64LE;
    case Dtype::bf16: return bfloat16_type();
  }
  return H5I_INVALID_HID;
}

hid_t memory_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32: return H5T_NATIVE_FLOAT;
    case Dtype::f64: return H5T_NATIVE_DOUBLE;
    case Dtype::u8: return H5T_NATIVE_UINT8;
    case Dtype::i32: return H5T_NATIVE_INT32;
    case Dtype::i64: return H5T_NATIVE_INT64;
    case Dtype::bf16: return bfloat16_type();
  }
  return H5I_INVALID_HID;
}

Handle H5::Impl::open_dataset(const std::string& path) const {
  Handle object = open_object(path);
  if (H5Iget_type(object.get()) != H5I_DATASET) {
    fail(ErrorKind::input, "{}: {} is no data set", name, quoted(path));
  }
  return object;
}

Handle H5::Impl::create_dataset(const std::string& path, hid_t type, const Shape& shape,
                                const Shape& chunk) const {
  check_writable(path);
  require(!path.empty() && path != "/" && !has(path), "{}: {} is already there", name,
          quoted(path));
  make_parents(path);
  const Handle dcpl(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(dcpl.get(), false);
  if (!chunk.empty()) {
    const std::vector<hsize_t> dims(chunk.begin(), chunk.end());
    H5Pset_chunk(dcpl.get(), static_cast<int>(dims.size()), dims.data());
    H5Pset_fill_time(dcpl.get(), H5D_FILL_TIME_ALLOC);  // the last chunk's unused rows are zeros
  }
  const Handle space = space_of(shape);
  Handle dataset(
      H5Dcreate2(file, path.c_str(), type, space.get(), H5P_DEFAULT, dcpl.get(), H5P_DEFAULT),
      H5Dclose);
  if (!dataset.ok()) {
    fail(ErrorKind::failed, "{}: cannot make {}{}", name, quoted(path), hdf5_reason());
  }
  return dataset;
}

Shape H5::Impl::checked_shape(const Handle& dataset, const std::string& path, std::size_t element,
                              std::int64_t limit) const {
  const Handle space(H5Dget_space(dataset.get()), H5Sclose);
  const Handle dcpl(H5Dget_create_plist(dataset.get()), H5Pclose);
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  if (H5Sget_simple_extent_ndims(space.get()) < 0 ||
      H5Sget_simple_extent_type(space.get()) == H5S_NULL) {
    fail(ErrorKind::input, "{}: {} holds nothing{}", name, quoted(path), hdf5_reason());
  }
  // Data must lie in this very file.
  if (H5Pget_external_count(dcpl.get()) > 0 || H5Pget_layout(dcpl.get()) == H5D_VIRTUAL) {
    fail(ErrorKind::input, "{}: {} keeps its data in other files, which are not read", name,
         quoted(path));
  }
  Shape shape = extents_of(space.get());
  const auto count = count_elements(shape);
  std::uint64_t wanted = 0;
  if (!count || __builtin_mul_overflow(*count, element, &wanted) ||
      wanted > static_cast<std::uint64_t>(limit)) {
    fail(ErrorKind::input, "{}: {} of {} elements is larger than the {} bytes allowed here", name,
         quoted(path), to_string(shape), limit);
  }
  // Extents are only a claim. Without filters the file must hold the bytes; no filter known
  // shrinks data more than about a thousandfold.
  const std::uint64_t stored = H5Dget_storage_size(dataset.get());
  const std::uint64_t factor = H5Pget_nfilters(dcpl.get()) > 0 ? 4096 : 1;
  std::uint64_t claimed = 0;
  const bool sane = !__builtin_mul_overflow(*count, H5Tget_size(type.get()), &claimed);
  if (!sane || claimed / factor > stored || (!writable && stored > size)) {
    fail(ErrorKind::input, "{}: {} claims {} elements, but the file does not hold them; damaged?",
         name, quoted(path), to_string(shape));
  }
  return shape;
}

void H5::write(const std::string& path, const Tensor& tensor) {
  const Dtype dtype = tensor.dtype();
  require(tensor.defined() && tensor.device().is_cpu(), "H5::write: {} is {}", quoted(path),
          tensor.describe());
  const Handle dataset = impl_->create_dataset(path, file_type(dtype), tensor.shape());
  if (tensor.size() > 0 && H5Dwrite(dataset.get(), memory_type(dtype), H5S_ALL, H5S_ALL,
                                    H5P_DEFAULT, tensor.raw()) < 0) {
    fail(ErrorKind::failed, "{}: cannot write {}{}", name(), quoted(path), hdf5_reason());
  }
}

Dtype H5::dtype(const std::string& path) const {
  const Handle dataset = impl_->open_dataset(path);
  Dtype dtype{};
  if (!numeric_dtype(dataset.get(), dtype)) {
    fail(ErrorKind::input,
         "{}: {} is not of a type read here (float32, float64, uint8, int32, int64)", name(),
         quoted(path));
  }
  return dtype;
}

Tensor H5::read(const std::string& path, Tag tag, std::int64_t limit) const {
  const Dtype type = dtype(path);
  const Handle dataset = impl_->open_dataset(path);
  Tensor tensor(impl_->checked_shape(dataset, path, size_of(type), limit), type, tag);
  if (tensor.size() > 0 &&
      H5Dread(dataset.get(), memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor.raw()) < 0) {
    fail(ErrorKind::input, "{}: cannot read {}{}", name(), quoted(path), hdf5_reason());
  }
  return tensor;
}

Shape H5::shape(const std::string& path) const {
  const Handle dataset = impl_->open_dataset(path);
  return impl_->checked_shape(dataset, path, 1, std::int64_t{1} << 48);
}

void H5::create_rows(const std::string& path, const Shape& shape, Dtype dtype,
                     std::int64_t rows_per_chunk) {
  const bool fits = rows_per_chunk == 0 || (rows_per_chunk > 0 && !shape.empty() && shape[0] > 0);
  require(!shape.empty() && fits, "H5::create_rows: {} of {}", quoted(path), to_string(shape));
  Shape chunk;
  if (rows_per_chunk > 0) {
    chunk = shape;
    chunk[0] = std::min(rows_per_chunk, shape[0]);
  }
  impl_->create_dataset(path, file_type(dtype), shape, chunk);
}

namespace {

// The rows' selection in the data set's space, and a space for the rows alone.
std::pair<Handle, Handle> select_rows(const std::string& who, const Handle& dataset,
                                      std::int64_t first, const Tensor& rows) {
  Handle space(H5Dget_space(dataset.get()), H5Sclose);
  const int rank = H5Sget_simple_extent_ndims(space.get());
  require(rank > 0 && rank == rows.rank(), "{}: {} for a data set of rank {}", who, rows.describe(),
          rank);
  std::vector<hsize_t> start(rows.shape().size(), 0);
  const std::vector<hsize_t> count(rows.shape().begin(), rows.shape().end());
  std::vector<hsize_t> dims(count.size());
  H5Sget_simple_extent_dims(space.get(), dims.data(), nullptr);
  start[0] = static_cast<hsize_t>(first);
  bool inside = first >= 0 && start[0] + count[0] <= dims[0];
  for (std::size_t i = 1; i < dims.size(); ++i) inside = inside && dims[i] == count[i];
  require(inside, "{}: {} from row {} does not fit [{}]", who, rows.describe(), first,
          fmt::join(dims, ", "));
  H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr);
  return {std::move(space), space_of(rows.shape())};
}

}  // namespace

void H5::write_rows(const std::string& path, std::int64_t first, const Tensor& rows) {
  impl_->check_writable(path);
  const Handle dataset = impl_->open_dataset(path);
  const auto [file, memory] = select_rows("H5::write_rows", dataset, first, rows);
  if (rows.size() > 0 && H5Dwrite(dataset.get(), memory_type(rows.dtype()), memory.get(),
                                  file.get(), H5P_DEFAULT, rows.raw()) < 0) {
    fail(ErrorKind::failed, "{}: cannot write {}{}", name(), quoted(path), hdf5_reason());
  }
}

void H5::read_rows(const std::string& path, std::int64_t first, const Tensor& rows) const {
  const Handle dataset = impl_->open_dataset(path);
  // In a file that is being written not all of it need be stored yet.
  if (!impl_->writable) impl_->checked_shape(dataset, path, 1, std::int64_t{1} << 48);
  const auto [file, memory] = select_rows("H5::read_rows", dataset, first, rows);
  if (rows.size() > 0 && H5Dread(dataset.get(), memory_type(rows.dtype()), memory.get(), file.get(),
                                 H5P_DEFAULT, rows.raw()) < 0) {
    fail(ErrorKind::input, "{}: cannot read {}{}", name(), quoted(path), hdf5_reason());
  }
}

}  // namespace rn::io
