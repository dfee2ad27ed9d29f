// The account of memory: what grows with depth and what does not, in bytes; multiply-adds against
// published counts; files; what fits.
#include <cmath>

#include "base/parallel.h"
#include "device/limit.h"
#include "models/catalog.h"
#include "study/memory_run.h"
#include "support/catch.h"

using namespace rn;
using namespace rn::study;

namespace {

train::MemoryMode mode(const std::string& activations, const std::string& stream = "float") {
  train::MemoryMode found;
  parse_activations(activations, found);
  parse_stream(stream, found);
  return found;
}

MemoryRun small(const std::string& arch, std::vector<std::int64_t> units) {
  MemoryRun run;
  run.archs = {arch};
  run.units = std::move(units);
  run.widths = {8, 8, 16, 24};
  run.size = 8;
  run.batch = 4;
  run.modes = {mode("stored"), mode("checkpointed"), mode("reversible")};
  run.every_mode = true;
  run.exactness = false;
  return run;
}

Macs macs_of(const std::string& arch, const models::ArchOptions& options = {},
             const train::MemoryMode& memory = {}) {
  return count_macs(models::Network(models::make_arch(arch, options), Dtype::f32), memory);
}

std::vector<std::int64_t> peaks(const MemoryResult& r, const std::string& activations, Tag tag) {
  std::vector<std::int64_t> bytes;
  for (const auto& c : r.cases) {
    if (c.activations == activations) bytes.push_back(c.account.peak(tag));
  }
  return bytes;
}

double exponent(const MemoryResult& r, const std::string& activations) {
  for (const auto& fit : r.fits()) {
    if (fit.activations == activations) return fit.exponent;
  }
  return -1;
}

}  // namespace

TEST_CASE("activations of a reversible network do not grow with depth, to the byte") {
  for (const char* arch : {"revnet38-cifar", "revnet164-cifar"}) {
    for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
      INFO(arch << ", " << to_string(dtype));
      MemoryRun run = small(arch, {3, 9, 27});
      run.precisions = {dtype};
      const MemoryResult r = run_memory(run);
      REQUIRE(r.cases.size() == 9);
      const auto reversible = peaks(r, "reversible", Tag::activation);
      CHECK(reversible[0] == reversible[1]);
      CHECK(reversible[0] == reversible[2]);
      // Statistics do, by some vectors a norm.
      const auto statistics = peaks(r, "reversible", Tag::statistics);
      CHECK(statistics[2] - statistics[1] == 3 * (statistics[1] - statistics[0]));
      const auto stored = peaks(r, "stored", Tag::activation);
      CHECK(stored[2] - stored[1] == 3 * (stored[1] - stored[0]));
      CHECK(stored[0] > reversible[0]);
      const auto checkpointed = peaks(r, "checkpointed", Tag::activation);
      CHECK(checkpointed[2] < stored[2] / 2);
      CHECK(exponent(r, "reversible") == 0);
      CHECK(exponent(r, "stored") > 0.6);
      CHECK(exponent(r, "checkpointed") < 0.6);
    }
  }
}

TEST_CASE("a plain network grows linearly, checkpointed as the root") {
  const MemoryResult r = run_memory(small("gomez-resnet32-cifar", {3, 12, 48}));
  REQUIRE(r.cases.size() == 6);
  const auto stored = peaks(r, "stored", Tag::activation);
  CHECK(stored[2] - stored[1] == 4 * (stored[1] - stored[0]));
  CHECK(exponent(r, "stored") > 0.75);
  const auto checkpointed = peaks(r, "checkpointed", Tag::activation);
  // Four times the depth is twice the memory, and a little that does not grow.
  const double ratio = static_cast<double>(checkpointed[2]) / static_cast<double>(checkpointed[1]);
  CHECK(ratio < 2.3);
  CHECK(ratio > 1.4);
}

