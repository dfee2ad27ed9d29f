// An HDF5 file in memory. Files are built and read as images (core driver), so that a file and a
// pipe carry the same bytes, a full disk is our error and libhdf5 never holds a half-written file.
// Only large data sets are read where they lie (open_on_disk).
// One thread at a time may use this room. Only lib/io includes hdf5.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/tensor.h"

namespace rn::io {

class RowsOnDisk;  // io/rows.h

using Bytes = std::vector<std::byte>;

class H5 {
 public:
  // A new, empty file. Time stamps off: the same content is the same bytes.
  static H5 create();
  // Reads a whole file, or stdin for "-". Errors (input): missing, empty, truncated, not HDF5; the
  // message is one line that names the file, what it is instead, and what was `expected`.
  static H5 open(const std::string& path, std::string_view expected = any_file);
  static H5 open_image(Bytes image, std::string name, std::string_view expected = any_file);
  // The same of a regular file that stays where it is: only its structure and what is asked for are
  // read. For files larger than memory.
  static H5 open_on_disk(const std::string& path, std::string_view expected = any_file);
  static constexpr std::string_view any_file = "an HDF5 file written by resnet-tools";

  H5(H5&&) noexcept;
  H5& operator=(H5&&) noexcept;
  ~H5();

  const std::string& name() const;  // for messages: the path, or "stdin"
  Bytes image() const;              // flushes; the bytes of the file

  // Objects are addressed by path ("parameters/stem.conv.weight"); groups are made as needed. What
  // is written must not be there yet (attributes may be replaced). An opened file is read-only.
  bool has(const std::string& path) const;
  std::vector<std::string> list(const std::string& group) const;  // names, in byte order

  // Tensors: data sets of the tensor's shape and dtype (f32, f64, u8, i32, i64), little-endian.
  void write(const std::string& path, const Tensor& tensor);
  // Errors (input): absent, not numeric, larger than `limit` bytes or than what the file stores.
  // Sizes are checked before anything is allocated.
  Tensor read(const std::string& path, Tag tag, std::int64_t limit = std::int64_t{1} << 36) const;
  Shape shape(const std::string& path) const;  // without reading
  Dtype dtype(const std::string& path) const;  // without reading; errors: input if not numeric

  // Large data sets by ranges of rows (the first axis), sets of images and fields. Chunked by
  // whole rows, or with 0 in one piece, whose rows are then found by counting.
  void create_rows(const std::string& path, const Shape& shape, Dtype dtype,
                   std::int64_t rows_per_chunk);
  void write_rows(const std::string& path, std::int64_t first, const Tensor& rows);
  void read_rows(const std::string& path, std::int64_t first, const Tensor& rows) const;
  // Where the rows of a uint8 data set lie in a file opened with open_on_disk(); they can be read
  // when this object is gone. Nothing where they do not lie there as they are: `why` then says so
  // in words that follow the data set's name ("is compressed"). Errors (input): absent, damaged.
  std::optional<RowsOnDisk> rows_on_disk(const std::string& path, std::string& why) const;

  // Columns of tables: 1-D data sets; `units` becomes an attribute when not empty.
  void write_column(const std::string& path, std::span<const double> values,
                    std::string_view units = {});
  void write_column(const std::string& path, std::span<const std::int64_t> values,
                    std::string_view units = {});
  void write_column(const std::string& path, std::span<const std::string> values);  // fixed length
  std::vector<double> read_doubles(const std::string& path) const;
  std::vector<std::int64_t> read_ints(const std::string& path) const;
  std::vector<std::string> read_strings(const std::string& path) const;

  // Attributes of the object at `path` ("/" for the root; made as a group if absent).
  void set(const std::string& path, const std::string& name, std::string_view value);
  void set(const std::string& path, const std::string& name, std::int64_t value);
  void set(const std::string& path, const std::string& name, double value);
  bool has_attribute(const std::string& path, const std::string& name) const;
  std::string get_string(const std::string& path, const std::string& name) const;
  std::int64_t get_int(const std::string& path, const std::string& name) const;
  double get_double(const std::string& path, const std::string& name) const;
  std::vector<std::string> attributes(const std::string& path) const;  // names, in byte order

  // For files of other tools. Lists of text as attributes, of rank 0 or 1; written with a fixed
  // length. An empty list may be of any type. Errors (input): absent, other content, more than
  // `limit`.
  void set(const std::string& path, const std::string& name, std::span<const std::string> values);
  std::vector<std::string> get_strings(const std::string& path, const std::string& name,
                                       std::size_t limit) const;
  // Where the object lies in the file: the same for all paths to it, since links may lead to one
  // object by many ways, and in circles.
  std::uint64_t address(const std::string& path) const;
  bool is_group(const std::string& path) const;    // false also where nothing is
  bool is_dataset(const std::string& path) const;  // false also where nothing is
  std::size_t size() const;                        // bytes of the file as it was opened
  // Any numbers, widened: 16-bit floats to f32, integers to i64; `stored` says "f16", "bf16" (as
  // Keras marks it), "i32", ... Errors and limit as of read().
  Tensor read_widened(const std::string& path, Tag tag, std::string& stored,
                      std::int64_t limit) const;

  struct Impl;  // lib/io/h5_impl.h

 private:
  explicit H5(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace rn::io
