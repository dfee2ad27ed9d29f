// What follows from the counts, files, and shards put together.
#include <cmath>

#include "models/catalog.h"
#include "study/lesion_result.h"
#include "study/lesion_studies.h"
#include "support/catch.h"
#include "support/files.h"

using namespace rn;
using namespace rn::study;

namespace {

// A result with given errors of 100 images each.
LesionResult made(Study study, const std::string& arch, std::vector<std::int64_t> errors,
                  LesionOptions options = {}) {
  options.study = study;
  LesionResult r;
  r.options = options;
  const models::NetworkSpec spec = models::make_arch(arch);
  r.arch = arch;
  r.model_digest = "aa";
  r.data = "synth:shapes";
  r.data_digest = "bb";
  r.split = "test";
  r.images = r.done = 100;
  r.class_names = {"a", "b"};
  for (const auto& b : spec.blocks) r.blocks.push_back({b.name, b.stage(), b.downsamples(), false});
  r.lesions = lesions_of(spec, options);
  r.total = static_cast<std::int64_t>(r.lesions.size());
  for (std::size_t i = 0; i < r.lesions.size(); ++i) {
    r.index.push_back(static_cast<std::int64_t>(i));
    Tally t;
    t.count = 100;
    t.errors = errors[i % errors.size()];
    t.loss_sum = static_cast<double>(t.errors) / 8;
    t.confidence_sum = 50;
    t.class_errors = {t.errors, 0};
    r.tallies.push_back(t);
  }
  return r;
}

LesionResult shard_of(const LesionResult& whole, std::int64_t index, std::int64_t count) {
  LesionResult part = whole;
  part.index.clear();
  part.lesions.clear();
  part.tallies.clear();
  part.shard = {index, count};
  for (std::size_t i = 0; i < whole.lesions.size(); ++i) {
    if (i != 0 && (static_cast<std::int64_t>(i) - 1) % count != index) continue;
    part.index.push_back(whole.index[i]);
    part.lesions.push_back(whole.lesions[i]);
    part.tallies.push_back(whole.tallies[i]);
  }
  return part;
}

}  // namespace

TEST_CASE("Shapley values of a game worked out by hand", "[study]") {
  // Three blocks, accuracy: none 10, {1} 30, {2} 40, {3} 10, {1,2} 80, with 3 as much: 3 is idle.
  LesionOptions options;
  options.trials = 60;
  LesionResult r = made(Study::shapley, "resnet8-cifar", {0}, options);
  const auto accuracy = [](const Lesion& l) {
    const bool one = l.places[0].branch != 0, two = l.places[1].branch != 0;
    return one && two ? 80 : one ? 30 : two ? 40 : 10;
  };
  for (std::size_t i = 0; i < r.lesions.size(); ++i) {
    r.tallies[i].errors = 100 - accuracy(r.lesions[i]);
  }
  const std::vector<Shapley> values = shapley_values(r);
  // Marginal gains of block 1: 20 before, 40 after block 2; each half of the time.
  CHECK(values[0].value == Approx(30).margin(4));
  CHECK(values[1].value == Approx(40).margin(4));
  CHECK(values[2].value == 0);
  CHECK(values[2].standard_error == 0);
  CHECK(values[0].standard_error == Approx(10 / std::sqrt(60.0)).margin(0.1));
  // Efficiency holds exactly, whatever was drawn.
  CHECK(values[0].value + values[1].value + values[2].value == Approx(80 - 10));
}

TEST_CASE("players that are alike get alike Shapley values", "[study]") {
  LesionOptions options;
  options.trials = 300;
  LesionResult r = made(Study::shapley, "resnet8-cifar", {0}, options);
  for (std::size_t i = 0; i < r.lesions.size(); ++i) {
    r.tallies[i].errors = 100 - 10 * r.lesions[i].k * r.lesions[i].k;  // by number alone
  }
  for (const Shapley& s : shapley_values(r)) {
    CHECK(std::abs(s.value - 30) < 4 * s.standard_error);
  }
}

