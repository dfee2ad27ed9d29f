#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include "io/file.h"
#include "io/h5.h"
#include "support/catch.h"
#include "support/files.h"

using namespace rn;
using namespace rn::io;
using rn::test::contains;
using rn::test::error_of;

namespace {

template <class T>
Tensor counted(Shape shape) {
  Tensor tensor(std::move(shape), dtype_of<T>, Tag::workspace);
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    tensor.data<T>()[i] = static_cast<T>(3 * i + 1);
  }
  return tensor;
}

template <class T>
void check_round_trip(Shape shape) {
  const Tensor out = counted<T>(std::move(shape));
  H5 file = H5::create();
  file.write("group/of/x", out);
  const H5 back = H5::open_image(file.image(), "x.h5");
  const Tensor in = back.read("group/of/x", Tag::parameter);
  CHECK(in.shape() == out.shape());
  REQUIRE(in.dtype() == out.dtype());
  CHECK(in.tag() == Tag::parameter);
  CHECK(back.shape("group/of/x") == out.shape());
  CHECK(back.dtype("group/of/x") == out.dtype());
  CHECK((out.size() == 0 || std::memcmp(in.raw(), out.raw(), out.bytes()) == 0));
}

H5 everything() {
  H5 file = H5::create();
  file.set("/", "format", "something");
  file.write("parameters/stem.conv.weight", counted<float>({16, 3, 3, 3}));
  for (int i = 0; i < 300; ++i) {  // more than fits in an object header
    file.write(fmt::format("parameters/stage{}.weight", i), counted<float>({7}));
  }
  file.write_column("curves/loss", std::vector<double>{1.5, 0.25}, "nats");
  file.write_column("curves/epoch", std::vector<std::int64_t>{1, 2});
  file.write_column("classes", std::vector<std::string>{"a", "", "longer"});
  file.set("training", "seed", std::int64_t{7});
  file.set("training", "long", std::string(100000, 'x'));
  file.create_rows("rows", {5, 4}, Dtype::u8, 2);
  file.write_rows("rows", 0, counted<std::uint8_t>({5, 4}));
  return file;
}

}  // namespace

TEST_CASE("H5 returns tensors of every type and rank") {
  check_round_trip<float>({2, 3, 4, 5});
  check_round_trip<double>({7});
  check_round_trip<std::uint8_t>({3, 1});
  check_round_trip<std::int32_t>({2, 2});
  check_round_trip<std::int64_t>({1, 1, 1, 1, 4});
  check_round_trip<float>({});       // a scalar
  check_round_trip<double>({0, 4});  // empty
}

TEST_CASE("H5 keeps bfloat16 bit for bit") {
  H5 file = H5::create();
  Tensor values({1 << 16}, Dtype::bf16, Tag::workspace);
  for (int bits = 0; bits < 1 << 16; ++bits) {
    values.data<bfloat16>()[bits].bits = static_cast<std::uint16_t>(bits);
  }
  file.write("x", values);
  const H5 again = H5::open_image(file.image(), "x.h5");
  CHECK(again.dtype("x") == Dtype::bf16);
  const Tensor back = again.read("x", Tag::workspace);
  CHECK(std::memcmp(back.raw(), values.raw(), values.bytes()) == 0);
}

TEST_CASE("H5 keeps the bits of special numbers") {
  const double values[] = {0.0, -0.0, std::nan(""), INFINITY, 5e-324, 0.1};
  H5 file = H5::create();
  file.write_column("x", values);
  const auto back = H5::open_image(file.image(), "x.h5").read_doubles("x");
  REQUIRE(back.size() == std::size(values));
  CHECK(std::memcmp(back.data(), values, sizeof values) == 0);
}

TEST_CASE("H5 returns columns and attributes") {
  const H5 file = H5::open_image(everything().image(), "m.h5");
  CHECK(file.name() == "m.h5");
  CHECK(file.read_doubles("curves/loss") == std::vector<double>{1.5, 0.25});
  CHECK(file.read_doubles("curves/epoch") == std::vector<double>{1, 2});
  CHECK(file.read_ints("curves/epoch") == std::vector<std::int64_t>{1, 2});
  CHECK(file.get_string("curves/loss", "units") == "nats");
  CHECK_FALSE(file.has_attribute("curves/epoch", "units"));
  CHECK(file.read_strings("classes") == std::vector<std::string>{"a", "", "longer"});
  CHECK(file.get_int("training", "seed") == 7);
  CHECK(file.get_double("training", "seed") == 7.0);
  CHECK(file.get_string("training", "long") == std::string(100000, 'x'));
  CHECK(file.attributes("training") == std::vector<std::string>{"long", "seed"});
  CHECK(file.list("curves") == std::vector<std::string>{"epoch", "loss"});
  CHECK(file.list("parameters").size() == 301);
}

