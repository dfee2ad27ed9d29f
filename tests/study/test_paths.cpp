// Numbers of paths, sampled paths, results as files, shards, and memory as it was told.
#include <cmath>

#include "device/ledger.h"
#include "io/file.h"
#include "io/schema.h"
#include "models/catalog.h"
#include "study/paths_nets.h"
#include "study/paths_run.h"
#include "support/files.h"
#include "train/model_file.h"

using namespace rn;
using namespace rn::study;
using namespace rn::test;

TEST_CASE("path lengths are binomial", "[study]") {
  CHECK(paths_between(54, 19, 35) == Approx(.98016567).margin(5e-9));
  CHECK(paths_between(54, 5, 17) == Approx(.00453667).margin(5e-9));
  CHECK(paths_between(54, 0, 54) == Approx(1).epsilon(1e-15));
  for (const std::int64_t n : {1, 2, 9, 30, 54}) {
    const std::vector<double> shares = path_shares(n);
    double choose = 1;
    for (std::int64_t k = 0; k <= n; ++k) {
      CHECK(shares[static_cast<std::size_t>(k)] ==
            Approx(std::ldexp(choose, static_cast<int>(-n))).epsilon(1e-13));
      choose = std::round(choose * static_cast<double>(n - k) / static_cast<double>(k + 1));
    }
  }
  double sum = 0;
  for (const double share : path_shares(5000)) sum += share;
  CHECK(sum == Approx(1).epsilon(1e-12));
}

TEST_CASE("the smallest range that carries a share", "[study]") {
  const std::vector<double> shares{.0625, .125, .5, .25, .125, -.0625};  // exact in binary
  LengthRange range = smallest_range(shares, .5);
  CHECK((range.first == 2 && range.last == 2));
  range = smallest_range(shares, .75);
  CHECK((range.first == 2 && range.last == 3));
  range = smallest_range(shares, .875);
  CHECK((range.first == 1 && range.last == 3));  // as much as 2 to 4: the first
  CHECK(range.share == .875);
  range = smallest_range(shares, 1);
  CHECK((range.first == 1 && range.last == 4));
  range = smallest_range(shares, 1.05);
  CHECK((range.first == 0 && range.last == 4));  // more than the whole sum
  CHECK(smallest_range(shares, 1.2).size() < 1);
  CHECK(smallest_range({}, .5).size() < 1);
  // As many lengths as a result may have, and none that do: soon told.
  CHECK(smallest_range(std::vector<double>(most_blocks + 1, 1e-9), .95).size() < 1);
  CHECK(smallest_range(std::vector<double>(most_blocks + 1, NAN), .95).size() < 1);
}

// The mean over sampled paths of a length, against that over all of them.
TEST_CASE("sampled norms converge to the enumerated means", "[study]") {
  const bool batch = GENERATE(false, true);
  for (const std::size_t at : {0u, 2u, 5u, 6u}) {
    const NetCase c = net_cases()[at];
    INFO(c.name << (batch ? ", batch" : ", frozen"));
    TinyNet net(c, 5);
    const nn::Pass pass{.pool = net.pool, .batch_statistics = batch, .keep = true};
    const Tensor d = net.forward(pass);
    std::vector<double> mean(6, 0), count(6, 0);
    std::vector<double> each(32, 0);
    for (std::uint64_t path = 0; path < 32; ++path) {
      net.set_ways(path);
      const Vector g = values_of(net.network.backward(d, pass, net.saved, true));
      const std::size_t size = g.size() / 3;
      for (std::size_t n = 0; n < 3; ++n) {
        double square = 0;
        for (std::size_t i = n * size; i < (n + 1) * size; ++i) square += g[i] * g[i];
        each[path] += std::sqrt(square) / 3;
      }
      mean[static_cast<std::size_t>(std::popcount(path))] += each[path];
      count[static_cast<std::size_t>(std::popcount(path))] += 1;
    }
    SampleOptions options{.lengths = {0, 1, 2, 3, 4, 5}, .batch_statistics = batch, .seed = 4};
    PathSampler sampler(net.network, options);
    std::vector<SampledNorm> norms;
    for (std::int64_t trial = 0; trial < 60; ++trial) {
      const auto more = sampler.run(net.images, net.labels, trial, 3, net.pool);
      norms.insert(norms.end(), more.begin(), more.end());
      // Each measurement is that of its path.
      for (const SampledNorm& norm : more) {
        std::uint64_t path = 0;
        for (const std::int64_t b : sampled_blocks(5, norm.length, trial, 4))
          path |= std::uint64_t{1} << b;
        REQUIRE(std::popcount(path) == norm.length);
        REQUIRE(norm.norm == Approx(each[path]).epsilon(1e-10));
      }
    }
    for (const SampleSummary& s : summarize(norms)) {
      const auto k = static_cast<std::size_t>(s.length);
      INFO("length " << k);
      CHECK(s.trials == 60);
      CHECK(std::abs(s.mean - mean[k] / count[k]) <= 4.5 * s.standard_error + 1e-12 * s.mean);
      CHECK((s.first <= s.median && s.median <= s.third));
    }
  }
}

