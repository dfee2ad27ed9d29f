#include "models/deeper.h"

#include <array>
#include <charconv>

#include "base/error.h"

namespace rn::models {
namespace {

constexpr const char* resnet200 = "preresnet200";

std::int64_t or_else(std::int64_t given, std::int64_t own) { return given > 0 ? given : own; }

// The number that `text` begins with, cut off it; 0: none, or more than 10000.
int take_number(std::string_view& text) {
  int number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || number < 1 || number > 10000) return 0;
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  return number;
}

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

// Depth of a bottleneck network "preresnet164-cifar", or 0. Depths 6n + 2 are those of basic
// blocks, but for 164, which everybody knows as this.
int bottleneck_depth(std::string_view name) {
  if (!take(name, "preresnet")) return 0;
  const int depth = take_number(name);
  const bool ours = depth == 164 || (depth >= 11 && (depth - 2) % 9 == 0 && (depth - 2) % 6 != 0);
  return name == "-cifar" && ours ? depth : 0;
}

// Depth and widening of "wrn28-10-cifar"; depth 0: another name.
std::array<int, 2> wide_form(std::string_view name) {
  if (!take(name, "wrn")) return {};
  const int depth = take_number(name);
  if (!take(name, "-")) return {};
  const int widen = take_number(name);
  return name == "-cifar" && depth > 0 && widen > 0 ? std::array{depth, widen}
                                                    : std::array<int, 2>{};
}

NetworkSpec start(const std::string& name, const ArchOptions& options, std::int64_t side,
                  std::int64_t classes) {
  if (!options.shortcut.empty() || !options.shortcut_pool.empty()) {
    fail(ErrorKind::usage, "architecture '{}': its shortcuts are not an option", name);
  }
  NetworkSpec spec;
  spec.arch = name;
  spec.height = or_else(options.height, side);
  spec.width = or_else(options.width, side);
  spec.channels = options.channels;
  spec.classes = or_else(options.classes, classes);
  spec.stem.norm_relu = false;
  spec.head.norm_relu = true;
  return spec;
}

struct Stage {
  int count;
  std::int64_t width;  // of the branch
};

// Pre-activation stages whose first blocks change the shape by a projection that shares their first
// norm and ReLU.
void add_stages(NetworkSpec& spec, std::initializer_list<Stage> stages, nn::BlockKind kind,
                int stride_at, nn::ShortcutKind projection) {
  std::int64_t in = spec.stem.out;
  int number = 0;
  for (const Stage& stage : stages) {
    ++number;
    for (int k = 1; k <= stage.count; ++k) {
      nn::BlockSpec block;
      block.name = fmt::format("stage{}.block{}", number, k);
      block.kind = kind;
      block.order = nn::Order::pre;
      block.in = in;
      block.width = stage.width;
      block.out = kind == nn::BlockKind::bottleneck ? 4 * stage.width : stage.width;
      block.stride = number > 1 && k == 1 ? 2 : 1;
      block.stride_at = stride_at;
      if (block.downsamples()) {
        block.preactivation = nn::Preactivation::shared;
        block.shortcut = projection;
      }
      spec.blocks.push_back(block);
      in = block.out;
    }
  }
}

// KaimingHe/resnet-1k-layers: the stride on the first 1x1 convolution, projections without a norm.
NetworkSpec bottlenecks(const std::string& name, int depth, const ArchOptions& options) {
  NetworkSpec spec = start(name, options, 32, 10);
  const std::int64_t base = or_else(options.base_width, 16);
  spec.stem.out = base;
  const int n = (depth - 2) / 9;
  add_stages(spec, {{n, base}, {n, 2 * base}, {n, 4 * base}}, nn::BlockKind::bottleneck, 1,
             nn::ShortcutKind::conv);
  check(spec);
  return spec;
}

NetworkSpec wide(const std::string& name, int depth, int widen, const ArchOptions& options) {
  if (depth < 10 || (depth - 4) % 6 != 0) {
    fail(ErrorKind::usage, "architecture '{}': the depth must be 6n + 4 (10, 16, 22, 28, 40, ...)",
         name);
  }
  NetworkSpec spec = start(name, options, 32, 10);
  spec.stem.out = or_else(options.base_width, 16);
  const std::int64_t base = spec.stem.out * widen;
  const int n = (depth - 4) / 6;
  add_stages(spec, {{n, base}, {n, 2 * base}, {n, 4 * base}}, nn::BlockKind::basic, 1,
             nn::ShortcutKind::conv);
  check(spec);
  return spec;
}

// fb.resnet.torch: stem with norm and ReLU before its pooling, so the first block has none; the
// stride on the 3x3 convolution; projections with a norm.
NetworkSpec imagenet200(const ArchOptions& options) {
  NetworkSpec spec = start(resnet200, options, 224, 1000);
  const std::int64_t base = or_else(options.base_width, 64);
  spec.stem = {
      .out = base, .kernel = 7, .stride = 2, .pad = 3, .norm_relu = true, .max_pool = true};
  add_stages(spec, {{3, base}, {24, 2 * base}, {36, 4 * base}, {3, 8 * base}},
             nn::BlockKind::bottleneck, 2, nn::ShortcutKind::conv_bn);
  spec.blocks.front().preactivation = nn::Preactivation::none;
  check(spec);
  return spec;
}

}  // namespace

std::vector<ArchEntry> deeper_archs() {
  return {
      {"preresnet164-cifar",
       "pre-activation, 3 x 18 bottleneck blocks of 64, 128, 256 channels (He et al. 2016)"},
      {"preresnet1001-cifar",
       "pre-activation, 3 x 111 bottleneck blocks of 64, 128, 256 channels (He et al. 2016)"},
      {"wrn16-4-cifar",
       "wide ResNet, 3 x 2 basic blocks of 64, 128, 256 channels (Zagoruyko and "
       "Komodakis 2016)"},
      {"wrn28-10-cifar", "wide ResNet, 3 x 4 basic blocks of 160, 320, 640 channels (the same)"},
      {resnet200,
       "ImageNet, pre-activation, 3 + 24 + 36 + 3 bottleneck blocks (He et al. 2016; as "
       "fb.resnet.torch)"}};
}

std::optional<NetworkSpec> deeper_arch(const std::string& name, const ArchOptions& options) {
  if (const int depth = bottleneck_depth(name)) return bottlenecks(name, depth, options);
  if (const auto [depth, widen] = wide_form(name); depth > 0) {
    return wide(name, depth, widen, options);
  }
  if (name == resnet200) return imagenet200(options);
  return {};
}

}  // namespace rn::models
