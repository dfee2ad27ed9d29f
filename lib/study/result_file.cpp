#include "study/result_file.h"

#include <algorithm>

namespace rn::study {
namespace {

using rn::to_string;

template <class T>
Tensor filled(const std::vector<T>& values, const Shape& shape, Dtype dtype) {
  Tensor tensor(shape, dtype, Tag::workspace);
  require(static_cast<std::int64_t>(values.size()) == tensor.size(), "{} values for {}",
          values.size(), to_string(shape));
  std::copy(values.begin(), values.end(), tensor.data<T>());
  return tensor;
}

template <class T>
std::vector<T> sized(const io::H5& file, const std::string& name, std::vector<T> values,
                     std::size_t rows) {
  if (values.size() != rows) {
    fail(ErrorKind::input, "{}: {} has {} rows instead of {}", file.name(), name, values.size(),
         rows);
  }
  return values;
}

}  // namespace

io::H5 start_result(const std::string& kind) {
  io::H5 file = io::H5::create();
  io::schema::mark(file, io::schema::Format::result);
  file.set("/", io::schema::kind_attribute, kind);
  return file;
}

void check_kind(const io::H5& file, const std::string& kind, const std::string& tool) {
  io::schema::check(file, io::schema::Format::result);
  const std::string found = file.get_string("/", io::schema::kind_attribute);
  if (found == kind) return;
  fail(ErrorKind::input, "{}: is a result of kind '{}'; expected one of {}", file.name(), found,
       tool);
}

Tensor tensor_of(const std::vector<double>& values, const Shape& shape) {
  return filled(values, shape, Dtype::f64);
}

Tensor tensor_of(const std::vector<std::int64_t>& values, const Shape& shape) {
  return filled(values, shape, Dtype::i64);
}

std::int64_t ResultReader::number(const char* name, std::int64_t least, std::int64_t most,
                                  const std::string& group) const {
  const std::int64_t value = file_.get_int(group, name);
  if (value < least || value > most) {
    fail(ErrorKind::input, "{}: {} of {} is {}; expected {} to {}", file_.name(), name, group,
         value, least, most);
  }
  return value;
}

std::vector<std::int64_t> ResultReader::ints(const std::string& name, std::size_t rows) const {
  return sized(file_, name, file_.read_ints(name), rows);
}

std::vector<double> ResultReader::reals(const std::string& name, std::size_t rows) const {
  return sized(file_, name, file_.read_doubles(name), rows);
}

std::vector<std::string> ResultReader::texts(const std::string& name, std::size_t rows) const {
  return sized(file_, name, file_.read_strings(name), rows);
}

std::vector<std::int64_t> ResultReader::within(const std::string& name, std::int64_t least,
                                               std::int64_t most) const {
  std::vector<std::int64_t> values = file_.read_ints(name);
  for (const std::int64_t value : values) {
    if (value >= least && value <= most) continue;
    fail(ErrorKind::input, "{}: {} holds {}; expected {} to {}", file_.name(), name, value, least,
         most);
  }
  return values;
}

Tensor ResultReader::tensor(const std::string& name, const Shape& shape, Dtype dtype) const {
  if (file_.shape(name) != shape || file_.dtype(name) != dtype) {
    fail(ErrorKind::input, "{}: {} is {} {}; expected {} {}", file_.name(), name,
         to_string(file_.dtype(name)), to_string(file_.shape(name)), to_string(dtype),
         to_string(shape));
  }
  return file_.read(name, Tag::workspace);
}

std::vector<double> ResultReader::values(const std::string& name, const Shape& shape) const {
  const Tensor values = tensor(name, shape, Dtype::f64);
  const auto span = values.span<double>();
  return {span.begin(), span.end()};
}

std::vector<double> ResultReader::norms(const std::string& name, const Shape& shape) const {
  std::vector<double> found = values(name, shape);
  if (std::any_of(found.begin(), found.end(), [](double x) { return !(x >= 0); })) {
    fail(ErrorKind::input, "{}: {} holds norms that cannot be", file_.name(), name);
  }
  return found;
}

std::vector<std::int64_t> ResultReader::counts(const std::string& name, const Shape& shape) const {
  const Tensor values = tensor(name, shape, Dtype::i64);
  const auto span = values.span<std::int64_t>();
  return {span.begin(), span.end()};
}

}  // namespace rn::study
