// Points: built-in sets, text files, normalisation, batches.
#include <cmath>

#include "data/batcher.h"
#include "data/points.h"
#include "support/catch.h"
#include "support/files.h"

using namespace rn;
using namespace rn::data;
using rn::test::contains;
using rn::test::error_of;

namespace {

std::unique_ptr<Source> source_of(const std::string& text, Split split = Split::train) {
  const rn::test::TempDir dir;
  rn::test::put(dir / "points.csv", text);
  return open_source("csv:" + (dir / "points.csv"), split);
}

std::vector<double> point(const Source& source, std::int64_t index) {
  std::vector<double> out(static_cast<std::size_t>(source.info().channels));
  source.read_point(index, out);
  return out;
}

}  // namespace

TEST_CASE("built-in points: two classes that take turns, near their curves") {
  for (const std::string name : {"spirals", "circles", "moons"}) {
    INFO(name);
    const auto train = open_source("synth:" + name, Split::train);
    const auto test = open_source("synth:" + name, Split::test, 10);
    CHECK(train->info().points);
    CHECK(train->info().count == 1000);
    CHECK(train->info().channels == 2);
    CHECK(test->info().count == 10);
    CHECK(train->info().digest != open_source("synth:" + name, Split::train, 999)->info().digest);
    CHECK(point(*train, 3) == point(*open_source("synth:" + name, Split::train, 4), 3));
    CHECK(point(*train, 3) != point(*test, 3));
    std::vector<double> p(2);
    double most = 0;
    for (std::int64_t i = 0; i < 1000; ++i) {
      CHECK(train->read_point(i, p) == i % 2);
      const double radius = std::hypot(p[0], p[1]);
      most = std::max(most, radius);
      if (name == "circles") CHECK(std::abs(radius - (i % 2 == 0 ? 0.4 : 1)) < 0.3);
      if (name == "spirals") CHECK(radius > 0.05);
    }
    CHECK(most < 2);
    std::vector<std::uint8_t> bytes(2);
    CHECK(
        contains(error_of(ErrorKind::input, [&] { train->read(0, bytes); }), "points, not images"));
  }
  std::vector<double> p(3072);
  const auto shapes = open_source("synth:shapes", Split::test, 1);
  CHECK(contains(error_of(ErrorKind::input, [&] { shapes->read_point(0, p); }),
                 "images, not points"));
}

TEST_CASE("points are normalised as they are, and come in batches") {
  const auto source = open_source("synth:moons", Split::train);
  std::vector<std::int64_t> all;
  for (std::int64_t i = 0; i < 1000; ++i) all.push_back(i);
  const Normalization n = measure_normalization(*source, all, NormalizationKind::channel);
  double sum = 0, squares = 0;
  for (const std::int64_t i : all) sum += point(*source, i)[1];
  for (const std::int64_t i : all) squares += std::pow(point(*source, i)[1] - sum / 1000, 2);
  CHECK(n.mean[1] == Approx(sum / 1000));
  CHECK(n.stddev[1] == Approx(std::sqrt(squares / 1000)));
  CHECK_THROWS_AS(measure_normalization(*source, all, NormalizationKind::mean_image), Error);
  Batcher batcher(
      *source,
      {.indices = {5, 7}, .batch = 2, .normalization = n, .dtype = Dtype::f64, .epochs = 1});
  const Batch* batch = batcher.next();
  REQUIRE(batch);
  CHECK(batch->images.shape() == Shape{2, 1, 1, 2});
  CHECK(batch->images.data<double>()[3] == (point(*source, 7)[1] - n.mean[1]) / n.stddev[1]);
  CHECK(batch->labels.data<std::int32_t>()[0] == 1);
}

TEST_CASE("text files: separators, headers, labels, splits") {
  const auto plain = source_of("# a comment\n1,2,cat\n\n-3.5e1, +4 ,dog\n5,6,cat\n");
  CHECK(plain->info().count == 3);
  CHECK(plain->info().class_names == std::vector<std::string>{"cat", "dog"});
  CHECK(point(*plain, 1) == std::vector<double>{-35, 4});
  const auto numbers = source_of("1;10\n2;9\n3;10\n");
  CHECK(numbers->info().class_names == std::vector<std::string>{"9", "10"});
  CHECK(numbers->info().channels == 1);
  const std::string table = "label\tx\tsplit\ny\n";
  CHECK(contains(error_of(ErrorKind::input, [&] { source_of(table); }), "line 2"));
  const std::string good = "label,x,split\na,1,train\nb,2,test\na,3,test\n";
  CHECK(source_of(good)->info().count == 1);
  CHECK(source_of(good, Split::test)->info().count == 2);
  CHECK(point(*source_of(good, Split::test), 1) == std::vector<double>{3});
  CHECK(contains(error_of(ErrorKind::input, [&] { source_of(good, Split::val); }),
                 "no rows of the split"));
  for (const std::string bad : {"1,2,a\n1,nan,a\n", "1,2,a\n1,2\n", "1,,a\n", "1,2,\n", "7\n",
                                "x,y,split\n1,2,never\n", "# nothing\n"}) {
    INFO(bad);
    CHECK(contains(error_of(ErrorKind::input, [&] { source_of(bad); }), "points.csv"));
  }
}
