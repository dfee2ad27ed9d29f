// What the result files of all studies have in common (docs/man/resnet-h5.5): how they begin, and
// how they are read: each number, table and array held against what it has to be.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "io/h5.h"
#include "io/provenance.h"
#include "io/schema.h"
#include "tensor/tensor.h"

namespace rn::study {

// The root attributes of a result of this kind.
io::H5 start_result(const std::string& kind);
// Errors (input): another format, or of another kind than `tool` writes.
void check_kind(const io::H5& file, const std::string& kind, const std::string& tool);

// One value of each row.
template <class T, class Row, class F>
std::vector<T> column(const std::vector<Row>& rows, F&& value) {
  std::vector<T> out;
  out.reserve(rows.size());
  for (const Row& row : rows) out.push_back(static_cast<T>(value(row)));
  return out;
}

Tensor tensor_of(const std::vector<double>& values, const Shape& shape);        // f64
Tensor tensor_of(const std::vector<std::int64_t>& values, const Shape& shape);  // i64

// Errors of all of these (input): it is not there, of another type or size than asked for, outside
// the range.
class ResultReader {
 public:
  explicit ResultReader(const io::H5& file) : file_(file) {}

  // An attribute of the group "study", or of another.
  std::int64_t number(const char* name, std::int64_t least, std::int64_t most,
                      const std::string& group = "study") const;
  bool flag(const char* name) const { return number(name, 0, 1) != 0; }

  // Columns of so many rows.
  std::vector<std::int64_t> ints(const std::string& name, std::size_t rows) const;
  std::vector<double> reals(const std::string& name, std::size_t rows) const;
  std::vector<std::string> texts(const std::string& name, std::size_t rows) const;
  // A column of any length.
  std::vector<std::int64_t> within(const std::string& name, std::int64_t least,
                                   std::int64_t most) const;

  Tensor tensor(const std::string& name, const Shape& shape, Dtype dtype) const;
  std::vector<double> values(const std::string& name, const Shape& shape) const;        // f64
  std::vector<double> norms(const std::string& name, const Shape& shape) const;         // 0 or more
  std::vector<std::int64_t> counts(const std::string& name, const Shape& shape) const;  // i64

 private:
  const io::H5& file_;
};

// The results in several files, in their order; says in `inputs` what was read.
template <class Read>
auto read_parts(const std::vector<std::string>& paths, std::vector<io::Provenance::Input>& inputs,
                Read&& read) {
  std::vector<decltype(read(std::declval<const io::H5&>()))> parts;
  for (const std::string& path : paths) {
    const io::schema::Digested opened = io::schema::open_digested(path, io::schema::Format::result);
    inputs.push_back({path, opened.digest});
    parts.push_back(read(opened.file));
  }
  return parts;
}

}  // namespace rn::study