TEST_CASE("nothing is allocated after the first step, in any mode") {
  set_threads(1);  // threads meet shapes, and need workspace, when it happens so
  const MemoryRun run = small("revnet38-cifar", {4});
  for (const auto& kept : run.modes) {
    for (const char* stream : {"float", "fixed"}) {
      train::MemoryMode m = kept;
      parse_stream(stream, m);
      INFO(activations_name(m) << ", " << stream);
      MemoryStep step(spec_of(run, "revnet38-cifar", 4), Dtype::f32, m, 4, 1);
      const std::int64_t peak = step.account().peak(Tag::activation);
      const std::int64_t before = Ledger::global().allocations();
      step.run();
      step.run();
      CHECK(Ledger::global().allocations() == before);
      CHECK(Ledger::global().live(Tag::activation) == peak);
    }
  }
  set_threads(0);
}

TEST_CASE("the timeline rises forward and falls backward") {
  const MemoryRun run = small("revnet38-cifar", {6});
  const auto spec = spec_of(run, "revnet38-cifar", 6);
  const auto timeline = [&](const char* activations) {
    return MemoryStep(spec, Dtype::f32, mode(activations), 4, 1).account().timeline;
  };
  const auto stored = timeline("stored"), reversible = timeline("reversible");
  // Stem, blocks and head, there and back, and the update.
  REQUIRE(stored.size() == 2 * (18 + 2) + 1);
  CHECK(stored.front().where == "stem");
  CHECK(stored[20].where == "head");
  CHECK(stored[20].phase == Phase::backward);
  CHECK(stored[6].in_use > stored[2].in_use);
  // Within a stage nothing is added.
  for (std::size_t i = 3; i <= 6; ++i) CHECK(reversible[i].in_use == reversible[2].in_use);
  for (const auto& point : reversible) {
    CHECK(point.in_use <= point.live[static_cast<std::size_t>(Tag::activation)]);
  }
}

TEST_CASE("multiply-adds are those that are known") {
  // torchvision's ResNet-50 and -18 at 224 x 224, from its documentation: 4.09 and 1.81 G.
  CHECK(std::abs(macs_of("resnet50").forward - 4.089e9) < 2e6);
  CHECK(std::abs(macs_of("resnet18").forward - 1.814e9) < 2e6);
  // resnet20-cifar by hand: stem, 18 convolutions in three stages, linear layer.
  const double hand =
      1024 * 432 + 1024.0 * 6 * 2304 + 256.0 * (4608 + 5 * 9216) + 64.0 * (18432 + 5 * 36864) + 640;
  CHECK(macs_of("resnet20-cifar").forward == hand);
  // A unit of a revnet: two branches of two convolutions over half the channels.
  models::ArchOptions options;
  options.units = {2, 1, 1};
  options.widths = {8, 8, 8, 8};
  const Macs macs = macs_of("revnet38-cifar", options, mode("reversible"));
  CHECK(macs.recomputed == 1024.0 * 4 * 9 * 16);
  const Macs checkpointed = macs_of("revnet38-cifar", options, mode("checkpointed:3"));
  const double stage1 = 2 * 1024.0 * 4 * 9 * 16, stage2 = 256.0 * 4 * 9 * 16;
  CHECK(checkpointed.recomputed == stage1 + stage2);
}

TEST_CASE("how exact the reverse sweep is") {
  MemoryRun run = small("revnet38-cifar", {3});
  run.modes = {mode("reversible"), mode("reversible", "fixed")};
  run.exactness = true;
  run.precisions = {Dtype::f64, Dtype::f32, Dtype::bf16};
  const MemoryResult r = run_memory(run);
  REQUIRE(r.angles.size() == 6);
  REQUIRE(r.reconstructed.size() == 6 * 6);  // two of three units in three stages
  for (const auto& angle : r.angles) {
    INFO(angle.precision << " " << angle.stream << ": " << angle.degrees);
    if (angle.stream != "float") {
      CHECK(angle.degrees == 0);
    } else {
      CHECK(angle.degrees < (angle.precision == "fp64"   ? 1e-10
                             : angle.precision == "fp32" ? 0.1
                                                         : 1));
      CHECK(angle.degrees > 0);
    }
  }
  for (const auto& x : r.reconstructed) {
    if (x.stream != "float") CHECK(x.largest == 0);
    if (x.stream == "float" && x.precision == "fp64") CHECK(x.relative < 1e-12);
    CHECK(x.relative < 1e-4);
  }
}

