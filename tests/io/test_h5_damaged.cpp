// Files that are not what they should be: cut, foreign, lying. What is hostile is made with libhdf5
// itself.
#include <hdf5.h>

#include <cstring>
#include <functional>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#include "base/rng.h"
#include "io/file.h"
#include "io/h5.h"
#include "io/schema.h"
#include "support/catch.h"
#include "support/files.h"

using namespace rn;
using namespace rn::io;
using rn::test::contains;
using rn::test::error_of;

namespace {

Bytes bytes_of(const std::string& text) {
  Bytes bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

std::string open_error(Bytes image) {
  return error_of(ErrorKind::input, [&] { H5::open_image(std::move(image), "m.h5", "a model"); });
}

Bytes sample() {
  H5 file = H5::create();
  schema::mark(file, schema::Format::model);
  file.write("parameters/w", Tensor::zeros({64, 3, 3, 64}, Dtype::f32, Tag::parameter));
  file.write_column("curves/loss", std::vector<double>{1, 2, 3});
  file.write_column("classes", std::vector<std::string>{"cat", "dog"});
  return file.image();
}

// A file that libhdf5 writes by itself, given what to put in.
Bytes foreign(const test::TempDir& dir, const std::function<void(hid_t)>& fill) {
  const std::string path = dir / "foreign.h5";
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  fill(file);
  H5Fclose(file);
  return read_file(path);
}

hid_t make(hid_t file, const char* name, hid_t type, std::vector<hsize_t> dims,
           hid_t dcpl = H5P_DEFAULT) {
  const hid_t space = H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr);
  const hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
  H5Sclose(space);
  return dataset;
}

// libhdf5 itself forgets memory when it meets damaged metadata. Whether we close what we open is
// checked by counting.
struct LeaksOfLibhdf5 {
#if defined(__SANITIZE_ADDRESS__)
  LeaksOfLibhdf5() { __lsan_disable(); }
  ~LeaksOfLibhdf5() { __lsan_enable(); }
#else
  LeaksOfLibhdf5() {}
#endif
};

}  // namespace

TEST_CASE("what is not HDF5 is called by its name") {
  CHECK(contains(open_error({}), "m.h5: is empty; expected a model"));
  CHECK(contains(open_error(bytes_of("x")), "not an HDF5 file (it starts with text)"));
  CHECK(contains(open_error(bytes_of("epoch,loss\n1,2\n")), "it starts with text"));
  CHECK(contains(open_error(bytes_of(std::string("\x1f\x8b\x08\0\0", 5))), "gzip"));
  CHECK(contains(open_error(bytes_of("PK\x03\x04....")), "zip archive"));
  CHECK(contains(open_error(Bytes(5000)), "first bytes are not HDF5's"));
  CHECK(contains(open_error(bytes_of("\x89HDF\r")), "cut off"));
}

TEST_CASE("a file cut anywhere is refused") {
  const Bytes whole = sample();
  REQUIRE_NOTHROW(H5::open_image(whole, "m.h5"));
  const std::size_t n = whole.size();
  for (const std::size_t keep :
       {std::size_t{8}, std::size_t{9}, std::size_t{12}, std::size_t{15}, std::size_t{16},
        std::size_t{30}, std::size_t{47}, std::size_t{48}, std::size_t{100}, n / 2, n - 1}) {
    CAPTURE(keep);
    const std::string message =
        open_error(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(keep)));
    CHECK(contains(message, "m.h5: truncated HDF5 file"));
  }
  Bytes longer = whole;  // trailing bytes do no harm
  longer.resize(n + 100);
  CHECK_NOTHROW(H5::open_image(longer, "m.h5"));
}

TEST_CASE("a file cut anywhere is refused, also in the older layout of h5py") {
  const test::TempDir dir;
  const Bytes whole = foreign(dir, [](hid_t file) {
    const std::vector<float> values(1000);
    const hid_t x = make(file, "x", H5T_IEEE_F32LE, {1000});
    H5Dwrite(x, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    H5Dclose(x);
  });
  REQUIRE_NOTHROW(H5::open_image(whole, "m.h5"));
  for (const std::size_t keep :
       {std::size_t{12}, std::size_t{40}, std::size_t{96}, whole.size() / 2, whole.size() - 1}) {
    CAPTURE(keep);
    Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(keep));
    CHECK(contains(open_error(std::move(part)), "truncated HDF5 file"));
  }
}

