// Shards of a data set, and sets that stay on disk.
#include <hdf5.h>

#include <filesystem>
#include <fstream>

#include "data/batcher.h"
#include "data/h5_set.h"
#include "data/import.h"
#include "io/file.h"
#include "io/schema.h"
#include "support/catch.h"
#include "support/files.h"

using namespace rn;
using namespace rn::data;
using rn::test::contains;
using rn::test::error_of;
namespace schema = rn::io::schema;

namespace {

constexpr std::int64_t train_images = 23, test_images = 3;
const Limits limits = {train_images, test_images};

void save(const std::string& path, const Shard& shard = {},
          const std::string& uri = "synth:shapes") {
  io::write_file(path, import({uri, limits, true, shard}).file.image());
}

std::string part(const test::TempDir& dir, std::int64_t k, std::int64_t n) {
  return dir / fmt::format("part-{}-of-{}.h5", k, n);
}

void save_shards(const test::TempDir& dir, std::int64_t n) {
  for (std::int64_t k = 0; k < n; ++k) save(part(dir, k + 1, n), {k, n});
}

// Samples, digest and normalisation of `a` are those of `b`.
void check_same(const Source& a, const Source& b) {
  REQUIRE(a.info().count == b.info().count);
  CHECK(a.info().digest == b.info().digest);
  CHECK(a.info().class_names == b.info().class_names);
  CHECK(a.small() == b.small());
  std::vector<std::uint8_t> x(3072), y(3072);
  for (std::int64_t i = b.info().count - 1; i >= 0; --i) {
    a.announce(i);
    REQUIRE(a.read(i, x) == b.read(i, y));
    REQUIRE(x == y);
  }
}

std::string refusal(const std::string& uri, ErrorKind kind = ErrorKind::input) {
  return error_of(kind, [&] { open_source(uri, Split::train); });
}

// Changes a file by libhdf5's own means.
template <class F>
void change(const std::string& path, F&& with) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  with(file);
  H5Fclose(file);
}

void set_number(const std::string& path, const char* group, const char* name, long long number) {
  change(path, [&](hid_t file) {
    const hid_t object = H5Gopen2(file, group, H5P_DEFAULT), scalar = H5Screate(H5S_SCALAR);
    H5Adelete(object, name);
    const hid_t attribute =
        H5Acreate2(object, name, H5T_STD_I64LE, scalar, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, H5T_NATIVE_LLONG, &number);
    H5Aclose(attribute), H5Sclose(scalar), H5Gclose(object);
  });
}

}  // namespace

TEST_CASE("shards hold every sample once, in the order of the whole") {
  const test::TempDir dir, whole;
  save(whole / "one.h5");
  for (const std::int64_t n : {2, 5, 7}) {  // 7: more than there are test images
    const test::TempDir shards;
    save_shards(shards, n);
    for (const Split split : {Split::train, Split::test}) {
      const auto one = open_source("h5:" + (whole / "one.h5"), split);
      for (const char* stream : {"?stream=on", "?stream=off", ""}) {
        check_same(*open_source("h5:" + shards.path() + stream, split), *one);
        check_same(*open_source("h5:" + (shards / "part-*.h5") + stream, split), *one);
        check_same(*open_source("h5:" + (whole / "one.h5") + stream, split), *one);
      }
      for (const std::int64_t limit : {1, 2, 3, 12}) {
        check_same(*open_source("h5:" + shards.path() + "?stream=on", split, limit),
                   *open_source("h5:" + (whole / "one.h5"), split, limit));
      }
    }
  }
  CHECK(source_splits("h5:" + whole.path() + "?stream=on") ==
        std::vector<Split>{Split::train, Split::test});
  // Shards put together, and cut anew from those.
  save_shards(dir, 3);
  const Imported again = import({"h5:" + dir.path(), {}, true});
  CHECK((again.file.image() == import({"synth:shapes", limits, true}).file.image()));
}

TEST_CASE("a part of a source is cut where the next begins") {
  const auto whole = open_source("synth:shapes", Split::train, train_images);
  for (const std::int64_t n : {1, 2, 22, 23, 24, 1000}) {
    std::int64_t next = 0, least = train_images, most = 0;
    for (std::int64_t k = 0; k < n; ++k) {
      const PartSource part(*whole, {k, n});
      REQUIRE(part.first() == next);
      next += part.info().count;
      least = std::min(least, part.info().count);
      most = std::max(most, part.info().count);
    }
    CHECK(next == train_images);
    CHECK(most - least <= 1);
  }
}