TEST_CASE("H5 attributes hold any text and may be replaced") {
  H5 file = H5::create();
  file.set("/", "a", "");
  file.set("/", "b", "ünïcode ✓\nand lines");
  file.set("/", "c", "first, and long");
  file.set("/", "c", 2.5);
  file.set("new/group", "d", std::numeric_limits<std::int64_t>::min());
  const H5 back = H5::open_image(file.image(), "x.h5");
  CHECK(back.get_string("/", "a").empty());
  CHECK(back.get_string("/", "b") == "ünïcode ✓\nand lines");
  CHECK(back.get_double("/", "c") == 2.5);
  CHECK(back.get_int("new/group", "d") == std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("H5 has() looks at every component of a path") {
  H5 file = H5::create();
  file.write("a/b", counted<float>({1}));
  CHECK(file.has("/"));
  CHECK(file.has("a"));
  CHECK(file.has("a/b"));
  CHECK(file.has("/a/b"));
  for (const char* absent : {"b", "a/c", "a/b/c", "x/y/z", "a/"}) {
    CAPTURE(absent);
    CHECK(file.has(absent) == (std::string(absent) == "a/"));
  }
}

TEST_CASE("H5 says what is absent or of another kind") {
  const H5 file = H5::open_image(everything().image(), "m.h5");
  const auto says = [&](auto&& f, const std::string& part) {
    const std::string message = error_of(ErrorKind::input, f);
    CAPTURE(message);
    CHECK(message.starts_with("m.h5: "));
    CHECK(contains(message, part));
  };
  says([&] { file.read("parameters/nothing", Tag::parameter); }, "has no 'parameters/nothing'");
  says([&] { file.read("curves", Tag::parameter); }, "'curves' is no data set");
  says([&] { file.read("classes", Tag::parameter); }, "'classes' is not of a type read here");
  says([&] { file.read_doubles("classes"); }, "does not hold numbers");
  says([&] { file.read_ints("curves/loss"); }, "does not hold integers");
  says([&] { file.read_strings("curves/loss"); }, "does not hold text");
  says([&] { file.read_doubles("rows"); }, "is no column: its shape is [5, 4]");
  says([&] { file.list("classes"); }, "cannot list");
  says([&] { file.get_int("training", "absent"); }, "has no attribute 'absent'");
  says([&] { file.get_int("training", "long"); }, "is not one integer");
  says([&] { file.get_string("training", "seed"); }, "is not one piece of text");
  says([&] { file.read("parameters/stem.conv.weight", Tag::parameter, 1727); }, "1727 bytes");
  says([&] { file.read("bad\nname", Tag::parameter); }, "'bad\\x0aname'");
  CHECK(file.read("parameters/stem.conv.weight", Tag::parameter, 1728).size() == 432);
}

TEST_CASE("H5 writes once, and only into new files") {
  H5 file = H5::create();
  file.write("x", counted<float>({2}));
  error_of(ErrorKind::shape, [&] { file.write("x", counted<float>({2})); });
  error_of(ErrorKind::shape, [&] { file.write("", counted<float>({2})); });
  H5 opened = H5::open_image(file.image(), "x.h5");
  error_of(ErrorKind::shape, [&] { opened.write("y", counted<float>({2})); });
  error_of(ErrorKind::shape, [&] { opened.set("/", "y", 1.0); });
  CHECK(opened.read("x", Tag::workspace).size() == 2);
}

TEST_CASE("H5 rows are written and read in parts") {
  const Tensor all = counted<std::uint8_t>({7, 2, 3});
  H5 file = H5::create();
  file.create_rows("images", all.shape(), Dtype::u8, 3);
  file.write_rows("images", 0, all.slice(0, 3));
  file.write_rows("images", 3, all.slice(3, 7));
  const H5 back = H5::open_image(file.image(), "x.h5");
  const Tensor part({4, 2, 3}, Dtype::u8, Tag::input);
  back.read_rows("images", 2, part);
  CHECK(std::memcmp(part.raw(), all.slice(2, 6).raw(), part.bytes()) == 0);
  error_of(ErrorKind::shape, [&] { back.read_rows("images", 4, part); });
  error_of(ErrorKind::shape, [&] { back.read_rows("images", -1, part); });
  error_of(ErrorKind::shape, [&] { back.read_rows("images", 0, part.reshape({4, 3, 2})); });
  error_of(ErrorKind::shape, [&] { file.create_rows("none", {0, 2}, Dtype::u8, 1); });
}

TEST_CASE("H5 images of the same content are the same bytes") {
  const Bytes first = everything().image();
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // time stamps count seconds
  const H5 again = everything();
  CHECK((again.image() == first));
  CHECK((again.image() == first));  // and taking one changes nothing
  CHECK((H5::open_image(again.image(), "x.h5").image() == first));
}

TEST_CASE("H5 files that are open together do not mix") {
  H5 a = H5::create(), b = H5::create();
  a.write("a", counted<float>({1}));
  b.write("b", counted<float>({2}));
  const H5 c = H5::open_image(a.image(), "c"), d = H5::open_image(b.image(), "d");
  CHECK(c.list("/") == std::vector<std::string>{"a"});
  CHECK(d.list("/") == std::vector<std::string>{"b"});
  a = std::move(b);
  CHECK(a.list("/") == std::vector<std::string>{"b"});
}

TEST_CASE("H5 goes through a file unchanged") {
  const test::TempDir dir;
  const H5 file = everything();
  write_file(dir / "m.h5", file.image());
  const H5 back = H5::open(dir / "m.h5");
  CHECK(back.name() == dir / "m.h5");
  CHECK((back.image() == file.image()));
}
