#include <algorithm>
#include <numeric>

#include "base/parallel.h"
#include "data/kinds.h"
#include "data/shapes.h"
#include "data/source.h"
#include "io/file.h"
#include "support/files.h"

using namespace rn;
using namespace rn::data;
using rn::test::contains;
using rn::test::error_of;

namespace {

std::string content_digest(const Source& source) {
  io::Sha256 digest;
  std::vector<std::uint8_t> image(3072);
  for (std::int64_t i = 0; i < source.info().count; ++i) {
    const std::int32_t label = source.read(i, image);
    digest.update(std::as_bytes(std::span(&label, 1))).update(std::as_bytes(std::span(image)));
  }
  return digest.hex();
}

}  // namespace

TEST_CASE("data URIs that make no sense list what is known") {
  const auto refusal = [](const std::string& uri) {
    return error_of(ErrorKind::usage, [&] { open_source(uri, Split::train); });
  };
  for (const char* uri : {"", "cifar10", "imagenet:/x", ":shapes", "synth"}) {
    CAPTURE(uri);
    CHECK(contains(
        refusal(uri),
        "cifar10:DIR, cifar100:DIR, mnist:DIR, folder:DIR, csv:FILE, h5:FILE, synth:NAME"));
  }
  CHECK(contains(refusal("cifar10:"), "DIR is missing after the colon"));
  CHECK(contains(refusal("synth:squares"), "built-in sets are synth:shapes, synth:spirals"));
  const test::TempDir dir;
  test::put(dir / "set.h5", "");
  CHECK(contains(refusal(dir / "set.h5"), "did you mean h5:" + (dir / "set.h5") + "?"));
  CHECK(contains(error_of(ErrorKind::usage, [] { open_source("synth:shapes", Split::val); }),
                 "no val split"));
  CHECK(source_kinds().size() == 7);
  CHECK(source_splits("synth:shapes") == std::vector<Split>{Split::train, Split::test});
}

TEST_CASE("splits have names") {
  for (const Split split : {Split::train, Split::val, Split::test}) {
    CHECK(parse_split(to_string(split)) == split);
  }
  error_of(ErrorKind::usage, [] { parse_split("training"); });
}

// The digest is the promise that results on the built-in set stay comparable. If the pictures must
// change, raise the generator's number in lib/data/synth.cpp with it.
TEST_CASE("synth:shapes is the same pictures everywhere") {
  const auto train = open_source("synth:shapes", Split::train, 64);
  const auto test = open_source("synth:shapes", Split::test, 64);
  CHECK(content_digest(*train) ==
        "5d4bb2b4fd5912d5cd3a5f065a9c7ad42785d78f1a65edeac2e88e7883f1193e");
  CHECK(content_digest(*test) ==
        "de204d37267fb30c661d1142c53c4adc51d6c2067d2dc7fc202801a5dae2673c");
  const int before = threads();
  set_threads(4);
  const auto again = open_source("synth:shapes", Split::train, 600);
  set_threads(1);
  const auto serial = open_source("synth:shapes", Split::train, 600);
  set_threads(before);
  CHECK(content_digest(*again) == content_digest(*serial));
  std::vector<std::uint8_t> a(3072), b(3072);
  CHECK(train->read(63, a) == serial->read(63, b));
  CHECK((a == b));
}

TEST_CASE("synth:shapes has ten classes, about equally frequent") {
  const auto test = open_source("synth:shapes", Split::test);
  const Info& info = test->info();
  CHECK(info.count == 2000);
  REQUIRE(info.classes() == 10);
  CHECK(info.class_names[5] == "star");
  std::vector<int> counts(10, 0);
  std::vector<std::uint8_t> image(3072);
  for (std::int64_t i = 0; i < info.count; ++i) {
    ++counts.at(static_cast<std::size_t>(test->read(i, image)));
  }
  CHECK(*std::min_element(counts.begin(), counts.end()) > 150);
  CHECK(info.digest != open_source("synth:shapes", Split::train, 2000)->info().digest);
}

TEST_CASE("shapes differ from their background, wherever they are") {
  for (int kind = 0; kind < shape_count; ++kind) {
    for (std::uint64_t i = 0; i < 50; ++i) {
      Rng rng(5, RngPurpose::test, static_cast<std::uint64_t>(kind), i);
      std::vector<std::uint8_t> image(3072);
      draw_shape(kind, rng, image);
      std::vector<double> spread;
      for (std::size_t c = 0; c < 3; ++c) {
        double sum = 0, square = 0;
        for (std::size_t p = 0; p < 1024; ++p) {
          const double x = image[3 * p + c];
          sum += x;
          square += x * x;
        }
        spread.push_back(square / 1024 - sum / 1024 * sum / 1024);
      }
      CAPTURE(kind, i);
      CHECK(std::accumulate(spread.begin(), spread.end(), 0.0) > 100);
    }
  }
}

TEST_CASE("a validation split is cut at random, once for a seed") {
  const Subsets a = split_validation(100, 20, 1), b = split_validation(100, 20, 1),
                c = split_validation(100, 20, 2);
  CHECK(a.train.size() == 80);
  CHECK(a.val.size() == 20);
  CHECK(a.val == b.val);
  CHECK(a.val != c.val);
  CHECK(std::is_sorted(a.train.begin(), a.train.end()));
  CHECK(std::is_sorted(a.val.begin(), a.val.end()));
  std::vector<std::int64_t> all = a.train;
  all.insert(all.end(), a.val.begin(), a.val.end());
  std::sort(all.begin(), all.end());
  for (std::int64_t i = 0; i < 100; ++i) CHECK(all[static_cast<std::size_t>(i)] == i);
  CHECK(split_validation(5, 0, 1).train.size() == 5);
  CHECK(contains(error_of(ErrorKind::usage, [] { split_validation(100, 100, 1); }), "100"));
  error_of(ErrorKind::usage, [] { split_validation(100, -1, 1); });
}