TEST_CASE("sampled boundaries: the first is where the images' gradient comes from", "[study]") {
  TinyNet net(net_cases()[5], 4);
  SampleOptions options{.lengths = {2}, .boundaries = true};
  PathSampler sampler(net.network, options);
  const auto whole = sampler.run(net.images, net.labels, 0, 3, net.pool);
  const auto sliced = sampler.run(net.images, net.labels, 0, 1, net.pool);
  REQUIRE(whole[0].boundaries.size() == 5);
  CHECK(sliced[0].norm == Approx(whole[0].norm).epsilon(1e-12));
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(whole[0].boundaries[i] > 0);
    CHECK(sliced[0].boundaries[i] == Approx(whole[0].boundaries[i]).epsilon(1e-12));
  }
}

TEST_CASE("the gradient through each block's branch: shares add up to the mean length", "[study]") {
  const bool batch = GENERATE(false, true);
  for (const NetCase& c : net_cases()) {
    INFO(c.name << (batch ? ", batch" : ", frozen"));
    TinyNet net(c, 4);
    Spectrum spectrum(net.network, {.blocks = true, .batch_statistics = batch});
    BatchSpectrum out = spectrum.begin(3);
    spectrum.run(net.images, net.labels, net.pool, out);
    double by_block = 0, by_length = 0;
    for (const double share : out.blocks.shares) by_block += share;
    for (std::size_t i = 0; i < out.images.shares.size(); ++i) {
      by_length += static_cast<double>(i % 5) * out.images.shares[i];
    }
    CHECK(by_block == Approx(by_length).epsilon(1e-11));
    // Without block b's branch in the backward pass the rest is left.
    const nn::Pass pass{.pool = net.pool, .batch_statistics = batch, .keep = true};
    const Tensor d = net.forward(pass);
    const Vector whole = values_of(net.network.backward(d, pass, net.saved, true));
    for (std::size_t b = 0; b < 4; ++b) {
      net.saved.blocks[b].gates.backward = {0, 1};
      const Vector without = values_of(net.network.backward(d, pass, net.saved, true));
      net.saved.blocks[b].gates.backward = {1, 1};
      Vector through(whole.size());
      for (std::size_t i = 0; i < whole.size(); ++i) through[i] = whole[i] - without[i];
      const LengthTable table = table_of({through}, whole, 3);
      CHECK(out.blocks.norms[b] ==
            Approx(table.norms[0] + table.norms[1] + table.norms[2]).epsilon(1e-9));
      CHECK(out.blocks.shares[b] ==
            Approx(table.shares[0] + table.shares[1] + table.shares[2]).epsilon(1e-9));
    }
    // Slices of blocks give the same.
    Spectrum some(net.network, {.blocks = true, .batch_statistics = batch, .slice = 3});
    BatchSpectrum sliced = some.begin(3);
    some.run(net.images, net.labels, net.pool, sliced);
    CHECK(worst(sliced.blocks.shares, out.blocks.shares) < 1e-13);
  }
}

namespace {

// A small model on built-in data.
std::string model_in(const TempDir& folder, const std::string& arch = "preresnet14-cifar",
                     int width = 4) {
  models::Network network(models::make_arch(arch, {.base_width = width}), Dtype::f32);
  network.initialize(5);
  train::ModelFile file;
  file.spec = network.spec();
  file.normalization = {{.5, .5, .5}, {.25, .25, .25}, {}, false};
  for (int c = 0; c < 10; ++c) file.class_names.push_back("class" + std::to_string(c));
  file.data_uri = "synth:shapes";
  file.data_digest = "00";
  const std::string path = folder / (arch + ".h5");
  io::write_file(path, train::save_model(network, file, false));
  return path;
}

PathsRun run_of(const std::string& model, const std::string& output) {
  PathsRun run;
  run.model = model;
  run.output = output;
  run.limit = 20;
  run.sample_limit = 40;
  run.options.spectrum = run.options.sample = true;
  run.options.batch = 8;
  run.options.exact = {.boundaries = true, .weights = true, .blocks = true};
  run.options.sampled = {.trials = 3, .batch = 8, .boundaries = true};
  run.volatile_provenance = false;
  return run;
}

}  // namespace