TEST_CASE("interactions of pairs worked out by hand", "[study]") {
  // intact 10, then 11 12 13, 22 23, 33 in the order of the table.
  const LesionResult r = made(Study::pairs, "resnet8-cifar", {10, 20, 35, 40, 30, 70, 50});
  const Tensor m = pair_interactions(r);
  const double* x = m.data<double>();
  CHECK(x[0] == 0);
  CHECK(x[1] == 35 - 20 - 30 + 10);
  CHECK(x[2] == 40 - 20 - 50 + 10);
  CHECK(x[5] == 70 - 30 - 50 + 10);
  CHECK(x[3] == x[1]);
  CHECK(test::contains(to_table(r), "stage1.block1\tstage2.block1\t35\t-5"));
}

TEST_CASE("means and standard errors over trials", "[study]") {
  LesionOptions options;
  options.ks = {1, 2};
  options.trials = 2;
  const LesionResult r = made(Study::delete_random, "resnet8-cifar", {5, 10, 20, 30, 50}, options);
  const std::vector<KSummary> summary = summarize(r);
  REQUIRE(summary.size() == 2);
  CHECK(summary[0].error == 15);
  CHECK(summary[0].standard_error == Approx(5));
  CHECK(summary[1].error == 40);
  CHECK(summary[1].least == 30);
  CHECK(summary[1].most == 50);
}

TEST_CASE("the difference from the intact network and its interval", "[study]") {
  Tally t;
  t.count = 1000;
  t.lost = 30;
  t.gained = 10;
  const Difference d = difference(t);
  CHECK(d.value == Approx(2));
  CHECK(d.high - d.value == Approx(1.959964 * std::sqrt(40 - 0.4) / 10));
  CHECK(d.value - d.low == Approx(d.high - d.value));
}

TEST_CASE("the table of each deletion begins with the intact network", "[study]") {
  const std::string table = to_table(made(Study::delete_each, "resnet8-cifar", {8, 9, 10, 11}));
  CHECK(test::contains(table,
                       "block\tstage\tdownsampling\terrors\terror\tloss\tflips\n"
                       "intact\t-\t0\t8\t8\t0.01\t0\n"
                       "stage1.block1\tstage1\t0\t9\t9\t"));
  CHECK(test::contains(table, "stage2.block1\tstage2\t1\t10"));
}

TEST_CASE("results survive their file", "[study]") {
  LesionOptions options;
  options.ks = {2, 5};
  options.trials = 3;
  const LesionResult r = made(Study::shuffle, "resnet20-cifar", {8, 9, 10}, options);
  const io::H5 file = io::H5::open_image(to_h5(r).image(), "lesion.h5");
  const LesionResult back = read_lesions(file);
  CHECK(back.lesions == r.lesions);
  CHECK(back.tallies == r.tallies);
  CHECK(back.blocks == r.blocks);
  CHECK(to_table(back) == to_table(r));
  CHECK(file.read_doubles("by_k/tau").size() == 2);
}

TEST_CASE("shards make one result, or say what is wrong", "[study]") {
  const LesionResult whole =
      made(Study::delete_each, "resnet20-cifar", {8, 9, 10, 11, 12, 13, 14, 15, 16, 17});
  std::vector<LesionResult> parts;
  for (const std::int64_t i : {2, 0, 1}) parts.push_back(shard_of(whole, i, 3));
  const std::vector<std::string> names{"c.h5", "a.h5", "b.h5"};
  const LesionResult all = merge(parts, names);
  CHECK(all.lesions == whole.lesions);
  CHECK(all.tallies == whole.tallies);
  CHECK(all.whole());

  CHECK_THROWS_WITH(merge({parts[0], parts[1]}, {"c.h5", "a.h5"}), Catch::Contains("2/3 missing"));
  CHECK_THROWS_WITH(merge({parts[0], parts[0]}, {"c.h5", "d.h5"}),
                    Catch::Contains("d.h5: shard 3/3 was given twice"));
  auto other = parts;
  other[1].model_digest = "cc";
  CHECK_THROWS_WITH(merge(other, names),
                    Catch::Contains("c.h5 and a.h5 do not belong together: another model"));
  other = parts;
  other[2].options.seed = 2;
  CHECK_THROWS_WITH(merge(other, names), Catch::Contains("another seed"));
  other = parts;
  other[2].shard.count = 4;
  CHECK_THROWS_AS(merge(other, names), Error);
}

