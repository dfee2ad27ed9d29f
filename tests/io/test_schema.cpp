#include "io/file.h"
#include "io/schema.h"
#include "support/catch.h"
#include "support/files.h"

using namespace rn;
using namespace rn::io;
using rn::test::contains;
using rn::test::error_of;
using schema::Format;

namespace {

H5 reopened(const H5& file) { return H5::open_image(file.image(), "x.h5"); }

std::string refusal(const H5& file, Format wanted) {
  return error_of(ErrorKind::input, [&] { schema::check(reopened(file), wanted); });
}

}  // namespace

TEST_CASE("a marked file passes as what it is, and only as that") {
  for (const Format format : {Format::model, Format::result, Format::data}) {
    H5 file = H5::create();
    schema::mark(file, format);
    CHECK(schema::identify(reopened(file)) == format);
    for (const Format wanted : {Format::model, Format::result, Format::data}) {
      if (wanted == format) {
        CHECK_NOTHROW(schema::check(reopened(file), wanted));
      } else {
        CHECK(contains(refusal(file, wanted), "expected " + schema::expectation(wanted)));
      }
    }
  }
  H5 model = H5::create();
  schema::mark(model, Format::model);
  CHECK(refusal(model, Format::data) ==
        "x.h5: is a model, not a data set; expected a data set written by resnet-data");
}

TEST_CASE("foreign HDF5 and newer versions are told apart") {
  H5 plain = H5::create();
  CHECK(refusal(plain, Format::model) ==
        "x.h5: an HDF5 file, but not one of resnet-tools; expected a model written by "
        "resnet-train");
  H5 keras = H5::create();
  keras.set("/", "keras_version", "2.9.0");
  CHECK(contains(refusal(keras, Format::model), "an HDF5 file of Keras"));
  H5 unknown = H5::create();
  unknown.set("/", "format", "somebody else's\nmodel");
  CHECK(contains(refusal(unknown, Format::model), "unknown here"));
  H5 numeric = H5::create();
  numeric.set("/", "format", std::int64_t{1});
  refusal(numeric, Format::model);
  H5 unversioned = H5::create();
  unversioned.set("/", "format", schema::to_string(Format::model));
  CHECK(contains(refusal(unversioned, Format::model), "format_version"));
  for (const std::int64_t version : {std::int64_t{0}, schema::format_version + 1}) {
    H5 newer = H5::create();
    schema::mark(newer, Format::model);
    newer.set("/", "format_version", version);
    CHECK(contains(refusal(newer, Format::model), "use a newer resnet-tools"));
  }
}

TEST_CASE("opening says what was expected of a file that is no HDF5") {
  const test::TempDir dir;
  test::put(dir / "m.h5", "loss 1.5\n");
  CHECK(error_of(ErrorKind::input, [&] { schema::open(dir / "m.h5", Format::model); }) ==
        (dir / "m.h5") +
            ": not an HDF5 file (it starts with text); expected a model written by resnet-train");
}
