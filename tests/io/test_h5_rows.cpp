// Files opened where they lie, and rows read from them.
#include <hdf5.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "io/file.h"
#include "io/rows.h"
#include "support/catch.h"
#include "support/files.h"

using namespace rn;
using namespace rn::io;
using rn::test::contains;
using rn::test::error_of;

namespace {

constexpr std::int64_t rows = 7, width = 6;

std::uint8_t value(std::int64_t row, std::int64_t i) {
  return static_cast<std::uint8_t>(17 * row + i);
}

Tensor numbers() {
  Tensor all({rows, 2, 3}, Dtype::u8, Tag::input);
  for (std::int64_t i = 0; i < all.size(); ++i) {
    all.data<std::uint8_t>()[i] = value(i / width, i % width);
  }
  return all;
}

// A file with "images", of so many rows in a chunk; 0: in one piece.
std::string save(const test::TempDir& dir, std::int64_t per_chunk, std::size_t padding = 0) {
  H5 file = H5::create();
  file.write("before",
             Tensor::zeros({static_cast<std::int64_t>(padding) + 1}, Dtype::u8, Tag::input));
  file.create_rows("images", {rows, 2, 3}, Dtype::u8, per_chunk);
  file.write_rows("images", 0, numbers());
  write_file(dir / "rows.h5", file.image());
  return dir / "rows.h5";
}

// By libhdf5's own means: what only others write.
std::string save_with(const test::TempDir& dir, const std::function<void(hid_t)>& shape_it,
                      hid_t type = H5T_STD_U8LE) {
  const std::string path = dir / "other.h5";
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t dims[] = {rows, 2, 3};
  const hid_t space = H5Screate_simple(3, dims, nullptr), list = H5Pcreate(H5P_DATASET_CREATE);
  shape_it(list);
  const hid_t set = H5Dcreate2(file, "images", type, space, H5P_DEFAULT, list, H5P_DEFAULT);
  const Tensor all = numbers();
  H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, all.raw());
  H5Dclose(set), H5Pclose(list), H5Sclose(space), H5Fclose(file);
  return path;
}

std::string why_not(const std::string& path) {
  std::string why;
  CHECK(!H5::open_on_disk(path).rows_on_disk("images", why));
  return why;
}

RowsOnDisk open_rows(const std::string& path) {
  std::string why;
  auto found = H5::open_on_disk(path).rows_on_disk("images", why);
  INFO(why);
  REQUIRE(found);
  return std::move(*found);
}

void check_rows(const RowsOnDisk& found) {
  REQUIRE(found.rows() == rows);
  REQUIRE(found.row_bytes() == width);
  Bytes row(width);
  for (std::int64_t r = rows - 1; r >= 0; --r) {
    found.will_need(r);
    REQUIRE(found.read(r, row) == "");
    for (std::int64_t i = 0; i < width; ++i) {
      REQUIRE(std::to_integer<std::uint8_t>(row[static_cast<std::size_t>(i)]) == value(r, i));
    }
  }
}

}  // namespace

TEST_CASE("rows are read from where they lie, in one piece and in chunks") {
  const test::TempDir dir;
  for (const std::int64_t per_chunk : {0, 1, 2, 3, 7}) check_rows(open_rows(save(dir, per_chunk)));
  check_rows(open_rows(save_with(dir, [](hid_t) {})));  // in the old layout of HDF5 files
  check_rows(open_rows(save_with(dir, [](hid_t list) {
    const hsize_t chunk[] = {2, 2, 3};
    H5Pset_chunk(list, 3, chunk);
  })));
  const RowsOnDisk found = open_rows(save(dir, 2));
  Bytes row(width), short_row(width - 1);
  error_of(ErrorKind::shape, [&] { found.read(rows, row); });
  error_of(ErrorKind::shape, [&] { found.read(-1, row); });
  error_of(ErrorKind::shape, [&] { found.read(0, short_row); });
}

TEST_CASE("a file opened on disk shows what its image shows") {
  const test::TempDir dir;
  const std::string path = save(dir, 3);
  const H5 there = H5::open_on_disk(path), here = H5::open(path);
  CHECK(there.list("/") == here.list("/"));
  CHECK(there.size() == here.size());
  const Tensor a = there.read("images", Tag::input), b = here.read("images", Tag::input);
  CHECK(std::equal(a.span<std::uint8_t>().begin(), a.span<std::uint8_t>().end(),
                   b.span<std::uint8_t>().begin()));
  std::string why;
  CHECK(!here.rows_on_disk("images", why));
  CHECK(why == "is in no file that could be read again");
}

