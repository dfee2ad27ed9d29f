#include "data/cifar_files.h"
#include "data/import.h"
#include "io/file.h"
#include "io/schema.h"

using namespace rn;
using namespace rn::data;
using rn::test::contains;
using rn::test::error_of;
namespace schema = rn::io::schema;

namespace {

// A data file that is right, before something is changed in it.
struct Parts {
  Tensor images = Tensor::zeros({4, 2, 3, 1}, Dtype::u8, Tag::input);
  std::vector<std::int64_t> labels = {0, 1, 1, 0};
  std::vector<std::string> classes = {"a", "b"};
};

std::string save(const test::TempDir& dir, const Parts& parts) {
  io::H5 file = io::H5::create();
  schema::mark(file, schema::Format::data);
  file.write("train/images", parts.images);
  file.write_column("train/labels", std::span<const std::int64_t>(parts.labels));
  file.write_column("classes", std::span<const std::string>(parts.classes));
  io::write_file(dir / "set.h5", file.image());
  return "h5:" + (dir / "set.h5");
}

std::string refusal(const std::string& uri) {
  return error_of(ErrorKind::input, [&] { open_source(uri, Split::train); });
}

}  // namespace

TEST_CASE("what is imported reads back as the same samples") {
  const test::TempDir dir;
  test::put_cifar(dir.path(), 100);  // more than one chunk
  Imported imported = import({"cifar10:" + dir.path(), {}, true});
  io::write_file(dir / "set.h5", imported.file.image());
  const std::string uri = "h5:" + (dir / "set.h5");
  CHECK(source_splits(uri) == std::vector<Split>{Split::train, Split::test});
  for (const Split split : {Split::train, Split::test}) {
    const auto from = open_source("cifar10:" + dir.path(), split), to = open_source(uri, split);
    CHECK(to->info().uri == uri);
    REQUIRE(to->info().count == from->info().count);
    CHECK(to->info().class_names == from->info().class_names);
    std::vector<std::uint8_t> a(3072), b(3072);
    for (std::int64_t i = 0; i < to->info().count; ++i) {
      REQUIRE(from->read(i, a) == to->read(i, b));
      REQUIRE(a == b);
    }
  }
  CHECK(open_source(uri, Split::train, 7)->info().count == 7);
  CHECK(contains(error_of(ErrorKind::input, [&] { open_source(uri, Split::val); }),
                 "has no 'val' split"));
  // And once more through: the data sets are the same bytes, whatever the source.
  const Imported again = import({uri, {}, true});
  CHECK((again.file.image() == imported.file.image()));
}

TEST_CASE("a summary counts and measures every split") {
  const test::TempDir dir;
  test::put_cifar(dir.path(), 4);
  const Summary summary = import({"cifar10:" + dir.path(), {10, -1}, false}).summary;
  REQUIRE(summary.splits.size() == 2);
  CHECK(summary.splits[0].count == 10);
  CHECK(summary.splits[0].per_class == std::vector<std::int64_t>{0, 1, 2, 3, 3, 1, 0, 0, 0, 0});
  CHECK(summary.splits[1].count == 2);
  CHECK(summary.splits[0].mean.size() == 3);
  const std::string text = to_text(summary);
  CHECK(contains(text, "32x32x3, 10 classes: airplane"));
  CHECK(contains(text, "train  10 images"));
  const std::string json = to_json(summary).str();
  CHECK(contains(json, R"("train":{"count":10,"per_class":[0,1,2,3,3,1,0,0,0,0],)"));
  CHECK(json.find('\n') == std::string::npos);
  const auto inputs = inputs_of(summary);
  REQUIRE(inputs.size() == 2);
  CHECK(inputs[1].sha256 == summary.splits[1].digest);
}

TEST_CASE("h5 data sets that lie are refused by name") {
  const test::TempDir dir;
  CHECK(open_source(save(dir, {}), Split::train)->info().count == 4);
  Parts parts;
  parts.labels = {0, 1, 2, 0};
  CHECK(
      contains(refusal(save(dir, parts)), "'train/labels' number 2 is 2, but there are 2 classes"));
  parts.labels = {0, -1, 1, 0};
  CHECK(contains(refusal(save(dir, parts)), "number 1 is -1"));
  parts.labels = {0, 1, 1};
  CHECK(contains(refusal(save(dir, parts)), "4 images, but 3 labels"));
  parts = {};
  parts.images = Tensor::zeros({4, 6}, Dtype::u8, Tag::input);
  CHECK(contains(refusal(save(dir, parts)), "uint8 [4, 6], neither uint8 [N, H, W, C]"));
  parts.images = Tensor::zeros({4, 2, 3, 1}, Dtype::f32, Tag::input);
  CHECK(contains(refusal(save(dir, parts)), "float32 [4, 2, 3, 1], neither uint8"));
  parts.images = Tensor::zeros({4, 2, 0, 1}, Dtype::u8, Tag::input);
  CHECK(contains(refusal(save(dir, parts)), "no images"));
  parts.images = Tensor();
  const std::string whole = test::slurp(dir / "set.h5");
  test::put(dir / "set.h5", whole.substr(0, whole.size() / 2));
  CHECK(contains(refusal("h5:" + (dir / "set.h5")), "truncated"));
  io::H5 model = io::H5::create();
  schema::mark(model, schema::Format::model);
  io::write_file(dir / "set.h5", model.image());
  CHECK(contains(refusal("h5:" + (dir / "set.h5")), "is a model, not a data set"));
  test::put(dir / "set.h5", "text");
  CHECK(contains(refusal("h5:" + (dir / "set.h5")), "expected a data set written by resnet-data"));
  CHECK(contains(refusal("h5:" + (dir / "none.h5")), "none.h5: cannot open"));
}

TEST_CASE("parts that a data file lacks are named") {
  const test::TempDir dir;
  io::H5 file = io::H5::create();
  schema::mark(file, schema::Format::data);
  io::write_file(dir / "set.h5", file.image());
  const std::string uri = "h5:" + (dir / "set.h5");
  CHECK(contains(refusal(uri), "has no 'train' split"));
  file.write("train/images", Tensor::zeros({1, 2, 2, 1}, Dtype::u8, Tag::input));
  io::write_file(dir / "set.h5", file.image());
  CHECK(contains(refusal(uri), "has no 'classes'"));
  file.write_column("classes", std::vector<std::string>{"a"});
  io::write_file(dir / "set.h5", file.image());
  CHECK(contains(refusal(uri), "has no 'train/labels'"));
}
