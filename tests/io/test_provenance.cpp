#include "io/provenance.h"
#include "support/catch.h"
#include "support/files.h"

using namespace rn;
using namespace rn::io;

namespace {

Provenance sample() {
  Provenance p = start_provenance("resnet-train", "resnet-train -o 'my model.h5'");
  p.config = "epochs = 3\n\n[data]\nuri = \"synth:shapes\"\n";
  p.seed = 18446744073709551615u;
  p.instruction_set = "avx2";
  p.libraries.emplace_back("onednn", "2.6.3");
  p.inputs.push_back({"/somewhere/m.h5", std::string(64, 'a')});
  return p;
}

Provenance round_trip(const Provenance& p, bool volatile_fields) {
  H5 file = H5::create();
  write(file, p, volatile_fields);
  return read_provenance(H5::open_image(file.image(), "x.h5"));
}

}  // namespace

TEST_CASE("provenance comes back whole") {
  const Provenance out = sample(), in = round_trip(out, true);
  CHECK(in.tool == "resnet-train");
  CHECK(in.version == out.version);
  CHECK(in.command_line == "resnet-train -o 'my model.h5'");
  CHECK(in.config == out.config);
  CHECK(in.seed == out.seed);
  CHECK(in.lanes == out.lanes);
  CHECK(in.threads == out.threads);
  CHECK(in.libraries == out.libraries);
  CHECK(in.host == out.host);
  CHECK(in.cpu == out.cpu);
  CHECK(in.started == out.started);
  CHECK(in.finished.size() == std::string("2026-01-31T23:59:59Z").size());
  REQUIRE(in.inputs.size() == 1);
  CHECK(in.inputs[0].path == "/somewhere/m.h5");
  CHECK(in.inputs[0].sha256 == std::string(64, 'a'));
}

TEST_CASE("without what changes from run to run, provenance is the same bytes anywhere") {
  Provenance here = sample(), there = sample();
  there.command_line = "/usr/bin/resnet-train -o other.h5";
  there.host = "elsewhere";
  there.cpu = "another";
  there.threads = 96;
  there.started = "1999-01-01T00:00:00Z";
  there.finished = "1999-01-02T00:00:00Z";
  there.inputs[0].path = "m.h5";
  H5 a = H5::create(), b = H5::create();
  write(a, here, false);
  write(b, there, false);
  CHECK((a.image() == b.image()));
  const Provenance in = round_trip(there, false);
  CHECK(in.command_line.empty());
  CHECK(in.host.empty());
  CHECK(in.finished.empty());
  CHECK(in.threads == 0);
  CHECK(in.config == here.config);
  CHECK(in.inputs[0].path.empty());
  CHECK(in.inputs[0].sha256 == std::string(64, 'a'));
  there.seed = 2;
  H5 c = H5::create();
  write(c, there, false);
  CHECK((c.image() != a.image()));
}

TEST_CASE("where things are is no part of the content") {
  CHECK(without_path("cifar10:/data/cifar") == "cifar10");
  CHECK(without_path("h5:a:b.h5") == "h5");
  CHECK(without_path("synth:shapes") == "synth:shapes");
  CHECK(without_path("").empty());
  const std::string config =
      "arch = \"resnet20-cifar\"\ninit = \"/home/m.h5\"\ndata = \"cifar10:/a \\\"b\\\"\"\nmap = "
      "\"m.tsv\"\n"
      "classes = \"c.txt\"\nlr = 0.1\n";
  CHECK(without_paths(config) == "arch = \"resnet20-cifar\"\ndata = \"cifar10\"\nlr = 0.1\n");
  CHECK(without_paths("data = \"synth:shapes\"\n# FILE = \"-\"\n") ==
        "data = \"synth:shapes\"\n# FILE = \"-\"\n");
  // What a file of somebody else's may hold.
  CHECK(without_paths("data\ndata = \ndata = \"\n") == "data\ndata = \"\"\ndata = \"\"\n");

  Provenance here = sample(), there = sample();
  here.config = "data = \"cifar10:/here\"\ninit = \"a.h5\"\n";
  there.config = "data = \"cifar10:/there/too\"\ninit = \"b.h5\"\n";
  H5 a = H5::create(), b = H5::create();
  write(a, here, false);
  write(b, there, false);
  CHECK((a.image() == b.image()));
  CHECK(round_trip(here, true).config == here.config);
  CHECK(round_trip(here, false).config == "data = \"cifar10\"\n");
}

TEST_CASE("a file without provenance reads as an empty record") {
  H5 file = H5::create();
  CHECK(read_provenance(H5::open_image(file.image(), "x.h5")).tool.empty());
}
