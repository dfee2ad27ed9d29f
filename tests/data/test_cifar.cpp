#include "data/cifar_files.h"
#include "data/source.h"

using namespace rn;
using namespace rn::data;
using rn::test::contains;
using rn::test::error_of;
using rn::test::put;

namespace {

void check_sample(const Source& source, std::int64_t index, int file, int record) {
  std::vector<std::uint8_t> image(3072);
  CHECK(source.read(index, image) == (file + record) % 10);
  bool same = true;
  for (int p = 0; p < 1024; ++p) {
    for (int c = 0; c < 3; ++c) {
      same = same &&
             image[static_cast<std::size_t>(3 * p + c)] == test::cifar_byte(file, record, c, p);
    }
  }
  CHECK(same);
}

}  // namespace

TEST_CASE("cifar10 reads the binary version, HWC, in the order of the files") {
  const test::TempDir dir;
  test::put_cifar(dir.path(), 3);
  const std::string uri = "cifar10:" + dir.path();
  const auto train = open_source(uri, Split::train);
  const Info& info = train->info();
  CHECK(info.uri == uri);
  CHECK(info.count == 15);
  CHECK(info.height == 32);
  CHECK(info.width == 32);
  CHECK(info.channels == 3);
  CHECK(info.classes() == 10);
  CHECK(info.class_names[3] == "cat");
  CHECK(info.digest.size() == 64);
  check_sample(*train, 0, 1, 0);
  check_sample(*train, 4, 2, 1);
  check_sample(*train, 14, 5, 2);
  const auto test = open_source(uri, Split::test);
  CHECK(test->info().count == 2);
  CHECK(test->info().digest != info.digest);
  check_sample(*test, 1, 6, 1);
  std::vector<std::uint8_t> image(3072);
  error_of(ErrorKind::shape, [&] { test->read(2, image); });
  error_of(ErrorKind::shape, [&] { test->read(-1, image); });
  error_of(ErrorKind::shape, [&] { test->read(0, std::span(image).first(3071)); });
}

TEST_CASE("cifar10 keeps the first samples, and a digest of those") {
  const test::TempDir dir;
  test::put_cifar(dir.path(), 3);
  const std::string uri = "cifar10:" + dir.path();
  const auto five = open_source(uri, Split::train, 5), all = open_source(uri, Split::train, 100);
  CHECK(five->info().count == 5);
  CHECK(all->info().count == 15);
  check_sample(*five, 4, 2, 1);
  CHECK(five->info().digest != all->info().digest);
  CHECK(open_source(uri, Split::train)->info().digest == all->info().digest);
  CHECK(open_source(uri, Split::train, 0)->info().count == 0);
}

TEST_CASE("cifar10 is also found in the directory that the archive makes") {
  const test::TempDir dir;
  std::filesystem::create_directory(dir / "cifar-10-batches-bin");
  test::put_cifar(dir / "cifar-10-batches-bin", 1);
  put(dir / "cifar-10-batches-bin/batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\r\nj\n\n");
  const auto source = open_source("cifar10:" + dir.path(), Split::test);
  CHECK(source->info().class_names ==
        std::vector<std::string>{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"});
  put(dir / "cifar-10-batches-bin/batches.meta.txt", "a\nb\n");
  CHECK(contains(
      error_of(ErrorKind::input, [&] { open_source("cifar10:" + dir.path(), Split::test); }),
      "batches.meta.txt: names 2 classes"));
}

TEST_CASE("cifar10 names the file that is missing, short, oversized or wrong") {
  const test::TempDir dir;
  test::put_cifar(dir.path(), 3);
  const std::string third = dir / "data_batch_3.bin";
  const auto refusal = [&] {
    return error_of(ErrorKind::input, [&] { open_source("cifar10:" + dir.path(), Split::train); });
  };
  std::filesystem::remove(third);
  CHECK(refusal() == third + ": missing");
  put(third, "");
  CHECK(refusal() == third + ": is empty");
  const std::string records = test::cifar_records(3, 3);
  put(third, records.substr(0, records.size() - 1));
  CHECK(contains(refusal(), third + ": 9218 bytes are no whole number of 3073-byte records"));
  put(third, "x");
  CHECK(contains(refusal(), third + ": 1 bytes"));
  std::filesystem::resize_file(third, 10001 * 3073);
  CHECK(contains(refusal(), third + ": 30733073 bytes are too many for CIFAR-10"));
  std::string wrong = records;
  wrong[3073 * 2] = 10;
  put(third, wrong);
  CHECK(refusal() == third + ": record 2 has label 10, CIFAR-10 has 0 to 9");
  // What is beyond the limit is not read, but its size is looked at.
  CHECK_NOTHROW(open_source("cifar10:" + dir.path(), Split::train, 8));
  std::filesystem::remove(dir / "data_batch_5.bin");
  CHECK(contains(
      error_of(ErrorKind::input, [&] { open_source("cifar10:" + dir.path(), Split::train, 1); }),
      "data_batch_5.bin: missing"));
}

TEST_CASE("cifar10 says what a directory is instead") {
  const test::TempDir dir;
  const auto refusal = [&](const std::string& where) {
    return error_of(ErrorKind::input, [&] { open_source("cifar10:" + where, Split::train); });
  };
  CHECK(contains(refusal(dir / "none"), "no such directory"));
  CHECK(contains(refusal(dir.path()), "has no data_batch_1.bin"));
  put(dir / "data_batch_1", "pickle");
  CHECK(contains(refusal(dir.path()), "this is the Python version"));
  CHECK(contains(refusal(dir / "data_batch_1"), "is a file"));
}