TEST_CASE("the missing, the unreadable and directories are named") {
  const test::TempDir dir;
  const auto error = [&](const std::string& path) {
    return error_of(ErrorKind::input, [&] { H5::open(path); });
  };
  CHECK(contains(error(dir / "none.h5"), "none.h5: cannot open: No such file"));
  CHECK(contains(error(dir.path()), "is a directory"));
}

TEST_CASE("foreign HDF5 opens, and its texts and numbers are read") {
  const test::TempDir dir;
  const H5 file = H5::open_image(
      foreign(dir,
              [](hid_t f) {
                const hid_t text = H5Tcopy(H5T_C_S1);
                H5Tset_size(text, H5T_VARIABLE);
                const hid_t scalar = H5Screate(H5S_SCALAR);
                const hid_t a = H5Acreate2(f, "note", text, scalar, H5P_DEFAULT, H5P_DEFAULT);
                const char* note = "of any length";
                H5Awrite(a, text, &note);
                H5Aclose(a);
                const hid_t s = make(f, "names", text, {3});
                const char* names[] = {"one", "", "three"};
                H5Dwrite(s, text, H5S_ALL, H5S_ALL, H5P_DEFAULT, names);
                H5Dclose(s);
                const hid_t spaced = H5Tcopy(H5T_FORTRAN_S1);
                H5Tset_size(spaced, 6);
                const hid_t p = make(f, "padded", spaced, {1});
                H5Dwrite(p, spaced, H5S_ALL, H5S_ALL, H5P_DEFAULT, "left  ");
                H5Dclose(p);
                const double big[] = {1.5, -2};
                const hid_t b = make(f, "big-endian", H5T_IEEE_F64BE, {2});
                H5Dwrite(b, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, big);
                H5Dclose(b);
                const short small[] = {1, -2};
                const hid_t i = make(f, "int16", H5T_STD_I16LE, {2});
                H5Dwrite(i, H5T_NATIVE_SHORT, H5S_ALL, H5S_ALL, H5P_DEFAULT, small);
                H5Dclose(i);
                H5Tclose(text);
                H5Tclose(spaced);
                H5Sclose(scalar);
              }),
      "f.h5");
  CHECK(file.get_string("/", "note") == "of any length");
  CHECK(file.read_strings("names") == std::vector<std::string>{"one", "", "three"});
  CHECK(file.read_strings("padded") == std::vector<std::string>{"left"});
  CHECK(file.read_doubles("big-endian") == std::vector<double>{1.5, -2});
  CHECK(file.read("big-endian", Tag::workspace).data<double>()[1] == -2);
  CHECK(file.read_ints("int16") == std::vector<std::int64_t>{1, -2});
  CHECK(contains(error_of(ErrorKind::input, [&] { file.read("int16", Tag::workspace); }),
                 "not of a type read here"));
}

TEST_CASE("files in libhdf5's newest layout open too") {
  const test::TempDir dir;
  const std::string path = dir / "new.h5";
  const hid_t fapl = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_libver_bounds(fapl, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
  const hid_t f = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, fapl);
  const float value = 1.5F;
  const hid_t x = make(f, "x", H5T_IEEE_F32LE, {1});
  H5Dwrite(x, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value);
  H5Dclose(x), H5Fclose(f), H5Pclose(fapl);
  CHECK(H5::open(path).read("x", Tag::workspace).data<float>()[0] == 1.5F);
}

