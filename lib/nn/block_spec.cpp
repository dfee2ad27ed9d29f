#include "nn/block_spec.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"

namespace rn::nn {
namespace {

template <class E, std::size_t N>
using Words = std::array<std::pair<E, const char*>, N>;

constexpr Words<BlockKind, 4> block_kinds{{{BlockKind::basic, "basic"},
                                           {BlockKind::bottleneck, "bottleneck"},
                                           {BlockKind::plain, "plain"},
                                           {BlockKind::ck, "ck"}}};
constexpr Words<Order, 2> orders{{{Order::post, "post"}, {Order::pre, "pre"}}};
constexpr Words<Preactivation, 3> preactivations{{{Preactivation::own, "own"},
                                                  {Preactivation::shared, "shared"},
                                                  {Preactivation::none, "none"}}};
constexpr Words<ShortcutKind, 5> shortcut_kinds{{{ShortcutKind::identity, "identity"},
                                                 {ShortcutKind::pad_end, "pad_end"},
                                                 {ShortcutKind::pad_both, "pad_both"},
                                                 {ShortcutKind::conv, "conv"},
                                                 {ShortcutKind::conv_bn, "conv_bn"}}};
constexpr Words<ShortcutPool, 2> shortcut_pools{
    {{ShortcutPool::subsample, "subsample"}, {ShortcutPool::average, "average"}}};
constexpr Words<ConvBias, 3> conv_biases{
    {{ConvBias::none, "none"}, {ConvBias::all, "all"}, {ConvBias::last, "last"}}};
constexpr Words<Padding, 2> paddings{{{Padding::symmetric, "symmetric"}, {Padding::same, "same"}}};

constexpr Words<ops::Curve, 4> curves{{{ops::Curve::tanh, "tanh"},
                                       {ops::Curve::sigmoid, "sigmoid"},
                                       {ops::Curve::relu, "relu"},
                                       {ops::Curve::linear, "linear"}}};

template <class E, std::size_t N>
const char* word(const Words<E, N>& words, E value) {
  for (const auto& [key, text] : words) {
    if (key == value) return text;
  }
  return "?";
}

template <class E, std::size_t N>
E parse(const Words<E, N>& words, const std::string& text, const char* what) {
  std::string known;
  for (const auto& [key, name] : words) {
    if (text == name) return key;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  fail(ErrorKind::input, "{} '{}': expected one of {}", what, text.substr(0, 60), known);
}

}  // namespace

const char* to_string(BlockKind value) { return word(block_kinds, value); }
const char* to_string(Order value) { return word(orders, value); }
const char* to_string(Preactivation value) { return word(preactivations, value); }
const char* to_string(ShortcutKind value) { return word(shortcut_kinds, value); }
const char* to_string(ShortcutPool value) { return word(shortcut_pools, value); }
const char* to_string(ConvBias value) { return word(conv_biases, value); }
const char* to_string(Padding value) { return word(paddings, value); }
const char* to_string(ops::Curve value) { return word(curves, value); }

BlockKind parse_block_kind(const std::string& text) {
  return parse(block_kinds, text, "block kind");
}
Order parse_order(const std::string& text) { return parse(orders, text, "block order"); }
Preactivation parse_preactivation(const std::string& text) {
  return parse(preactivations, text, "pre-activation");
}
ShortcutKind parse_shortcut_kind(const std::string& text) {
  return parse(shortcut_kinds, text, "shortcut");
}
ShortcutPool parse_shortcut_pool(const std::string& text) {
  return parse(shortcut_pools, text, "shortcut pooling");
}
ConvBias parse_conv_bias(const std::string& text) {
  return parse(conv_biases, text, "convolution bias");
}
Padding parse_padding(const std::string& text) { return parse(paddings, text, "padding"); }
ops::Curve parse_curve(const std::string& text) { return parse(curves, text, "activation"); }

namespace {

void check_ck(const BlockSpec& spec, const auto& demand) {
  demand(spec.ck_order >= 0 && spec.ck_order <= ops::ck_most_order,
         fmt::format("the order of a C^k layer must be 0 to {}", ops::ck_most_order));
  demand(spec.dl > 0 && spec.dl <= 1e6, "the step dl must be positive, and at most 1e6");
  demand(spec.in == spec.out && spec.in == spec.width * ops::ck_copies(spec.ck_order),
         "a C^k layer's channels are its width times the vectors of its state, in and out");
  demand(spec.stride == 1 && spec.shortcut == ShortcutKind::identity && spec.order == Order::post &&
             spec.preactivation == Preactivation::own && spec.survival == 1,
         "a C^k layer has no stride, projection, pre-activation or stochastic depth");
}

}  // namespace

void check(const BlockSpec& spec) {
  const auto demand = [&](bool holds, const std::string& what) {
    if (!holds) fail(ErrorKind::input, "block '{}': {}", spec.name.substr(0, 200), what);
  };
  const auto channels_ok = [](std::int64_t c) { return c >= 1 && c <= 1 << 16; };
  // It becomes part of paths.
  const bool plain_name = std::all_of(spec.name.begin(), spec.name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
  demand(!spec.name.empty() && spec.name.size() <= 200 && plain_name && spec.name.front() != '.' &&
             spec.name.back() != '.',
         "its name must have 1 to 200 letters, digits, _ or -, and dots between them");
  demand(channels_ok(spec.in) && channels_ok(spec.width) && channels_ok(spec.out),
         "channels must be between 1 and 65536");
  demand(spec.stride >= 1 && spec.stride <= 16, "stride must be between 1 and 16");
  const bool plain = spec.kind == BlockKind::plain, ck = spec.kind == BlockKind::ck;
  if (ck) check_ck(spec, demand);
  const int convs = spec.kind == BlockKind::bottleneck ? 3 : plain || ck ? 1 : 2;
  demand(spec.stride_at >= 1 && spec.stride_at <= convs,
         fmt::format("stride_at must be between 1 and {}", convs));
  demand(spec.kind == BlockKind::bottleneck || ck || spec.width == spec.out,
         "a basic or plain block's width must be its output's");
  demand(spec.norm || plain, "only a plain block can be without batch norm");
  demand(spec.pool >= 1 && spec.pool <= 16 && (spec.pool == 1 || plain),
         "only a plain block can pool, by 1 to 16");
  demand(!plain || (spec.in == spec.out && spec.stride == 1 && spec.order == Order::post &&
                    spec.shortcut == ShortcutKind::identity && spec.survival == 1),
         "a plain block keeps its channels, has stride 1, no shortcut and no stochastic depth");
  demand(plain || spec.shortcut != ShortcutKind::identity || !spec.downsamples(),
         "an identity shortcut cannot change the shape");
  const bool pads =
      spec.shortcut == ShortcutKind::pad_end || spec.shortcut == ShortcutKind::pad_both;
  demand(!pads || spec.out >= spec.in, "a padded shortcut cannot lose channels");
  demand(spec.order == Order::pre || spec.preactivation == Preactivation::own,
         "only a pre-activation block can share or omit its first norm");
  const auto even = [](std::int64_t c) { return c % 2 == 0; };
  demand(!spec.reversible || (even(spec.in) && even(spec.width) && even(spec.out)),
         fmt::format("a reversible block splits its channels into halves, but it has {} in, {} "
                     "inside and {} out; they must be even",
                     spec.in, spec.width, spec.out));
  demand(!spec.reversible ||
             (!plain && spec.order == Order::pre && spec.preactivation != Preactivation::shared &&
              spec.shortcut != ShortcutKind::conv_bn && spec.conv_bias == ConvBias::none &&
              spec.survival == 1),
         "a reversible block is a basic or bottleneck one in order pre, without biases, without a "
         "norm that is shared or on the shortcut, and without stochastic depth");
  demand(spec.bn_eps > 0 && spec.bn_eps < 1, "bn_eps must be between 0 and 1");
  demand(spec.bn_momentum > 0 && spec.bn_momentum <= 1, "bn_momentum must be in (0, 1]");
  demand(spec.temporal >= 1 && spec.temporal <= 15 && spec.temporal % 2 == 1,
         "the temporal extent must be 1, 3, ..., 15");
  demand(spec.temporal == 1 ||
             (spec.order == Order::post && !plain && !ck && !spec.reversible &&
              spec.shortcut == ShortcutKind::identity && spec.survival == 1 && spec.stride == 1),
         "only a post-activation residual block with an identity shortcut, without a stride and "
         "without stochastic depth, can have temporal convolutions");
  demand(spec.survival > 0 && spec.survival <= 1, "survival must be in (0, 1]");
}

}  // namespace rn::nn
