#include "models/revnet.h"

#include "base/error.h"

namespace rn::models {
namespace {

constexpr double eps = 1e-3, momentum = 0.01;  // theirs is the weight of the past, .99
constexpr std::int64_t expansion = 4;          // of a bottleneck

std::int64_t or_else(std::int64_t given, std::int64_t own) { return given > 0 ? given : own; }

void check_lists(const Revnet& net, const std::vector<std::int64_t>& units,
                 const std::vector<std::int64_t>& widths) {
  const std::size_t stages = net.units.size();
  const auto numbers = [&](const char* what, const std::vector<std::int64_t>& list,
                           std::size_t count, std::int64_t most) {
    bool good = list.size() == count;
    for (const std::int64_t number : list) good = good && number >= 1 && number <= most;
    if (good) return;
    fail(ErrorKind::usage, "architecture '{}': {} must be {} numbers from 1 to {}, not '{}'",
         net.name, what, count, most, fmt::join(list, ","));
  };
  numbers("--units", units, stages, 3000);
  numbers("--widths", widths, stages + 1, 16384);
}

nn::BlockSpec block_of(const Revnet& net, std::size_t stage, std::int64_t k, std::int64_t in,
                       std::int64_t width) {
  nn::BlockSpec block;
  block.name = fmt::format("stage{}.block{}", stage + 1, k);
  block.kind = net.bottleneck ? nn::BlockKind::bottleneck : nn::BlockKind::basic;
  block.in = in;
  block.width = width;
  block.out = net.bottleneck ? expansion * width : width;
  block.stride = stage > 0 && k == 1 ? 2 : 1;
  block.order = nn::Order::pre;
  // The stem has a norm and a ReLU of its own.
  if (stage == 0 && k == 1) block.preactivation = nn::Preactivation::none;
  block.padding = nn::Padding::same;
  block.bn_eps = eps;
  block.bn_momentum = momentum;
  block.reversible = net.reversible;
  if (block.downsamples()) {
    block.shortcut = net.bottleneck ? nn::ShortcutKind::conv : nn::ShortcutKind::pad_both;
    block.shortcut_pool = net.bottleneck ? nn::ShortcutPool::subsample : nn::ShortcutPool::average;
  }
  return block;
}

}  // namespace

const std::vector<Revnet>& revnets() {
  static const std::vector<Revnet> list{
      {"revnet38-cifar", true, false, false, {3, 3, 3}, {32, 32, 64, 112}},
      {"revnet110-cifar", true, false, false, {9, 9, 9}, {32, 32, 64, 128}},
      {"revnet164-cifar", true, true, false, {9, 9, 9}, {32, 32, 64, 128}},
      {"revnet56", true, true, true, {2, 2, 3, 2}, {128, 128, 256, 512, 832}},
      {"revnet104", true, true, true, {2, 2, 11, 2}, {128, 128, 256, 512, 832}},
      {"gomez-resnet32-cifar", false, false, false, {5, 5, 5}, {16, 16, 32, 64}},
      {"gomez-resnet110-cifar", false, false, false, {18, 18, 18}, {16, 16, 32, 64}},
      {"gomez-resnet164-cifar", false, true, false, {18, 18, 18}, {16, 16, 32, 64}},
      {"gomez-resnet50", false, true, true, {3, 4, 6, 3}, {64, 64, 128, 256, 512}},
      {"gomez-resnet101", false, true, true, {3, 4, 23, 3}, {64, 64, 128, 256, 512}},
      {"gomez-resnet152", false, true, true, {3, 8, 36, 3}, {64, 64, 128, 256, 512}},
  };
  return list;
}

const Revnet* find_revnet(const std::string& name) {
  for (const Revnet& net : revnets()) {
    if (name == net.name) return &net;
  }
  return nullptr;
}

std::string what(const Revnet& net) {
  return fmt::format("{}, {}, {} {} units of {} channels (Gomez et al. 2017)",
                     net.imagenet ? "ImageNet" : "CIFAR",
                     net.reversible ? "reversible" : "pre-activation", fmt::join(net.units, " + "),
                     net.bottleneck ? "bottleneck" : "basic", fmt::join(net.widths, ", "));
}

NetworkSpec revnet_spec(const Revnet& net, const ArchOptions& options) {
  if (!options.shortcut.empty() || !options.shortcut_pool.empty() || options.base_width > 0) {
    fail(ErrorKind::usage,
         "architecture '{}': its shortcuts are not an option, and its widths are given by --widths",
         net.name);
  }
  const auto& units = options.units.empty() ? net.units : options.units;
  const auto& widths = options.widths.empty() ? net.widths : options.widths;
  check_lists(net, units, widths);
  NetworkSpec spec;
  spec.arch = net.name;
  spec.height = or_else(options.height, net.imagenet ? 224 : 32);
  spec.width = or_else(options.width, net.imagenet ? 224 : 32);
  spec.channels = options.channels;
  spec.classes = or_else(options.classes, net.imagenet ? 1000 : 10);
  spec.bn_eps = eps;
  spec.bn_momentum = momentum;
  spec.stem.out = widths[0];
  if (net.imagenet) {
    spec.stem.kernel = 7;
    spec.stem.stride = 2;
    spec.stem.pad = 3;
    spec.stem.max_pool = true;
  }
  spec.head.norm_relu = true;
  std::int64_t in = widths[0];
  for (std::size_t stage = 0; stage < units.size(); ++stage) {
    for (std::int64_t k = 1; k <= units[stage]; ++k) {
      spec.blocks.push_back(block_of(net, stage, k, in, widths[stage + 1]));
      in = spec.blocks.back().out;
    }
  }
  check(spec);
  return spec;
}

}  // namespace rn::models
