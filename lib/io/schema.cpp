#include "io/schema.h"

#include "io/file.h"
#include "io/h5_impl.h"

namespace rn::io::schema {
namespace {

const char* maker(Format format) {
  switch (format) {
    case Format::model: return "resnet-train";
    case Format::result: return "a resnet-tools study";
    case Format::data: return "resnet-data";
  }
  return "?";
}

const char* noun(Format format) {
  switch (format) {
    case Format::model: return "a model";
    case Format::result: return "a result";
    case Format::data: return "a data set";
  }
  return "?";
}

Format identify_as(const H5& file, const std::string& expected) {
  const auto foreign = [&](const std::string& what) {
    fail(ErrorKind::input, "{}: {}; expected {}", file.name(), what, expected);
  };
  if (!file.has_attribute("/", format_attribute)) {
    foreign(file.has_attribute("/", "keras_version") || file.has_attribute("/", "layer_names")
                ? "an HDF5 file of Keras"
                : "an HDF5 file, but not one of resnet-tools");
  }
  const std::string text = file.get_string("/", format_attribute);
  for (const Format format : {Format::model, Format::result, Format::data}) {
    if (text != to_string(format)) continue;
    const std::int64_t version = file.get_int("/", version_attribute);
    if (version > format_version || version < 1) {
      fail(ErrorKind::input,
           "{}: {} in format version {}, this program knows versions 1 to {}; use a newer "
           "resnet-tools",
           file.name(), noun(format), version, format_version);
    }
    return format;
  }
  foreign(fmt::format("an HDF5 file in the format {}, which is unknown here", quoted(text)));
  return {};
}

}  // namespace

const char* to_string(Format format) {
  switch (format) {
    case Format::model: return "resnet-tools model";
    case Format::result: return "resnet-tools result";
    case Format::data: return "resnet-tools data";
  }
  return "?";
}

std::string expectation(Format format) {
  return fmt::format("{} written by {}", noun(format), maker(format));
}

void mark(H5& file, Format format) {
  file.set("/", format_attribute, to_string(format));
  file.set("/", version_attribute, format_version);
}

Format identify(const H5& file) { return identify_as(file, std::string(H5::any_file)); }

void check(const H5& file, Format format) {
  const Format found = identify_as(file, expectation(format));
  if (found != format) {
    fail(ErrorKind::input, "{}: is {}, not {}; expected {}", file.name(), noun(found), noun(format),
         expectation(format));
  }
}

H5 open(const std::string& path, Format format) {
  H5 file = H5::open(path, expectation(format));
  check(file, format);
  return file;
}

Digested open_digested(const std::string& path, Format format) {
  Bytes bytes = read_file(path);
  std::string digest = sha256(bytes);
  H5 file = H5::open_image(std::move(bytes), path == "-" ? "stdin" : path, expectation(format));
  check(file, format);
  return {std::move(file), std::move(digest)};
}

}  // namespace rn::io::schema
