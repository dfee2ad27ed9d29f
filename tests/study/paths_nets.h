// Tiny networks for the tests of paths, and gradients by brute force over all of them.
#pragma once

#include <bit>
#include <cmath>
#include <map>

#include "base/rng.h"
#include "models/network.h"
#include "ops/loss.h"
#include "study/spectrum.h"
#include "support/catch.h"

namespace rn::test {

inline Tensor random_tensor(const Shape& shape, std::uint64_t stream, double sigma = 1) {
  Tensor tensor(shape, Dtype::f64, Tag::input);
  Rng rng(7, RngPurpose::test, stream);
  for (double& x : tensor.span<double>()) x = sigma * rng.normal();
  return tensor;
}

struct NetCase {
  std::string name;
  nn::Order order = nn::Order::post;
  nn::BlockKind kind = nn::BlockKind::basic;
  nn::ShortcutKind shortcut = nn::ShortcutKind::pad_end;
  nn::Preactivation preactivation = nn::Preactivation::own;
  bool max_pool = false;
  double survival = 1;
  nn::ShortcutPool pool = nn::ShortcutPool::subsample;
};

inline std::vector<NetCase> net_cases() {
  using nn::BlockKind, nn::Order, nn::Preactivation, nn::ShortcutKind;
  const auto own = Preactivation::own;
  return {
      {.name = "post, pad_end"},
      {.name = "post, pad_both, average",
       .shortcut = ShortcutKind::pad_both,
       .pool = nn::ShortcutPool::average},
      {.name = "post, conv_bn, survival", .shortcut = ShortcutKind::conv_bn, .survival = 0.6},
      {.name = "post, conv, bottleneck",
       .kind = BlockKind::bottleneck,
       .shortcut = ShortcutKind::conv},
      {.name = "post, conv_bn, pooled stem", .shortcut = ShortcutKind::conv_bn, .max_pool = true},
      {.name = "pre, pad_end, shared", .order = Order::pre, .preactivation = Preactivation::shared},
      {.name = "pre, conv, own, survival",
       .order = Order::pre,
       .shortcut = ShortcutKind::conv,
       .preactivation = own,
       .survival = 0.7},
      {.name = "pre, conv_bn, shared, bottleneck",
       .order = Order::pre,
       .kind = BlockKind::bottleneck,
       .shortcut = ShortcutKind::conv_bn,
       .preactivation = Preactivation::shared},
      {.name = "pre, pad_both, none",
       .order = Order::pre,
       .shortcut = ShortcutKind::pad_both,
       .preactivation = Preactivation::none},
  };
}

// Two stages on 6x6 images (12x12 before a pooled stem), the second one narrower and wider.
inline models::NetworkSpec tiny_spec(const NetCase& c, int blocks) {
  const bool pre = c.order == nn::Order::pre;
  models::NetworkSpec spec;
  spec.arch = "tiny";
  spec.height = spec.width = c.max_pool ? 12 : 6;
  spec.channels = 2;
  spec.classes = 3;
  spec.stem.out = 4;
  spec.stem.max_pool = c.max_pool;
  spec.stem.norm_relu = !pre || c.preactivation == nn::Preactivation::none;
  spec.head.norm_relu = pre;
  std::int64_t in = 4;
  for (int k = 0; k < blocks; ++k) {
    nn::BlockSpec block;
    const bool first = k < blocks / 2;
    block.name = (first ? "stage1.block" : "stage2.block") + std::to_string(k + 1);
    block.kind = c.kind;
    block.in = in;
    block.out = first ? 4 : 7;
    block.width = c.kind == nn::BlockKind::basic ? block.out : 3;
    block.stride = k == blocks / 2 ? 2 : 1;
    block.stride_at = c.kind == nn::BlockKind::bottleneck ? 2 : 1;
    block.order = c.order;
    block.survival = c.survival;
    block.conv_bias = k + 1 == blocks ? nn::ConvBias::all : nn::ConvBias::none;
    if (pre)
      block.preactivation =
          k == 0 || block.downsamples() ? c.preactivation : nn::Preactivation::own;
    if (block.downsamples()) {
      block.shortcut = c.shortcut;
      block.shortcut_pool = c.pool;
    }
    spec.blocks.push_back(block);
    in = block.out;
  }
  return spec;
}

// A network with values, images and labels; norms are not the identity.
struct TinyNet {
  models::Network network;
  Tensor images, labels;
  TensorPool pool{};
  models::Saved saved{};