TEST_CASE("files that are shards of one study, and studies of their own", "[study]") {
  const LesionResult whole = made(Study::delete_each, "resnet20-cifar", {8, 9, 10, 11});
  LesionResult other = whole;
  other.model_digest = "cc";
  const std::vector<NamedStudy> studies =
      studies_of({shard_of(whole, 1, 2), other, shard_of(whole, 0, 2), shard_of(other, 0, 1)},
                 {"b.h5", "other.h5", "a.h5", "again.h5"});
  REQUIRE(studies.size() == 3);
  CHECK(studies[0].files == std::vector<std::string>{"b.h5", "a.h5"});
  CHECK(studies[0].result.tallies == whole.tallies);
  CHECK(studies[1].files == std::vector<std::string>{"other.h5"});
  CHECK(studies[1].result.model_digest == "cc");

  CHECK_THROWS_WITH(studies_of({shard_of(whole, 1, 3)}, {"b.h5"}),
                    Catch::Contains("b.h5: is shard 2/3 of a study; the other 2 are missing"));
  CHECK_THROWS_WITH(studies_of({shard_of(whole, 1, 3), shard_of(whole, 0, 3)}, {"b.h5", "a.h5"}),
                    Catch::Contains("3/3 missing"));
  LesionResult half = whole;
  half.done = 50;
  CHECK_THROWS_WITH(studies_of({half}, {"half.h5"}),
                    Catch::Contains("half.h5: is not finished: 50 of 100 images"));
}

TEST_CASE("damaged results are refused", "[study]") {
  const LesionResult r = made(Study::delete_each, "resnet8-cifar", {8, 9, 10, 11});
  const auto refused = [&](auto change) {
    LesionResult bad = r;
    change(bad);
    const io::H5 file = io::H5::open_image(to_h5(bad).image(), "bad.h5");
    return test::error_of(ErrorKind::input, [&] { read_lesions(file); });
  };
  CHECK(test::contains(refused([](auto& b) { b.tallies[1].errors = -1; }), "row 1"));
  CHECK(test::contains(refused([](auto& b) { b.index[0] = 1; }), "intact"));
  CHECK(test::contains(refused([](auto& b) { b.total = 0; }), "lesions of study"));
  CHECK(test::contains(refused([](auto& b) {
                         b.blocks.assign(most_blocks + 1, b.blocks.front());
                         for (auto& lesion : b.lesions) lesion.places.resize(b.blocks.size());
                       }),
                       "has 10001 blocks"));
  // What tables and pictures index by must be there.
  CHECK(test::contains(refused([](auto& b) { b.lesions[2].places[0].block = 99; }), "no order"));
  CHECK(test::contains(refused([](auto& b) { b.lesions[2].places[0].block = 1; }), "no order"));
  CHECK(test::contains(refused([](auto& b) { b.total = 50; }), "50 lesions do not make a study"));
  CHECK(test::contains(refused([](auto& b) {
                         b.options.study = Study::pairs;
                         b.total = 5;
                       }),
                       "5 lesions do not make"));
  CHECK(test::contains(refused([](auto& b) { b.index[2] = b.index[1]; }), "row 2"));
  CHECK(test::contains(refused([](auto& b) { b.tallies[1].flips = 101; }), "row 1"));
  CHECK(test::contains(refused([](auto& b) { b.shard.count = 1 << 25; }), "shards of study"));
  io::H5 foreign = io::H5::create();
  CHECK_THROWS_AS(read_lesions(foreign), Error);
}