TEST_CASE("shards of points are put together too") {
  const test::TempDir dir;
  for (std::int64_t k = 0; k < 3; ++k) save(part(dir, k, 3), {k, 3}, "synth:spirals");
  const auto from = open_source("synth:spirals", Split::train, train_images),
             to = open_source("h5:" + dir.path(), Split::train);
  REQUIRE(to->info().count == train_images);
  std::vector<double> a(2), b(2);
  for (std::int64_t i = 0; i < train_images; ++i) {
    REQUIRE(from->read_point(i, a) == to->read_point(i, b));
    REQUIRE(a == b);
  }
}

TEST_CASE("shards that are missing, given twice or of another set are named") {
  const test::TempDir dir;
  save_shards(dir, 4);
  const std::string uri = "h5:" + dir.path();
  std::filesystem::rename(part(dir, 2, 4), dir / "kept");
  CHECK(contains(refusal(uri), "3 shards of 4: 2/4 missing"));
  CHECK(contains(refusal("h5:" + part(dir, 3, 4)), "is shard 3/4 of a set; missing 1/4, 2/4, 4/4"));
  std::filesystem::copy(part(dir, 1, 4), part(dir, 2, 4));
  CHECK(contains(refusal(uri), "part-2-of-4.h5: shard 1/4 is there twice"));
  save(part(dir, 2, 4), {1, 5});
  CHECK(contains(refusal(uri), "do not belong together: another number of shards"));
  io::write_file(part(dir, 2, 4), import({"synth:shapes", {24, 3}, true, {1, 4}}).file.image());
  CHECK(contains(refusal(uri), "do not belong together: another data set"));
  io::write_file(part(dir, 2, 4), import({"synth:spirals", limits, true, {1, 4}}).file.image());
  CHECK(contains(refusal(uri), "do not belong together: another size of images"));
  save(part(dir, 2, 4));
  CHECK(contains(refusal(uri), "part-2-of-4.h5: is no shard of a set, but a set by itself"));
  std::filesystem::rename(dir / "kept", part(dir, 2, 4));
  CHECK(open_source(uri, Split::train)->info().count == train_images);
  test::put(dir / ".part-9.h5.tmp.1.0", "");  // being written
  test::put(dir / "notes.txt", "");
  CHECK(open_source(uri, Split::train)->info().count == train_images);
  CHECK(contains(refusal("h5:" + (dir / "none*.h5")), "there are no such files"));
  std::filesystem::create_directory(dir / "empty");
  CHECK(contains(refusal("h5:" + (dir / "empty")), "has no .h5 file in it"));
  CHECK(contains(refusal(uri + "?stream=maybe", ErrorKind::usage), "expected on, off or auto"));
}

TEST_CASE("shards that lie about their place are refused") {
  const test::TempDir dir;
  save_shards(dir, 2);
  const std::string uri = "h5:" + dir.path(), second = part(dir, 2, 2);
  set_number(second, "train", schema::first_attribute, 10);
  CHECK(contains(refusal(uri), "shard 2/2 begins with image 10, but those before it end with 11"));
  set_number(second, "train", schema::first_attribute, -1);
  CHECK(contains(refusal(uri), "attribute 'first' of 'train' is -1; damaged?"));
  set_number(second, "train", schema::first_attribute, 12);
  CHECK(contains(refusal(uri), "attribute 'first' of 'train' is 12"));
  set_number(second, "train", schema::first_attribute, 11);
  set_number(second, "train", schema::shard_attribute, 2);
  CHECK(contains(refusal(uri), "attribute 'shard' of 'train' is 2"));
  set_number(second, "train", schema::shard_attribute, 1);
  set_number(second, "train", schema::total_attribute, 24);
  set_number(part(dir, 1, 2), "train", schema::total_attribute, 24);
  CHECK(contains(refusal(uri), "the shards hold 23 images of 24"));
  set_number(second, "train", schema::shards_attribute, 1LL << 40);
  CHECK(contains(refusal(uri), "attribute 'shards' of 'train' is 1099511627776"));
}

TEST_CASE("what was recorded of each image is checked when it is read into memory") {
  const test::TempDir dir;
  const std::string path = dir / "one.h5", uri = "h5:" + path;
  save(path);
  const std::string digest = open_source(uri, Split::train)->info().digest;
  change(path, [](hid_t file) {
    const hid_t set = H5Dopen2(file, "train/images", H5P_DEFAULT);
    std::vector<std::uint8_t> all(train_images * 3072);
    H5Dread(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, all.data());
    all[17 * 3072 + 5] ^= 1;
    H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, all.data());
    H5Dclose(set);
  });
  CHECK(contains(refusal(uri), "one.h5: sample 17 is not what was imported"));
  CHECK(open_source(uri, Split::train, 17)->info().count == 17);
  CHECK(open_source(uri + "?stream=on", Split::train)->info().digest == digest);  // trusted
  change(path, [](hid_t file) {
    H5Ldelete(file, "train/sha256", H5P_DEFAULT);
    H5Lcreate_hard(file, "train/images", file, "train/sha256", H5P_DEFAULT, H5P_DEFAULT);
  });
  CHECK(contains(refusal(uri), "'train/sha256' is uint8 [23, 32, 32, 3], not uint8 [23, 32]"));
}

