// Rows of a large data set, read from the file in which they lie, without libhdf5: by any thread,
// and no byte more than is wanted.
#pragma once

#include <memory>
#include <vector>

#include "io/file_handle.h"

namespace rn::io {

class RowsOnDisk {
 public:
  // Made by H5::rows_on_disk(), which sees to it that all rows lie in the file. Pieces of
  // `per_piece` rows lie at these addresses.
  RowsOnDisk(std::shared_ptr<const FileHandle> file, std::vector<std::uint64_t> pieces,
             std::int64_t rows, std::int64_t per_piece, std::uint64_t row_bytes);

  std::int64_t rows() const { return rows_; }
  std::uint64_t row_bytes() const { return row_bytes_; }
  // Fills `out`, of row_bytes() bytes, with a row in [0, rows()); as FileHandle::read().
  // Errors (shape): no such row, another size.
  std::string read(std::int64_t row, std::span<std::byte> out) const;
  void will_need(std::int64_t row) const;

 private:
  std::uint64_t address(std::int64_t row) const;

  std::shared_ptr<const FileHandle> file_;
  std::vector<std::uint64_t> pieces_;
  std::int64_t rows_, per_piece_;
  std::uint64_t row_bytes_;
};

}  // namespace rn::io
