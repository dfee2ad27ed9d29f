// What training keeps: names, refusals, and that it decides nothing but memory.
#include "io/file.h"
#include "support/catch.h"
#include "train/memory_mode.h"
#include "train/run.h"

using namespace rn;
using namespace rn::train;

namespace {

MemoryMode mode(const std::string& activations, const std::string& stream = "float") {
  MemoryMode found;
  parse_activations(activations, found);
  parse_stream(stream, found);
  return found;
}

// 50 steps of a revnet of two units a stage.
TrainOptions revnet(const test::TempDir& folder, const std::string& name, const MemoryMode& memory,
                    Dtype dtype) {
  TrainOptions o = test::tiny(folder, name);
  o.arch = "revnet38-cifar";
  o.width = 0;
  o.units = {2, 2, 2};
  o.widths = {4, 4, 6, 8};
  o.dtype = dtype;
  o.memory = memory;
  o.length = {50, Length::Unit::steps};
  o.schedule.lr = 0.02;
  o.eval_every = {1000, Length::Unit::epochs};
  return o;
}

io::Bytes trained(const TrainOptions& options) {
  CHECK(train::train(options).ended == Ended::complete);
  return io::read_file(options.output);
}

}  // namespace

TEST_CASE("memory modes are read and written the same way") {
  for (const char* text : {"stored", "checkpointed", "checkpointed:3", "reversible"}) {
    CHECK(activations_name(mode(text)) == text);
  }
  CHECK(stream_name(mode("stored")) == "float");
  CHECK(stream_name(mode("stored", "fixed")) == "fixed:12");
  CHECK(stream_name(mode("stored", "fixed:0")) == "fixed:0");
  for (const char* text :
       {"", "store", "checkpointed:", "checkpointed:0", "checkpointed:3x", "checkpointed:-1",
        "reversible:2", "checkpointed:99999999999999999999"}) {
    INFO(text);
    CHECK_THROWS_AS(mode(text), Error);
  }
  for (const char* text : {"", "fix", "fixed:", "fixed:21", "fixed:-1", "fixed:1.5", "float:3"}) {
    INFO(text);
    CHECK_THROWS_AS(mode("stored", text), Error);
  }
}

TEST_CASE("reversing is refused where nothing can be reversed") {
  const auto refused = [](const models::NetworkSpec& spec, const MemoryMode& memory) {
    try {
      check(memory, spec);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::usage);
      return std::string(error.what());
    }
    return std::string();
  };
  const auto plain = models::make_arch("resnet8-cifar"),
             revnet = models::make_arch("revnet38-cifar");
  models::ArchOptions options;
  options.units = {1, 1, 1};
  const auto shallow = models::make_arch("revnet38-cifar", options);
  CHECK(refused(plain, mode("reversible")).find("is not reversible") != std::string::npos);
  CHECK(refused(plain, mode("stored", "fixed")).find("--stream fixed") != std::string::npos);
  CHECK(refused(shallow, mode("reversible")).find("no block that can be") != std::string::npos);
  CHECK(refused(plain, mode("checkpointed")).empty());
  CHECK(refused(revnet, mode("reversible", "fixed")).empty());
  CHECK(refused(shallow, mode("checkpointed", "fixed")).empty());
}

TEST_CASE("on a grid 50 steps end in the same bytes, whatever is kept") {
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
    INFO(to_string(dtype));
    const test::TempDir folder;
    const io::Bytes stored = trained(revnet(folder, "s.h5", mode("stored", "fixed"), dtype));
    const io::Bytes reversible =
        trained(revnet(folder, "r.h5", mode("reversible", "fixed"), dtype));
    const io::Bytes checkpointed =
        trained(revnet(folder, "c.h5", mode("checkpointed:2", "fixed"), dtype));
    CHECK(stored == reversible);
    CHECK(stored == checkpointed);
    CHECK(stored != trained(revnet(folder, "f.h5", mode("stored"), dtype)));
  }
}

TEST_CASE("reversible training goes on where it was stopped") {
  const test::TempDir folder;
  const TrainOptions whole = revnet(folder, "whole.h5", mode("reversible"), Dtype::f32);
  const io::Bytes want = trained(whole);
  TrainOptions part = revnet(folder, "part.h5", mode("reversible"), Dtype::f32);
  part.stop = test::stop_at(17);
  CHECK(train::train(part).ended == Ended::stopped);
  part.stop = {};
  part.resume = true;
  CHECK(trained(part) == want);
}

TEST_CASE("checkpoints change no byte of a plain network's training") {
  const test::TempDir folder;
  TrainOptions stored = test::tiny(folder, "s.h5"), checkpointed = test::tiny(folder, "c.h5");
  checkpointed.memory = mode("checkpointed");
  CHECK(trained(stored) == trained(checkpointed));
}
