// Folders of images: which there are, what they look like, and what damaged ones do.
#include <array>
#include <span>

#include "data/kinds.h"
#include "io/file.h"
#include "io/picture.h"
#include "support/files.h"

using namespace rn;
using namespace rn::data;
using test::contains;
using test::error_of;
using test::put;
using test::TempDir;

namespace {

// 40x24 pixels: the left half (200, 40, 40), the right half (40, 40, 200).
const unsigned char jpeg[] = {
    0xff, 0xd8, 0xff, 0xe0, 0x00, 0x10, 0x4a, 0x46, 0x49, 0x46, 0x00, 0x01, 0x01, 0x00, 0x00, 0x01,
    0x00, 0x01, 0x00, 0x00, 0xff, 0xdb, 0x00, 0x43, 0x00, 0x05, 0x03, 0x04, 0x04, 0x04, 0x03, 0x05,
    0x04, 0x04, 0x04, 0x05, 0x05, 0x05, 0x06, 0x07, 0x0c, 0x08, 0x07, 0x07, 0x07, 0x07, 0x0f, 0x0b,
    0x0b, 0x09, 0x0c, 0x11, 0x0f, 0x12, 0x12, 0x11, 0x0f, 0x11, 0x11, 0x13, 0x16, 0x1c, 0x17, 0x13,
    0x14, 0x1a, 0x15, 0x11, 0x11, 0x18, 0x21, 0x18, 0x1a, 0x1d, 0x1d, 0x1f, 0x1f, 0x1f, 0x13, 0x17,
    0x22, 0x24, 0x22, 0x1e, 0x24, 0x1c, 0x1e, 0x1f, 0x1e, 0xff, 0xdb, 0x00, 0x43, 0x01, 0x05, 0x05,
    0x05, 0x07, 0x06, 0x07, 0x0e, 0x08, 0x08, 0x0e, 0x1e, 0x14, 0x11, 0x14, 0x1e, 0x1e, 0x1e, 0x1e,
    0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e,
    0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e,
    0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0xff, 0xc0,
    0x00, 0x11, 0x08, 0x00, 0x18, 0x00, 0x28, 0x03, 0x01, 0x11, 0x00, 0x02, 0x11, 0x01, 0x03, 0x11,
    0x01, 0xff, 0xc4, 0x00, 0x17, 0x00, 0x01, 0x01, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x06, 0x07, 0xff, 0xc4, 0x00, 0x18, 0x10, 0x01,
    0x00, 0x03, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x06, 0x44, 0x82, 0xc1, 0xff, 0xc4, 0x00, 0x17, 0x01, 0x01, 0x01, 0x01, 0x01, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07, 0x08, 0x06, 0xff, 0xc4, 0x00,
    0x18, 0x11, 0x01, 0x00, 0x03, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x07, 0x44, 0x82, 0xc2, 0xff, 0xda, 0x00, 0x0c, 0x03, 0x01, 0x00, 0x02, 0x11,
    0x03, 0x11, 0x00, 0x3f, 0x00, 0xe7, 0xee, 0x51, 0xa0, 0x00, 0x47, 0x92, 0x57, 0xd7, 0x15, 0x58,
    0xc6, 0xd6, 0x3b, 0x4d, 0x64, 0x3a, 0xfb, 0xe5, 0x1d, 0x56, 0x4d, 0x00, 0x6c, 0x19, 0x51, 0xa5,
    0x40, 0x47, 0x92, 0x57, 0xd7, 0x15, 0x58, 0xc6, 0xd6, 0x3b, 0x4d, 0x64, 0x3a, 0xfb, 0xe5, 0x1d,
    0x56, 0x4d, 0x00, 0x6c, 0x19, 0x51, 0xa5, 0x40, 0x47, 0x92, 0x57, 0xd7, 0x15, 0x58, 0xc6, 0xd6,
    0x3b, 0x4d, 0x64, 0x3a, 0xfb, 0xe5, 0x1d, 0x56, 0x4d, 0x00, 0x7f, 0xff, 0xd9,
};

std::string jpeg_text() { return {reinterpret_cast<const char*>(jpeg), sizeof jpeg}; }

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Of one colour.
std::string png(std::int64_t height, std::int64_t width, std::array<std::uint8_t, 3> colour) {
  io::Picture picture{height, width, {}};
  for (std::int64_t p = 0; p < height * width; ++p) {
    picture.rgb.insert(picture.rgb.end(), colour.begin(), colour.end());
  }
  const io::Bytes bytes = io::encode_png(picture);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Two classes of 3 and 2 images to train on, one of 1 to validate on.
void put_set(const std::string& dir) {
  for (const char* sub : {"/train/cats", "/train/dogs", "/val/dogs", "/val/cats"}) {
    std::filesystem::create_directories(dir + sub);
  }
  put(dir + "/train/cats/a.png", png(10, 30, {10, 0, 0}));
  put(dir + "/train/cats/b.PNG", png(30, 10, {20, 0, 0}));
  put(dir + "/train/cats/c.jpeg", jpeg_text());
  put(dir + "/train/cats/readme.txt", "not an image");
  put(dir + "/train/dogs/a.jpg", png(8, 8, {0, 30, 0}));  // what it is decides, not its name
  put(dir + "/train/dogs/b.png", png(8, 8, {0, 40, 0}));
  put(dir + "/train/.hidden", "x");
  put(dir + "/val/dogs/x.png", png(5, 5, {0, 50, 0}));
}

}  // namespace

TEST_CASE("JPEG: header, scales, colours", "[data]") {
  const std::string text = jpeg_text();
  const io::PictureInfo info = io::picture_info(bytes_of(text), "x.jpg");
  CHECK(info.jpeg);
  CHECK(info.height == 24);
  CHECK(info.width == 40);
  io::Picture picture;
  for (const int shrink : {1, 2, 4, 8}) {
    io::decode_picture(bytes_of(text), "x.jpg", shrink, picture);
    CHECK(picture.height == 24 / shrink);
    CHECK(picture.width == 40 / shrink);
    const std::uint8_t* first = picture.rgb.data();
    const std::uint8_t* last = &picture.rgb[picture.rgb.size() - 3];
    for (int c = 0; c < 3; ++c) {
      CHECK(std::abs(first[c] - (c == 0 ? 200 : 40)) <= 12);
      CHECK(std::abs(last[c] - (c == 2 ? 200 : 40)) <= 12);
    }
  }
}

TEST_CASE("PNG: what is written is read", "[data]") {
  io::Picture picture{3, 5, {}}, again;
  for (int i = 0; i < 45; ++i) picture.rgb.push_back(static_cast<std::uint8_t>(i * 5));
  const io::Bytes bytes = io::encode_png(picture);
  io::decode_picture(bytes, "x.png", 4, again);
  CHECK(again.height == 3);
  CHECK(again.width == 5);
  CHECK(again.rgb == picture.rgb);
}

TEST_CASE("damaged images are refused, whatever is damaged", "[data]") {
  io::Picture picture;
  const auto try_out = [&](const std::string& text) {
    try {
      io::decode_picture(bytes_of(text), "x", 1, picture);
    } catch (const Error& error) {
      CHECK(static_cast<int>(error.kind()) == static_cast<int>(ErrorKind::input));
      CHECK(std::string(error.what()).starts_with("x: "));
      return false;
    }
    return true;
  };
  for (const std::string& whole : {jpeg_text(), png(9, 7, {1, 2, 3})}) {
    REQUIRE(try_out(whole));
    // The last bytes only say that it ends.
    for (std::size_t length = 0; length + 16 < whole.size(); length += 7) {
      CHECK_FALSE(try_out(whole.substr(0, length)));
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
      std::string bad = whole;
      bad[at] = static_cast<char>(bad[at] ^ 0xff);
      try_out(bad);
    }
  }
  CHECK_FALSE(try_out("GIF89a"));
}

TEST_CASE("a folder of images: splits, classes, order", "[data]") {
  const TempDir folder;
  put_set(folder.path());
  const std::string uri = "folder:" + folder.path() + "?size=4&resize=4";
  CHECK(source_splits(uri) == std::vector<Split>{Split::train, Split::test});
  const auto train = open_source(uri, Split::train);
  const Info& info = train->info();
  CHECK(info.count == 5);
  CHECK(info.height == 4);
  CHECK(info.width == 4);
  CHECK(info.class_names == std::vector<std::string>{"cats", "dogs"});
  CHECK(train->costly());
  std::vector<std::uint8_t> image(4 * 4 * 3);
  // The first of each class, the second of each, ...
  CHECK(train->sample_name(0) == "cats/a.png");
  CHECK(train->sample_name(1) == "dogs/a.jpg");
  CHECK(train->sample_name(2) == "cats/b.PNG");
  CHECK(train->sample_name(4) == "cats/c.jpeg");
  CHECK(train->read(0, image) == 0);
  CHECK(image[0] == 10);
  CHECK(train->read(3, image) == 1);
  CHECK(image[1] == 40);
  // Of the JPEG the middle: its left red, its right blue.
  CHECK(train->read(4, image) == 0);
  CHECK(image[0] > 150);
  CHECK(image[image.size() - 1] > 150);
  const auto test = open_source(uri, Split::test);
  CHECK(test->info().count == 1);
  CHECK(test->read(0, image) == 1);
  CHECK(image[1] == 50);
  const auto few = open_source(uri, Split::train, 2);
  CHECK(few->info().count == 2);
  CHECK(few->info().digest != info.digest);
  CHECK(open_source("folder:" + folder.path(), Split::train)->info().height == 224);
}

TEST_CASE("val and test both there; nothing of the kind there", "[data]") {
  const TempDir folder;
  put_set(folder.path());
  std::filesystem::create_directories(folder / "test/cats");
  put(folder / "test/cats/y.png", png(5, 5, {60, 0, 0}));
  const std::string uri = "folder:" + folder.path();
  CHECK(source_splits(uri) == std::vector<Split>{Split::train, Split::val, Split::test});
  CHECK(open_source(uri, Split::test)->sample_name(0) == "cats/y.png");
  // A folder of classes alone.
  const std::string bare = "folder:" + (folder / "train");
  CHECK(source_splits(bare) == std::vector<Split>{Split::train});
  CHECK(open_source(bare, Split::test)->info().count == 5);
}

TEST_CASE("folders that cannot be are refused", "[data]") {
  const TempDir folder;
  put_set(folder.path());
  const std::string uri = "folder:" + folder.path();
  const auto refused = [&](const std::string& what, ErrorKind kind = ErrorKind::input) {
    return error_of(kind, [&] { open_source(what, Split::train); });
  };
  CHECK(contains(refused(uri + "/nowhere"), "no such directory"));
  CHECK(contains(refused(uri + "?size=0", ErrorKind::usage), "size=0"));
  CHECK(contains(refused(uri + "?size=x", ErrorKind::usage), "size=x"));
  CHECK(contains(refused(uri + "?siez=3", ErrorKind::usage), "siez=3"));
  CHECK(contains(refused(uri + "?size=9&resize=8", ErrorKind::usage), "resize=8"));
  std::filesystem::create_directories(folder / "val/zebras");
  put(folder / "val/zebras/z.png", png(5, 5, {1, 1, 1}));
  CHECK(contains(error_of(ErrorKind::input, [&] { open_source(uri, Split::test); }), "zebras"));
  // An image that is damaged says which.
  put(folder / "train/cats/a.png", "no image");
  std::vector<std::uint8_t> image(3 * 224 * 224);
  CHECK(
      contains(error_of(ErrorKind::input, [&] { open_source(uri, Split::train)->read(0, image); }),
               "train/cats/a.png"));
  std::filesystem::create_directories(folder / "empty/class");
  CHECK(contains(refused("folder:" + (folder / "empty")), "no .jpg"));
}
