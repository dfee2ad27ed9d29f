// MNIST's files: read, packed or not, and refused where they are damaged.
#include "data/kinds.h"
#include "io/gzip.h"
#include "support/files.h"

using namespace rn;
using namespace rn::data;
using test::contains;
using test::error_of;
using test::put;
using test::TempDir;

namespace {

std::string big_endian(std::uint32_t x) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(x >> shift & 0xff);
  return bytes;
}

std::string idx(const std::vector<std::uint32_t>& shape, const std::string& content) {
  std::string bytes = {0, 0, 8, static_cast<char>(shape.size())};
  for (const std::uint32_t extent : shape) bytes += big_endian(extent);
  return bytes + content;
}

std::string pixels(int count) {
  std::string bytes;
  for (int i = 0; i < count * 6; ++i) bytes += static_cast<char>(i);
  return bytes;
}

// Three training images of 2x3 pixels and two to test on.
void put_set(const std::string& dir) {
  put(dir + "/train-images-idx3-ubyte", idx({3, 2, 3}, pixels(3)));
  put(dir + "/train-labels-idx1-ubyte", idx({3}, std::string("\x01\x09\x00", 3)));
  put(dir + "/t10k-images.idx3-ubyte", idx({2, 2, 3}, pixels(2)));  // as some unpackers name it
  put(dir + "/t10k-labels.idx1-ubyte", idx({2}, std::string("\x02\x03", 2)));
}

// gzip of "hello hello hello\n".
const unsigned char packed[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
                                0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x90, 0x5c,
                                0x00, 0x3b, 0x7c, 0x8a, 0xdf, 0x12, 0x00, 0x00, 0x00};

std::string packed_text() { return {reinterpret_cast<const char*>(packed), sizeof packed}; }

}  // namespace

TEST_CASE("idx files are read", "[data]") {
  const TempDir folder;
  put_set(folder.path());
  const auto train = open_source("mnist:" + folder.path(), Split::train);
  CHECK(train->info().count == 3);
  CHECK(train->info().height == 2);
  CHECK(train->info().width == 3);
  CHECK(train->info().channels == 1);
  CHECK(train->info().classes() == 10);
  std::vector<std::uint8_t> image(6);
  CHECK(train->read(1, image) == 9);
  CHECK(image == std::vector<std::uint8_t>{6, 7, 8, 9, 10, 11});
  const auto test = open_source("mnist:" + folder.path(), Split::test, 1);
  CHECK(test->info().count == 1);
  CHECK(test->read(0, image) == 2);
  CHECK(test->info().digest != train->info().digest);
}

TEST_CASE("damaged idx files are refused by name", "[data]") {
  const TempDir folder;
  put_set(folder.path());
  const std::string images = folder / "train-images-idx3-ubyte",
                    labels = folder / "train-labels-idx1-ubyte";
  std::string bad = images;
  SECTION("missing") { std::filesystem::remove(images); }
  SECTION("empty") { put(images, ""); }
  SECTION("a short header") { put(images, idx({3, 2, 3}, "").substr(0, 11)); }
  SECTION("cut short") { put(images, idx({3, 2, 3}, pixels(3).substr(1))); }
  SECTION("too long") { put(images, idx({3, 2, 3}, pixels(4))); }
  SECTION("another rank") { put(images, idx({18}, pixels(3))); }
  SECTION("a huge claim") { put(images, idx({0xffffffff, 0xffffffff, 0xffffffff}, pixels(3))); }
  SECTION("no images") { put(images, idx({0, 2, 3}, "")), put(labels, idx({0}, "")); }
  SECTION("other counts") { put(labels, idx({2}, std::string("\x01\x02", 2))); }
  SECTION("a label of 10") {
    put(labels, idx({3}, std::string("\x01\x0a\x02", 3)));
    bad = labels;
  }
  SECTION("floats") {
    std::string bytes = idx({3, 2, 3}, pixels(3));
    bytes[2] = 0x0d;
    put(images, bytes);
  }
  const std::string what =
      error_of(ErrorKind::input, [&] { open_source("mnist:" + folder.path(), Split::train); });
  CHECK(contains(what, std::filesystem::path(bad).filename().string()));
}

TEST_CASE("gzip is unpacked, member by member, and no further than the limit", "[data]") {
  const TempDir folder;
  const std::string path = folder / "x.gz", text = "hello hello hello\n";
  put(path, packed_text());
  const auto as_text = [](const io::Bytes& bytes) {
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  CHECK(as_text(io::read_unpacked(path, 100)) == text);
  put(path, packed_text() + packed_text());
  CHECK(as_text(io::read_unpacked(path, 100)) == text + text);
  CHECK(contains(error_of(ErrorKind::input, [&] { io::read_unpacked(path, 35); }), "35 bytes"));
  put(path, text);
  CHECK(as_text(io::read_unpacked(path, 100)) == text);
  error_of(ErrorKind::input, [&] { io::read_unpacked(path, 10); });
  for (std::size_t length = 2; length < sizeof packed; ++length) {
    put(path, packed_text().substr(0, length));
    CHECK(contains(error_of(ErrorKind::input, [&] { io::read_unpacked(path, 100); }), "gzip"));
  }
  for (std::size_t at = 2; at < sizeof packed; ++at) {
    std::string bytes = packed_text();
    bytes[at] = static_cast<char>(bytes[at] ^ 0x5a);
    put(path, bytes);
    try {  // some bytes of the header may be anything
      const io::Bytes got = io::read_unpacked(path, 100);
      CHECK(as_text(got) == text);
    } catch (const Error& error) {
      CHECK(static_cast<int>(error.kind()) == static_cast<int>(ErrorKind::input));
    }
  }
}