TEST_CASE("what does not lie there as it is says why") {
  const test::TempDir dir;
  const hsize_t whole[] = {2, 2, 3}, part[] = {2, 1, 3};
  CHECK(why_not(save_with(dir, [&](hid_t list) {
          H5Pset_chunk(list, 3, whole);
          H5Pset_deflate(list, 4);
        })) == "is compressed");
  CHECK(why_not(save_with(dir, [&](hid_t list) { H5Pset_chunk(list, 3, part); })) ==
        "is cut into chunks across its images");
  CHECK(contains(why_not(save_with(dir, [](hid_t list) { H5Pset_layout(list, H5D_COMPACT); })),
                 "own records"));
  CHECK(why_not(save_with(
            dir, [](hid_t) {}, H5T_STD_I8LE)) == "is not uint8");
  CHECK(why_not(save_with(
            dir, [](hid_t) {}, H5T_STD_I32LE)) == "is not uint8");
}

TEST_CASE("chunks that were never stored are missed") {
  const test::TempDir dir;
  const std::string path = dir / "holes.h5";
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t dims[] = {rows, 2, 3}, chunk[] = {1, 2, 3};
  const hid_t space = H5Screate_simple(3, dims, nullptr), list = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(list, 3, chunk);
  H5Dclose(H5Dcreate2(file, "images", H5T_STD_U8LE, space, H5P_DEFAULT, list, H5P_DEFAULT));
  H5Pclose(list), H5Sclose(space), H5Fclose(file);
  std::string why;
  CHECK(contains(
      error_of(ErrorKind::input, [&] { H5::open_on_disk(path).rows_on_disk("images", why); }),
      "the file does not hold them"));
}

TEST_CASE("a file that is cut off or written to while it is in use is told from a whole one") {
  const test::TempDir dir;
  Bytes row(width);
  {
    const std::string path = save(dir, 0, 50000);
    const RowsOnDisk found = open_rows(path);
    REQUIRE(found.read(3, row) == "");
    std::filesystem::resize_file(path, 1000);
    CHECK(contains(found.read(3, row), "is gone: the file was cut off from"));
  }
  {
    const std::string path = save(dir, 2);
    const RowsOnDisk found = open_rows(path);
    const auto before = std::filesystem::last_write_time(path);
    std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(100).put('x');
    std::filesystem::last_write_time(path, before + std::chrono::seconds(2));
    CHECK(contains(found.read(0, row), "was written to while it was in use"));
  }
  const std::string path = save(dir, 2);
  const RowsOnDisk found = open_rows(path);
  save(dir, 0, 5000);  // renamed into its place: who reads the old one goes on
  check_rows(found);
  std::filesystem::remove(path);
  check_rows(found);
}

TEST_CASE("any number of threads read at once") {
  const test::TempDir dir;
  const RowsOnDisk found = open_rows(save(dir, 2));
  std::vector<std::thread> threads;
  std::vector<int> bad(4, 0);
  for (std::size_t t = 0; t < bad.size(); ++t) {
    threads.emplace_back([&, t] {
      Bytes row(width);
      for (std::int64_t i = 0; i < 2000; ++i) {
        const std::int64_t r = (i * 5 + static_cast<std::int64_t>(t)) % rows;
        const bool fine =
            found.read(r, row).empty() && std::to_integer<std::uint8_t>(row[5]) == value(r, 5);
        if (!fine) ++bad[t];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(bad == std::vector<int>(4, 0));
}

TEST_CASE("what is no HDF5 file on disk is called by its name") {
  const test::TempDir dir;
  const auto refusal = [&](const std::string& path) {
    return error_of(ErrorKind::input, [&] { H5::open_on_disk(path); });
  };
  CHECK(contains(refusal(dir / "none.h5"), "cannot open"));
  CHECK(contains(refusal(dir.path()), "is a directory, not a file"));
  CHECK(contains(refusal("/dev/null"), "is a device or a pipe"));
  test::put(dir / "text", "some text");
  CHECK(contains(refusal(dir / "text"), "starts with text"));
  test::put(dir / "empty", "");
  CHECK(contains(refusal(dir / "empty"), "is empty"));
  const std::string whole = test::slurp(save(dir, 0, 5000));
  test::put(dir / "cut", whole.substr(0, 3000));
  CHECK(contains(refusal(dir / "cut"), "truncated HDF5 file (3000 bytes are here"));
}