TEST_CASE("the angle is followed along training") {
  MemoryRun run = small("revnet38-cifar", {2});
  run.size = 32;
  run.modes = {mode("reversible")};
  run.exactness = true;
  run.train_steps = 4;
  run.lr = 0.01;
  const MemoryResult r = run_memory(run);
  REQUIRE(r.angles.size() == 5);
  CHECK(r.angles.front().step == 0);
  CHECK(r.angles.back().step == 4);
  CHECK(r.data == "synth:shapes");
  run.data = "h5:/nowhere.h5";
  CHECK_THROWS_AS(run_memory(run), Error);
}

TEST_CASE("what fits was run, and one more does not") {
  MemoryRun run = small("revnet38-cifar", {2});
  set_threads(1);  // so that workspace is the same each time
  run.most_units = 200;
  run.most_batch = 4000;
  run.fit = 5 << 19;
  for (const char* activations : {"stored", "reversible"}) {
    const auto limits = fit_memory(run, "revnet38-cifar", mode(activations), Dtype::f32);
    REQUIRE(limits.size() == 2);
    for (const auto& limit : limits) {
      INFO(activations << ", " << limit.what << " " << limit.most << ", " << limit.bytes);
      CHECK(limit.most >= 1);
      CHECK(limit.bytes <= run.fit);
      CHECK_FALSE(limit.at_least);
      // By a run of one's own, without a limit.
      const auto bytes = [&](std::int64_t more) {
        std::int64_t peak = 0;
        const bool units = limit.what == "units";
        on_fresh_threads([&] {
          MemoryStep step(spec_of(run, "revnet38-cifar", limit.units + (units ? more : 0)),
                          Dtype::f32, mode(activations), limit.batch + (units ? 0 : more), 1);
          peak = step.account().peak_total();
        });
        return peak;
      };
      CHECK(bytes(0) == limit.bytes);
      CHECK(bytes(1) > run.fit);
    }
  }
  run.fit = 1000;
  CHECK_THROWS_AS(fit_memory(run, "revnet38-cifar", mode("stored"), Dtype::f32), Error);
  CHECK(memory_limit() == no_limit);
  set_threads(0);
}

TEST_CASE("a memory result is written and read") {
  MemoryRun run = small("revnet38-cifar", {2, 3});
  run.exactness = true;
  run.steps = 1;
  run.fit = 5 << 19;
  run.most_units = 3;
  run.most_batch = 5;
  const MemoryResult r = run_memory(run);
  io::H5 file = to_h5(r);
  const io::H5 again = io::H5::open_image(file.image(), "memory.h5");
  const MemoryResult read = read_memory(again);
  CHECK(to_json(read).str() == to_json(r).str());
  CHECK(to_text(read) == to_text(r));
  for (const auto table :
       {MemoryTable::cases, MemoryTable::peaks, MemoryTable::timeline, MemoryTable::reconstruction,
        MemoryTable::angles, MemoryTable::fits, MemoryTable::limits}) {
    CHECK(to_table(read, table) == to_table(r, table));
  }
  CHECK(to_text(r).find("revnet38-cifar") != std::string::npos);
}

TEST_CASE("what cannot be run is told before anything runs") {
  MemoryRun run = small("resnet20-cifar", {3});
  CHECK_THROWS_AS(run_memory(run), Error);  // its depth is that of its name
  run = small("gomez-resnet32-cifar", {3});
  run.every_mode = false;
  CHECK_THROWS_AS(run_memory(run), Error);  // not reversible
  run.archs = {};
  CHECK_THROWS_AS(run_memory(run), Error);
}