TEST_CASE("files that others wrote stay on disk as well") {
  const test::TempDir dir;
  save(dir / "ours.h5");
  const auto ours = open_source("h5:" + (dir / "ours.h5"), Split::train);
  const auto write = [&](std::int64_t per_chunk, bool packed) {
    const hid_t file = H5Fcreate((dir / "b.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t from = H5Fopen((dir / "ours.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    H5Ocopy(from, "classes", file, "classes", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(H5Gcreate2(file, "train", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Ocopy(from, "train/labels", file, "train/labels", H5P_DEFAULT, H5P_DEFAULT);
    const hsize_t dims[] = {train_images, 32, 32, 3},
                  chunk[] = {static_cast<hsize_t>(per_chunk), 32, 32, 3};
    const hid_t space = H5Screate_simple(4, dims, nullptr), list = H5Pcreate(H5P_DATASET_CREATE);
    if (per_chunk > 0) H5Pset_chunk(list, 4, chunk);
    if (packed) H5Pset_deflate(list, 3);
    const hid_t set =
        H5Dcreate2(file, "train/images", H5T_STD_U8LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
    std::vector<std::uint8_t> all(train_images * 3072);
    for (std::int64_t i = 0; i < train_images; ++i) {
      ours->read(i, std::span(all).subspan(static_cast<std::size_t>(i) * 3072, 3072));
    }
    H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, all.data());
    H5Dclose(set), H5Pclose(list), H5Sclose(space), H5Fclose(from);
    for (const char* name : {"format", "format_version"}) {
      const std::string text = "resnet-tools data";
      const bool word = std::string(name) == "format";
      const hid_t scalar = H5Screate(H5S_SCALAR), type = H5Tcopy(H5T_C_S1);
      H5Tset_size(type, text.size());
      const hid_t as = word ? type : H5T_NATIVE_INT;
      const int one = 1;
      const hid_t attribute = H5Acreate2(file, name, as, scalar, H5P_DEFAULT, H5P_DEFAULT);
      H5Awrite(attribute, as, word ? static_cast<const void*>(text.data()) : &one);
      H5Aclose(attribute), H5Tclose(type), H5Sclose(scalar);
    }
    H5Fclose(file);
    return "h5:" + (dir / "b.h5");
  };
  std::vector<std::uint8_t> x(3072), y(3072);
  for (const std::int64_t per_chunk : {0, 1, 4, 23}) {
    const std::string uri = write(per_chunk, false);
    const auto theirs = open_source(uri + "?stream=on", Split::train);
    CHECK(theirs->costly());
    CHECK(theirs->info().digest.size() == 64);
    CHECK(theirs->info().digest !=
          open_source(uri + "?stream=on", Split::train, 22)->info().digest);
    for (std::int64_t i = 0; i < train_images; ++i) {
      REQUIRE(theirs->read(i, x) == ours->read(i, y));
      REQUIRE(x == y);
    }
  }
  const std::string packed = write(4, true);
  CHECK(open_source(packed, Split::train)->info().count == train_images);
  CHECK(contains(refusal(packed + "?stream=on"),
                 "'train/images' is compressed, so that images cannot stay on disk"));
  // But importing goes on reading it, one image after the other.
  const auto serial = open_serial_source(packed + "?stream=on", Split::train);
  CHECK(!serial->costly());
  for (const std::int64_t i : {22, 0, 1, 2, 21, 5}) {
    REQUIRE(serial->read(i, x) == ours->read(i, y));
    REQUIRE(x == y);
  }
}

TEST_CASE("a file that is cut off while it is streamed ends the batches with its name") {
  const test::TempDir dir;
  const std::string path = dir / "one.h5";
  save(path);
  const auto source = open_source("h5:" + path + "?stream=on", Split::train);
  BatcherOptions options;
  for (std::int64_t i = 0; i < train_images; ++i) options.indices.push_back(i);
  options.batch = 4;
  options.ahead = 1;
  options.loaders = 3;
  options.normalization.mean = options.normalization.stddev = {1, 1, 1};
  Batcher batches(*source, options);
  REQUIRE(batches.next());
  std::filesystem::resize_file(path, 4000);
  const std::string what = error_of(ErrorKind::input, [&] {
    for (int i = 0; i < 100; ++i) batches.next();
  });
  CHECK(contains(what, "one.h5: sample "));
  CHECK(contains(what, "the file was cut off from"));
}