TEST_CASE("a claimed size that the file does not hold allocates nothing") {
  const test::TempDir dir;
  const H5 file = H5::open_image(
      foreign(
          dir,
          [](hid_t f) {
            const hsize_t huge = hsize_t{1} << 40;
            H5Dclose(make(f, "contiguous", H5T_IEEE_F32LE, {huge, 64}));
            H5Dclose(make(f, "within-limit", H5T_IEEE_F32LE, {hsize_t{1} << 30}));
            H5Dclose(make(f, "overflow", H5T_IEEE_F32LE, {hsize_t{1} << 32, hsize_t{1} << 31, 8}));
            const hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE);
            const hsize_t chunk = 1000;
            H5Pset_chunk(dcpl, 1, &chunk);
            H5Dclose(make(f, "sparse", H5T_IEEE_F64LE, {hsize_t{1} << 29}, dcpl));
            H5Pset_deflate(dcpl, 1);
            H5Dclose(make(f, "bomb", H5T_IEEE_F64LE, {hsize_t{1} << 29}, dcpl));
            H5Pclose(dcpl);
            const hid_t wide = H5Tcopy(H5T_C_S1);
            H5Tset_size(wide, std::size_t{1} << 31);
            H5Dclose(make(f, "wide-text", wide, {1 << 20}));
            H5Tclose(wide);
          }),
      "f.h5");
  const auto before = Ledger::global().allocations();
  for (const char* name : {"contiguous", "within-limit", "overflow", "sparse", "bomb"}) {
    CAPTURE(name);
    const std::string message =
        error_of(ErrorKind::input, [&] { file.read(name, Tag::workspace); });
    CHECK((contains(message, "larger than") || contains(message, "does not hold them")));
    error_of(ErrorKind::input, [&] { file.read_doubles(name); });
  }
  error_of(ErrorKind::input, [&] { file.read_strings("wide-text"); });
  CHECK(Ledger::global().allocations() == before);
}

TEST_CASE("a dimension of 0 does not hide huge ones") {
  const test::TempDir dir;
  const hsize_t huge = hsize_t{1} << 62, wide = hsize_t{1} << 32;
  const H5 file = H5::open_image(
      foreign(dir,
              [&](hid_t f) {
                H5Dclose(make(f, "first", H5T_IEEE_F32LE, {0, huge, huge}));
                H5Dclose(make(f, "last", H5T_IEEE_F32LE, {huge, huge, 0}));
                H5Dclose(make(f, "wide", H5T_IEEE_F64LE, {wide, wide, 0}));
                H5Dclose(make(f, "empty", H5T_IEEE_F32LE, {3, 0, 5}));
                const hsize_t square[] = {wide, wide};  // its product is 0 in 64 bits
                const hid_t space = H5Screate_simple(2, square, nullptr);
                const hid_t text = H5Tcopy(H5T_C_S1);
                const hid_t a = H5Acreate2(f, "texts", text, space, H5P_DEFAULT, H5P_DEFAULT);
                if (a >= 0) H5Aclose(a);
                H5Tclose(text), H5Sclose(space);
              }),
      "f.h5");
  for (const char* name : {"first", "last", "wide"}) {
    CAPTURE(name);
    std::string stored;
    const auto refused = [&](auto&& read) {
      CHECK_THAT(error_of(ErrorKind::input, read), Catch::Matchers::Contains("is larger than"));
    };
    refused([&] { file.shape(name); });
    refused([&] { file.read(name, Tag::workspace); });
    refused([&] { file.read_widened(name, Tag::workspace, stored, std::int64_t{1} << 36); });
  }
  CHECK(file.read("empty", Tag::workspace).shape() == Shape{3, 0, 5});
  if (file.has_attribute("/", "texts")) {
    error_of(ErrorKind::input, [&] { file.get_strings("/", "texts", 10); });
  }
}

TEST_CASE("one long text does not multiply") {
  const test::TempDir dir;
  constexpr std::size_t count = 1000, pointer = 16;  // bytes of one text's place in a heap
  haddr_t at = 0;
  Bytes image = foreign(dir, [&](hid_t f) {
    const hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, H5T_VARIABLE);
    const hid_t set = make(f, "texts", text, {count});
    const std::string one(50'000, 'x');
    std::vector<const char*> texts(count, "y");
    texts[0] = one.c_str();
    H5Dwrite(set, text, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts.data());
    at = H5Dget_offset(set);
    H5Dclose(set), H5Tclose(text);
  });
  CHECK(H5::open_image(image, "f.h5").read_strings("texts")[1] == "y");
  REQUIRE(at + count * pointer <= image.size());
  for (std::size_t i = 1; i < count; ++i) {
    std::memcpy(image.data() + at + i * pointer, image.data() + at, pointer);
  }
  const LeaksOfLibhdf5 allowed;
  const H5 file = H5::open_image(std::move(image), "f.h5");
  CHECK(contains(error_of(ErrorKind::input, [&] { file.read_strings("texts"); }), "cannot read"));
}

