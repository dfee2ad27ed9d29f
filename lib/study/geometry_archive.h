// Between a geometry result and its file.
#pragma once

#include <string>
#include <vector>

#include "study/result_file.h"

namespace rn::study {

constexpr const char* study = "study";  // a group
using Reals = std::vector<double>;
using Ints = std::vector<std::int64_t>;

// Writes or reads the same data sets by the same calls, so that the two cannot disagree.
class Archive {
 public:
  explicit Archive(io::H5& file) : out_(&file) {}
  explicit Archive(const io::H5& file) : in_(&file) {}
  bool reading() const { return in_ != nullptr; }

  void reals(const std::string& name, Reals& values, const Shape& shape) {
    out_ ? out_->write(name, tensor_of(values, shape))
         : void(values = ResultReader(*in_).values(name, shape));
  }
  void ints(const std::string& name, Ints& values, const Shape& shape) {
    out_ ? out_->write(name, tensor_of(values, shape))
         : void(values = ResultReader(*in_).counts(name, shape));
  }
  // Columns, whose length is the file's to say.
  void column(const std::string& name, Reals& values) {
    out_ ? out_->write_column(name, values) : void(values = in_->read_doubles(name));
  }
  void column(const std::string& name, Ints& values) {
    out_ ? out_->write_column(name, values) : void(values = in_->read_ints(name));
  }
  void column(const std::string& name, std::vector<std::string>& values) {
    out_ ? out_->write_column(name, values) : void(values = in_->read_strings(name));
  }
  void text(const char* name, std::string& value) {
    out_ ? out_->set(study, name, value) : void(value = in_->get_string(study, name));
  }
  void real(const std::string& at, const char* name, double& value) {
    out_ ? out_->set(at, name, value) : void(value = in_->get_double(at, name));
  }
  void number(const std::string& at, const char* name, std::int64_t& value, std::int64_t least,
              std::int64_t largest) {
    out_ ? out_->set(at, name, value)
         : void(value = ResultReader(*in_).number(name, least, largest, at));
  }
  // Whether a part is there.
  bool part(const std::string& name, bool there) const { return out_ ? there : in_->has(name); }

 private:
  io::H5* out_ = nullptr;
  const io::H5* in_ = nullptr;
};

}  // namespace rn::study