  TinyNet(const NetCase& c, int blocks, std::int64_t count = 3)
      : network(tiny_spec(c, blocks), Dtype::f64) {
    network.initialize(3);
    std::uint64_t stream = 100;
    for (const auto& p : network.store().parameters()) {
      if (p->value.rank() != 1) continue;
      const Tensor noise = random_tensor(p->value.shape(), ++stream, 0.3);
      for (std::int64_t i = 0; i < p->value.size(); ++i)
        p->value.data<double>()[i] += noise.data<double>()[i];
    }
    for (const auto& s : network.store().states()) {
      const Tensor noise = random_tensor(s->value.shape(), ++stream, 0.2);
      for (std::int64_t i = 0; i < s->value.size(); ++i)
        s->value.data<double>()[i] += std::abs(noise.data<double>()[i]);
    }
    const models::NetworkSpec& spec = network.spec();
    images = random_tensor({count, spec.height, spec.width, spec.channels}, 1);
    labels = Tensor({count}, Dtype::i32, Tag::input);
    for (std::int64_t n = 0; n < count; ++n)
      labels.data<std::int32_t>()[n] = static_cast<std::int32_t>(n % spec.classes);
  }

  // Forward, whole; the gradient of the logits of the summed cross-entropy.
  Tensor forward(const nn::Pass& pass) {
    const Tensor logits = network.forward(images, pass, saved);
    const Tensor losses({images.dim(0)}, Dtype::f64, Tag::workspace);
    const Tensor d(logits.shape(), Dtype::f64, Tag::workspace);
    ops::softmax_cross_entropy({}, logits, labels, losses, d);
    return d;
  }
  void set_ways(std::uint64_t branches) {  // bit i: block i's branch, else its shortcut
    for (std::size_t i = 0; i < saved.blocks.size(); ++i) {
      const bool branch = (branches >> i & 1) != 0;
      saved.blocks[i].gates.backward = {branch ? 1.0 : 0.0, branch ? 0.0 : 1.0};
    }
  }
};

using Vector = std::vector<double>;

inline Vector values_of(const Tensor& t) {
  const auto s = t.span<double>();
  return {s.begin(), s.end()};
}

inline void add_to(Vector& to, const Tensor& t, double by = 1) {
  to.resize(static_cast<std::size_t>(t.size()), 0);
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += by * t.data<double>()[i];
}

// Norms and shares of gradients by length, image by image.
inline study::LengthTable table_of(const std::vector<Vector>& by_length, const Vector& whole,
                                   std::int64_t images) {
  study::LengthTable table;
  table.assign(images, static_cast<std::int64_t>(by_length.size()));
  const std::size_t size = whole.size() / static_cast<std::size_t>(images);
  for (std::size_t n = 0; n < static_cast<std::size_t>(images); ++n) {
    double all = 0;
    for (std::size_t i = n * size; i < (n + 1) * size; ++i) all += whole[i] * whole[i];
    for (std::size_t k = 0; k < by_length.size(); ++k) {
      double square = 0, dot = 0;
      for (std::size_t i = n * size; i < (n + 1) * size; ++i) {
        square += by_length[k][i] * by_length[k][i];
        dot += by_length[k][i] * whole[i];
      }
      table.norms[n * by_length.size() + k] = std::sqrt(square);
      table.shares[n * by_length.size() + k] = dot / all;
    }
  }
  return table;
}

inline double worst(const Vector& a, const Vector& b) {
  REQUIRE(a.size() == b.size());
  double most = 0, difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::abs(b[i]));
    difference = std::max(difference, std::abs(a[i] - b[i]));
  }
  REQUIRE(most > 0);
  return difference / most;
}

}  // namespace rn::test
