#include "models/catalog.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/suggest.h"
#include "models/deeper.h"
#include "models/imagenet.h"
#include "models/revnet.h"

namespace rn::models {
namespace {

// A family of CIFAR networks of depth 6n + 2: three stages of n basic blocks.
struct Family {
  const char* prefix;
  bool pre;
  std::vector<int> listed;  // depths that --list-archs shows; others of the form work too
};

const std::vector<Family>& families() {
  static const std::vector<Family> list{
      {"resnet", false, {20, 32, 44, 56, 110, 1202}},
      {"preresnet", true, {20, 32, 44, 56, 110}},
  };
  return list;
}

const char* suffix = "-cifar";

// Depth of "resnet20-cifar" in the family, or 0.
int depth_of(const std::string& name, const Family& family) {
  const std::string prefix = family.prefix;
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return 0;
  const char* begin = name.data() + prefix.size();
  const char* end = name.data() + name.size() - std::string(suffix).size();
  int depth = 0;
  const auto parsed = std::from_chars(begin, end, depth);
  const bool whole = begin < end && parsed.ec == std::errc() && parsed.ptr == end;
  return whole && depth >= 8 && depth <= 10000 ? depth : 0;
}

std::int64_t or_else(std::int64_t given, std::int64_t own) { return given > 0 ? given : own; }

NetworkSpec cifar(const std::string& name, int depth, bool pre, const ArchOptions& options) {
  if ((depth - 2) % 6 != 0) {
    fail(ErrorKind::usage, "architecture '{}': the depth must be 6n + 2 (8, 14, 20, ..., 110, ...)",
         name);
  }
  const nn::ShortcutKind shortcut = options.shortcut.empty()
                                        ? nn::ShortcutKind::pad_end
                                        : nn::parse_shortcut_kind(options.shortcut);
  const nn::ShortcutPool pool = options.shortcut_pool.empty()
                                    ? nn::ShortcutPool::subsample
                                    : nn::parse_shortcut_pool(options.shortcut_pool);
  if (shortcut == nn::ShortcutKind::identity) {
    fail(ErrorKind::usage,
         "shortcut 'identity' cannot change the width between stages; use "
         "pad_end, pad_both, conv or conv_bn");
  }
  const std::int64_t base = or_else(options.base_width, 16);
  NetworkSpec spec;
  spec.arch = name;
  spec.height = or_else(options.height, 32);
  spec.width = or_else(options.width, 32);
  spec.channels = options.channels;
  spec.classes = or_else(options.classes, 10);
  spec.stem.out = base;
  spec.stem.norm_relu = !pre;
  spec.head.norm_relu = pre;
  std::int64_t in = base;
  for (int stage = 1; stage <= 3; ++stage) {
    const std::int64_t width = base << (stage - 1);
    for (int k = 1; k <= (depth - 2) / 6; ++k) {
      nn::BlockSpec block;
      block.name = fmt::format("stage{}.block{}", stage, k);
      block.in = in;
      block.width = block.out = width;
      block.stride = stage > 1 && k == 1 ? 2 : 1;
      block.order = pre ? nn::Order::pre : nn::Order::post;
      // fb.resnet.torch: the first block of every stage shares its first norm and ReLU.
      if (pre && k == 1) block.preactivation = nn::Preactivation::shared;
      if (block.downsamples()) {
        block.shortcut = shortcut;
        block.shortcut_pool = pool;
      }
      spec.blocks.push_back(block);
      in = width;
    }
  }
  check(spec);
  return spec;
}

struct Imagenet {
  const char* name;
  ImagenetStyle style;
  std::array<int, 4> counts;
  bool bottleneck;
};

const std::vector<Imagenet>& imagenets() {
  using enum ImagenetStyle;
  static const std::vector<Imagenet> list{
      {"resnet18", torchvision, {2, 2, 2, 2}, false},
      {"resnet34", torchvision, {3, 4, 6, 3}, false},
      {"resnet50", torchvision, {3, 4, 6, 3}, true},
      {"resnet101", torchvision, {3, 4, 23, 3}, true},
      {"resnet152", torchvision, {3, 8, 36, 3}, true},
      {"resnet50-keras", keras_v1, {3, 4, 6, 3}, true},
      {"resnet101-keras", keras_v1, {3, 4, 23, 3}, true},
      {"resnet152-keras", keras_v1, {3, 8, 36, 3}, true},
      {"resnet50v2-keras", keras_v2, {3, 4, 6, 3}, true},
      {"resnet101v2-keras", keras_v2, {3, 4, 23, 3}, true},
      {"resnet152v2-keras", keras_v2, {3, 8, 36, 3}, true},
  };
  return list;
}

std::string what(const Imagenet& net) {
  const auto& n = net.counts;
  const char* form = net.style == ImagenetStyle::torchvision ? "He et al. 2015; as torchvision"
                     : net.style == ImagenetStyle::keras_v1
                         ? "He et al. 2015; as Keras: stride first, biases"
                         : "pre-activation (He et al. 2016), as Keras V2";
  return fmt::format("ImageNet, {} + {} + {} + {} {} blocks ({})", n[0], n[1], n[2], n[3],
                     net.bottleneck ? "bottleneck" : "basic", form);
}

NetworkSpec imagenet(const Imagenet& net, const ArchOptions& options) {
  if (!options.shortcut.empty() || !options.shortcut_pool.empty()) {
    fail(ErrorKind::usage, "architecture '{}': its shortcuts are not an option", net.name);
  }
  return imagenet_spec(net.name, {.style = net.style,
                                  .counts = net.counts,
                                  .bottleneck = net.bottleneck,
                                  .base_width = or_else(options.base_width, 64),
                                  .height = or_else(options.height, 224),
                                  .width = or_else(options.width, 224),
                                  .channels = options.channels,
                                  .classes = or_else(options.classes, 1000)});
}

// The control of the lesion study (Veit et al. 2016): 15 layers, 3x3 convolutions of one width, so
// that each but the first can be deleted; 5, pool, 5, pool, 4, average, linear.
constexpr const char* vgg_name = "vgg15-cifar";

NetworkSpec vgg(const ArchOptions& options) {
  if (!options.shortcut.empty() || !options.shortcut_pool.empty()) {
    fail(ErrorKind::usage, "architecture '{}' has no shortcuts", vgg_name);
  }
  NetworkSpec spec;
  spec.arch = vgg_name;
  spec.height = or_else(options.height, 32);
  spec.width = or_else(options.width, 32);
  spec.channels = options.channels;
  spec.classes = or_else(options.classes, 10);
  spec.stem.out = or_else(options.base_width, 128);
  spec.stem.norm_relu = options.batch_norm;
  spec.stem.relu = spec.stem.conv_bias = !options.batch_norm;
  const int counts[] = {4, 5, 4};  // the stem is the first of the first five
  for (int stage = 1; stage <= 3; ++stage) {
    for (int k = 1; k <= counts[stage - 1]; ++k) {
      nn::BlockSpec block;
      block.name = fmt::format("stage{}.block{}", stage, k);
      block.kind = nn::BlockKind::plain;
      block.in = block.width = block.out = spec.stem.out;
      block.pool = stage > 1 && k == 1 ? 2 : 1;
      block.norm = options.batch_norm;
      block.conv_bias = options.batch_norm ? nn::ConvBias::none : nn::ConvBias::all;
      spec.blocks.push_back(block);
    }
  }
  check(spec);
  return spec;
}

void sized_by_name(const std::string& name, const ArchOptions& options) {
  if (options.units.empty() && options.widths.empty()) return;
  fail(ErrorKind::usage,
       "architecture '{}': its blocks and widths go by its name; --units and --widths are for the "
       "revnets and gomez-resnets",
       name);
}

constexpr const char* ck_name = "ck";

}  // namespace

std::vector<ArchEntry> archs() {
  std::vector<ArchEntry> list;
  for (const Family& family : families()) {
    for (const int depth : family.listed) {
      const int n = (depth - 2) / 6;
      list.push_back({fmt::format("{}{}{}", family.prefix, depth, suffix),
                      family.pre ? fmt::format("pre-activation, 3 x {} basic blocks of 16, 32, 64 "
                                               "channels (He et al. 2016, fb.resnet.torch)",
                                               n)
                                 : fmt::format("post-activation, 3 x {} basic blocks of 16, 32, 64 "
                                               "channels (He et al. 2015)",
                                               n)});
    }
  }
  for (const ArchEntry& entry : deeper_archs()) list.push_back(entry);
  list.push_back({vgg_name,
                  "no shortcuts: 14 3x3 convolutions of 128 channels (the control of Veit et al. "
                  "2016)"});
  for (const Imagenet& net : imagenets()) list.push_back({net.name, what(net)});
  for (const Revnet& net : revnets()) list.push_back({net.name, what(net)});
  list.push_back({ck_name,
                  "points, not images: layers of order k, --order, --layers, --dl, --activation "
                  "(Hauser and Ray 2017)"});
  return list;
}

NetworkSpec make_arch(const std::string& name, const ArchOptions& options) {
  if (name == vgg_name) return sized_by_name(name, options), vgg(options);
  if (name == ck_name) {
    sized_by_name(name, options);
    if (!options.shortcut.empty() || !options.shortcut_pool.empty()) {
      fail(ErrorKind::usage, "architecture '{}': its shortcuts are not an option", name);
    }
    if (options.height > 1 || options.width > 1) {
      fail(ErrorKind::usage,
           "architecture 'ck' takes points (synth:spirals, csv:FILE), not images of {}x{}",
           options.height, options.width);
    }
    return ck_spec(options.ck, options.channels, or_else(options.classes, 2), options.base_width);
  }
  if (options.ck != CkOptions{}) {
    fail(ErrorKind::usage, "--order, --layers, --dl and --activation go with --arch ck, not {}",
         name);
  }
  if (!options.batch_norm) {
    fail(ErrorKind::usage, "architecture '{}' needs its batch norm; only {} works without", name,
         vgg_name);
  }
  if (auto spec = deeper_arch(name, options)) return *std::move(spec);
  if (const Revnet* net = find_revnet(name)) return revnet_spec(*net, options);
  for (const Family& family : families()) {
    const int depth = depth_of(name, family);
    if (depth > 0) return sized_by_name(name, options), cifar(name, depth, family.pre, options);
  }
  for (const Imagenet& net : imagenets()) {
    if (name == net.name) return sized_by_name(name, options), imagenet(net, options);
  }
  std::vector<std::string> known;
  for (const ArchEntry& entry : archs()) known.push_back(entry.name);
  for (const std::string& guess : {name + "-cifar", nearest(name, known)}) {
    if (std::find(known.begin(), known.end(), guess) == known.end()) continue;
    fail(ErrorKind::usage, "unknown architecture '{}'; did you mean {}? --list-archs shows all",
         name, guess);
  }
  fail(ErrorKind::usage, "unknown architecture '{}'; known are {}", name, fmt::join(known, ", "));
}

}  // namespace rn::models