TEST_CASE("results come back from their files, whole, in shards and resumed", "[study]") {
  const TempDir folder;
  const std::string model = model_in(folder);
  const PathsRun run = run_of(model, folder / "whole.h5");
  const PathsResult whole = run_paths(run).result;
  REQUIRE(whole.whole());
  const PathsResult back = read_paths(io::schema::open(run.output, io::schema::Format::result));
  CHECK(to_table(back, PathsTable::spectrum) == to_table(whole, PathsTable::spectrum));
  CHECK(to_json(back, .9).str() == to_json(whole, .9).str());
  CHECK(back.sampled == whole.sampled);

  std::vector<PathsResult> parts;
  for (std::int64_t k = 0; k < 2; ++k) {
    PathsRun part = run;
    part.shard = {k, 2};
    part.output = folder / ("part" + std::to_string(k) + ".h5");
    parts.push_back(run_paths(part).result);
    CHECK(!parts.back().whole());
  }
  for (const PathsTable table : {PathsTable::spectrum, PathsTable::sampled, PathsTable::boundaries,
                                 PathsTable::weights, PathsTable::blocks}) {
    CHECK(to_table(merge({parts[1], parts[0]}, {"b", "a"}), table) == to_table(whole, table));
  }
  CHECK_THROWS_AS(merge({parts[0]}, {"a"}), Error);
  CHECK_THROWS_AS(merge({parts[0], parts[0]}, {"a", "a"}), Error);

  // Stopped at every point and resumed: the same bytes.
  for (const int polls : {1, 2, 3, 4, 6}) {
    PathsRun stopped = run;
    stopped.output = folder / ("stopped" + std::to_string(polls) + ".h5");
    stopped.resume = true;
    stopped.stop = [n = 0, polls]() mutable {
      return ++n == polls ? std::string("a test") : std::string();
    };
    CHECK(run_paths(stopped).stopped);
    stopped.stop = {};
    CHECK(!run_paths(stopped).stopped);
    CHECK(slurp(stopped.output) == slurp(run.output));
  }
  PathsRun other = run;
  other.resume = true;
  other.options.seed = 9;
  CHECK_THROWS_AS(run_paths(other), Error);
}

TEST_CASE("the memory limit changes no number, and the peak is as told", "[study]") {
  const TempDir folder;
  const bool batch = GENERATE(false, true);
  const std::string model = model_in(folder, "resnet20-cifar", 16);
  PathsRun run;
  run.model = model;
  run.limit = 48;
  run.options.spectrum = true;
  run.options.batch = 24;
  run.options.exact.batch_statistics = batch;
  Ledger& ledger = Ledger::global();
  SpectrumSummary all;
  for (const std::int64_t limit : {2000, 62, 57}) {
    run.memory_limit = limit << 20;
    const PathsOutcome outcome = run_paths(run);
    const auto peak = static_cast<double>(ledger.peak_total());
    INFO("limit " << limit << " MiB: told " << outcome.cost.bytes << ", peak " << peak << ", "
                  << outcome.cost.images << " images, " << outcome.cost.lengths << " lengths");
    CHECK(std::abs(peak - static_cast<double>(outcome.cost.bytes)) < 0.1 * peak);
    CHECK(peak < 1.1 * static_cast<double>(run.memory_limit));
    const SpectrumSummary s = summarize_spectrum(outcome.result);
    if (all.norms.empty()) {
      all = s;
      CHECK(outcome.cost.images == 24);
      CHECK(outcome.cost.lengths == 10);
    } else {  // single precision: to rounding
      CHECK((batch ? outcome.cost.lengths < 10 : outcome.cost.images < 24));
      CHECK(worst(s.norms, all.norms) < 1e-5);
      CHECK(worst(s.shares, all.shares) < 1e-5);
    }
  }
  run.memory_limit = 1 << 20;
  CHECK_THROWS_AS(run_paths(run), Error);
}