TEST_CASE("what is damaged is not taken for absent") {
  Bytes image = sample();
  const std::uint64_t at = H5::open_image(image, "m.h5").address("curves");
  image[at + 8] ^= std::byte{1};  // inside the group's header, which has a checksum
  const LeaksOfLibhdf5 allowed;
  const H5 file = H5::open_image(std::move(image), "m.h5");
  CHECK(file.has("parameters/w"));
  CHECK(contains(error_of(ErrorKind::input, [&] { file.has("curves/loss"); }),
                 "m.h5: cannot open 'curves/loss'"));
}

TEST_CASE("an object has one address, by whatever path") {
  const test::TempDir dir;
  const H5 file = H5::open_image(
      foreign(dir,
              [&](hid_t f) {
                const hid_t a = H5Gcreate2(f, "a", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
                H5Gclose(H5Gcreate2(f, "b", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
                H5Lcreate_hard(f, "/", a, "up", H5P_DEFAULT, H5P_DEFAULT);
                H5Lcreate_soft("/a", f, "soft", H5P_DEFAULT, H5P_DEFAULT);
                H5Gclose(a);
              }),
      "f.h5");
  CHECK(file.address("a") == file.address("a/up/a"));
  CHECK(file.address("a") == file.address("soft"));
  CHECK(file.address("/") == file.address("a/up"));
  CHECK(file.address("a") != file.address("b"));
  CHECK(file.is_group("a/up/a/up/b"));
}

TEST_CASE("data outside the file is not followed") {
  const test::TempDir dir;
  test::put(dir / "secret", std::string(400, 's'));
  const H5 file =
      H5::open_image(foreign(dir,
                             [&](hid_t f) {
                               const hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE);
                               H5Pset_external(dcpl, (dir / "secret").c_str(), 0, 400);
                               H5Dclose(make(f, "external", H5T_IEEE_F32LE, {100}, dcpl));
                               H5Pclose(dcpl);
                               H5Lcreate_external((dir / "other.h5").c_str(), "/", f, "link",
                                                  H5P_DEFAULT, H5P_DEFAULT);
                               H5Lcreate_soft("/loop", f, "loop", H5P_DEFAULT, H5P_DEFAULT);
                               // What a soft link leads to may itself lead out.
                               H5Lcreate_soft("/link/x", f, "by-way", H5P_DEFAULT, H5P_DEFAULT);
                             }),
                     "f.h5");
  const hid_t other =
      H5Fcreate((dir / "other.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  H5Dclose(make(other, "x", H5T_IEEE_F32LE, {1}));
  H5Fclose(other);
  CHECK(contains(error_of(ErrorKind::input, [&] { file.read("external", Tag::workspace); }),
                 "in other files"));
  CHECK_FALSE(file.has("link"));
  CHECK_FALSE(file.has("link/x"));
  CHECK_FALSE(file.has("loop"));
  CHECK_FALSE(file.has("by-way"));
  error_of(ErrorKind::input, [&] { file.read("link/x", Tag::workspace); });
}

// Every byte of the metadata is covered by a checksum, so damage there is found; damage in the
// numbers themselves is not, and is read as it is.
TEST_CASE("single damaged bytes give an error or other numbers, never a crash") {
  const Bytes whole = sample();
  Rng rng(1, RngPurpose::test);
  int refused = 0;
  for (int trial = 0; trial < 1500; ++trial) {
    Bytes image = whole;
    // Metadata lies around the large data set's 147,456 bytes of zeros.
    std::size_t at = rng.below(static_cast<std::uint32_t>(image.size() - 147456));
    if (at >= 1000) at += 147456;
    if (at >= image.size()) at = image.size() - 1;
    image[at] ^= static_cast<std::byte>(1 + rng.below(255));
    const LeaksOfLibhdf5 allowed;
    try {
      const H5 file = H5::open_image(std::move(image), "m.h5");
      schema::check(file, schema::Format::model);
      file.read("parameters/w", Tag::workspace);
      file.read_doubles("curves/loss");
      file.read_strings("classes");
    } catch (const Error& error) {
      ++refused;
      CHECK(static_cast<int>(error.kind()) == static_cast<int>(ErrorKind::input));
      CHECK(std::string(error.what()).find('\n') == std::string::npos);
    }
  }
  CHECK(refused > 300);
  CHECK(H5Fget_obj_count(static_cast<hid_t>(H5F_OBJ_ALL), H5F_OBJ_ALL) == 0);
}
