// The networks of Gomez et al. 2017: numbers of parameters counted from the configurations
// published with the paper, options, and what is refused.
#include "convert/layers.h"
#include "models/catalog.h"
#include "models/network.h"
#include "support/catch.h"

using namespace rn;
using models::make_arch;

namespace {

models::ArchOptions with_classes(std::int64_t classes) {
  models::ArchOptions options;
  options.classes = classes;
  return options;
}

std::string refusal(const std::string& arch, const models::ArchOptions& options, ErrorKind kind) {
  try {
    make_arch(arch, options);
  } catch (const Error& error) {
    CHECK(error.kind() == kind);
    return error.what();
  }
  FAIL("not refused");
  return {};
}

bool says(const std::string& message, const std::string& part) {
  INFO(message);
  return message.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the networks of the RevNet paper have its numbers of parameters") {
  struct Known {
    const char* name;
    std::int64_t ten, hundred;
  };
  for (const Known& net : {Known{"gomez-resnet32-cifar", 464154, 470004},
                           {"revnet38-cifar", 464890, 475060},
                           {"gomez-resnet110-cifar", 1727962, 1733812},
                           {"revnet110-cifar", 1729194, 1740804},
                           {"gomez-resnet164-cifar", 1703258, 1726388},
                           {"revnet164-cifar", 1748778, 1794948}}) {
    INFO(net.name);
    const auto count = [&](std::int64_t classes) {
      const models::NetworkSpec spec = make_arch(net.name, with_classes(classes));
      const models::Network network(spec, Dtype::f32);
      CHECK(network.store().parameter_count() == convert::parameter_count(spec));
      return network.store().parameter_count();
    };
    CHECK(count(10) == net.ten);
    CHECK(count(100) == net.hundred);
  }
  struct Large {
    const char* name;
    std::int64_t count;
  };
  for (const Large& net : {Large{"gomez-resnet50", 25549352},
                           {"gomez-resnet101", 44541480},
                           {"gomez-resnet152", 60185128},
                           {"revnet56", 27553128},
                           {"revnet104", 45428072}}) {
    INFO(net.name);
    CHECK(convert::parameter_count(make_arch(net.name)) == net.count);
  }
  const models::Network network(make_arch("revnet56"), Dtype::f32);
  CHECK(network.store().parameter_count() == 27553128);
}

TEST_CASE("the depth of a revnet is that of its name") {
  for (const auto& [name, depth] : {std::pair{"revnet38-cifar", 38},
                                    {"revnet110-cifar", 110},
                                    {"revnet164-cifar", 164},
                                    {"revnet56", 56},
                                    {"revnet104", 104},
                                    {"gomez-resnet32-cifar", 32},
                                    {"gomez-resnet164-cifar", 164}}) {
    INFO(name);
    CHECK(convert::depth_of(make_arch(name)) == depth);
  }
}

TEST_CASE("revnets of other numbers and widths") {
  models::ArchOptions options;
  options.units = {1, 2, 3};
  options.widths = {8, 8, 12, 16};
  const models::NetworkSpec spec = make_arch("revnet38-cifar", options);
  CHECK(spec.blocks.size() == 6);
  CHECK(spec.blocks.back().out == 16);
  CHECK(spec.blocks[1].shortcut == nn::ShortcutKind::pad_both);
  CHECK_FALSE(spec.blocks[0].invertible());  // behind the stem
  CHECK_FALSE(spec.blocks[1].invertible());  // changes the shape
  CHECK(spec.blocks[2].invertible());

  options.widths = {8, 8, 13, 16};
  CHECK(says(refusal("revnet38-cifar", options, ErrorKind::input), "must be even"));
  options.widths = {8, 8, 12};
  CHECK(says(refusal("revnet38-cifar", options, ErrorKind::usage), "--widths must be 4 numbers"));
  options.widths = {8, 8, 0, 12};
  CHECK(says(refusal("gomez-resnet32-cifar", options, ErrorKind::usage), "from 1 to"));
  options.widths.clear();
  CHECK(says(refusal("resnet20-cifar", options, ErrorKind::usage), "--units and --widths"));
  models::ArchOptions shortcut;
  shortcut.shortcut = "conv";
  CHECK(says(refusal("revnet38-cifar", shortcut, ErrorKind::usage), "not an option"));
}

TEST_CASE("tables with reversible blocks that no network can have") {
  const models::NetworkSpec good = make_arch("revnet38-cifar");
  const auto refused = [&](auto&& change, const char* why) {
    models::NetworkSpec spec = good;
    change(spec);
    INFO(why);
    CHECK_THROWS_AS(models::check(spec), Error);
  };
  refused([](auto& s) { s.blocks[4].reversible = false; }, "a plain block behind a reversible one");
  refused([](auto& s) { s.blocks[4].survival = 0.5; }, "stochastic depth");
  refused([](auto& s) { s.blocks[4].conv_bias = nn::ConvBias::all; }, "biases");
  refused([](auto& s) { s.blocks[4].order = nn::Order::post; }, "post-activation");
  refused([](auto& s) { s.blocks[4].preactivation = nn::Preactivation::shared; }, "shared norm");
  refused([](auto& s) { s.blocks[3].shortcut = nn::ShortcutKind::conv_bn; }, "norm on a shortcut");
}
