// Tiny networks with every feature of the block table somewhere, and one of them in f64 with inputs
// and a loss.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"
#include "models/network.h"

namespace rn::test {

using models::Network;

inline Tensor random_tensor(const Shape& shape, std::uint64_t stream, double sigma = 1) {
  Tensor tensor(shape, Dtype::f64, Tag::input);
  Rng rng(7, RngPurpose::test, stream);
  for (double& x : tensor.span<double>()) x = sigma * rng.normal();
  return tensor;
}

struct Case {
  std::string name;
  models::NetworkSpec spec;
};

// A tiny network: 6x6 images, two stages, every feature of the block table somewhere.
inline models::NetworkSpec tiny(nn::Order order, nn::BlockKind kind, nn::ShortcutKind shortcut,
                                nn::ShortcutPool pool, nn::Preactivation preactivation) {
  const bool pre = order == nn::Order::pre;
  models::NetworkSpec spec;
  spec.arch = "tiny";
  spec.height = spec.width = 6;
  spec.channels = 2;
  spec.classes = 3;
  spec.stem.out = 4;
  spec.stem.norm_relu = !pre || preactivation == nn::Preactivation::none;
  spec.head.norm_relu = pre;
  std::int64_t in = 4;
  for (int k = 1; k <= 3; ++k) {
    nn::BlockSpec block;
    block.name = "stage" + std::to_string(k == 1 ? 1 : 2) + ".block" + std::to_string(k);
    block.kind = kind;
    block.in = in;
    block.out = k == 1 ? 4 : 7;
    block.width = kind == nn::BlockKind::basic ? block.out : 3;
    block.stride = k == 2 ? 2 : 1;
    block.stride_at = kind == nn::BlockKind::bottleneck ? 2 : 1;
    block.order = order;
    block.conv_bias = k == 3 ? nn::ConvBias::all : nn::ConvBias::none;
    if (pre) block.preactivation = k == 3 ? nn::Preactivation::own : preactivation;
    if (block.downsamples()) {
      block.shortcut = shortcut;
      block.shortcut_pool = pool;
    }
    spec.blocks.push_back(block);
    in = block.out;
  }
  return spec;
}

inline std::vector<Case> cases() {
  using nn::BlockKind, nn::Order, nn::Preactivation, nn::ShortcutKind, nn::ShortcutPool;
  const auto none = ShortcutPool::subsample, mean = ShortcutPool::average;
  const auto own = Preactivation::own;
  return {
      {"post, pad_end", tiny(Order::post, BlockKind::basic, ShortcutKind::pad_end, none, own)},
      {"post, pad_both, average",
       tiny(Order::post, BlockKind::basic, ShortcutKind::pad_both, mean, own)},
      {"post, conv_bn", tiny(Order::post, BlockKind::basic, ShortcutKind::conv_bn, none, own)},
      {"post, conv, bottleneck",
       tiny(Order::post, BlockKind::bottleneck, ShortcutKind::conv, none, own)},
      {"pre, pad_end, shared",
       tiny(Order::pre, BlockKind::basic, ShortcutKind::pad_end, none, Preactivation::shared)},
      {"pre, conv, own", tiny(Order::pre, BlockKind::basic, ShortcutKind::conv, none, own)},
      {"pre, conv_bn, shared, bottleneck",
       tiny(Order::pre, BlockKind::bottleneck, ShortcutKind::conv_bn, none, Preactivation::shared)},
      {"pre, pad_both, none",
       tiny(Order::pre, BlockKind::basic, ShortcutKind::pad_both, mean, Preactivation::none)},
  };
}

inline models::NetworkSpec with_stem(models::NetworkSpec spec, const models::StemSpec& stem) {
  spec.stem = stem;
  return spec;
}

// Layers without shortcuts, with and without batch norm, behind a pool and not.
inline models::NetworkSpec plain(bool norm) {
  models::NetworkSpec spec;
  spec.arch = "plain";
  spec.height = spec.width = 6;
  spec.channels = 2;
  spec.classes = 3;
  spec.stem.out = 4;
  spec.stem.norm_relu = norm;
  spec.stem.relu = spec.stem.conv_bias = !norm;
  for (int k = 1; k <= 3; ++k) {
    nn::BlockSpec block;
    block.name = "stage1.block" + std::to_string(k);
    block.kind = nn::BlockKind::plain;
    block.in = block.width = block.out = 4;
    block.pool = k == 2 ? 2 : 1;
    block.norm = norm;
    block.conv_bias = norm ? nn::ConvBias::none : nn::ConvBias::all;
    spec.blocks.push_back(block);
  }
  return spec;
}

// What other frameworks' networks and the plain control need beyond the cases above.
inline std::vector<Case> more_cases() {
  using nn::BlockKind, nn::Order, nn::Preactivation, nn::ShortcutKind, nn::ShortcutPool;
  const auto none = ShortcutPool::subsample;
  const auto own = Preactivation::own;
  models::NetworkSpec keras = tiny(Order::post, BlockKind::basic, ShortcutKind::conv, none, own);
  for (auto& block : keras.blocks) {
    block.padding = nn::Padding::same;
    block.conv_bias = nn::ConvBias::all;
  }
  models::NetworkSpec keras2 =
      tiny(Order::pre, BlockKind::bottleneck, ShortcutKind::conv, none, Preactivation::shared);
  for (auto& block : keras2.blocks) block.conv_bias = nn::ConvBias::last;
  keras2 = with_stem(
      keras2,
      {.out = 4, .norm_relu = false, .max_pool = true, .pool_zeros = true, .conv_bias = true});
  keras2.height = keras2.width = 12;
  models::NetworkSpec imagenet =
      with_stem(tiny(Order::post, BlockKind::basic, ShortcutKind::conv_bn, none, own),
                {.out = 4, .kernel = 5, .stride = 2, .pad = 2, .max_pool = true});
  imagenet.height = imagenet.width = 23;
  models::NetworkSpec pooled = plain(false);
  pooled.stem.max_pool = true;
  pooled.height = pooled.width = 12;
  return {{"post, same padding, biases", keras}, {"pre, biases last, pool with zeros", keras2},
          {"post, pooled stem", imagenet},       {"plain, norm", plain(true)},
          {"plain, no norm", plain(false)},      {"plain, no norm, pooled stem", pooled}};
}

inline std::vector<Case> all_cases() {
  std::vector<Case> all = cases();
  for (Case& c : more_cases()) all.push_back(std::move(c));
  return all;
}

// Loss = sum of logits * weights, so that every logit counts.
struct Bench {
  TensorPool pool{cpu};
  models::Saved saved;
  Network network;
  Tensor images, weights;
  bool batch_statistics, sampled = false;

  Bench(const models::NetworkSpec& spec, bool batch)
      : network(spec, Dtype::f64), batch_statistics(batch) {
    network.initialize(3);
    // Scales and shifts away from 1 and 0, so that their place in the formulas shows.
    std::uint64_t stream = 100;
    for (const auto& p : network.store().parameters()) {
      if (p->is_weight()) continue;
      const Tensor noise = random_tensor(p->value.shape(), ++stream, 0.3);
      for (std::int64_t i = 0; i < noise.size(); ++i) {
        p->value.data<double>()[i] += noise.data<double>()[i];
      }
    }
    for (const auto& s : network.store().states()) {
      const Tensor noise = random_tensor(s->value.shape(), ++stream, 0.2);
      for (std::int64_t i = 0; i < noise.size(); ++i) {
        s->value.data<double>()[i] += std::abs(noise.data<double>()[i]);
      }
    }
    images = random_tensor({5, spec.height, spec.width, spec.channels}, 1);
    weights = random_tensor({5, spec.classes}, 2);
  }

  nn::Pass pass(bool keep) { return {pool, cpu_stream(), batch_statistics, keep, sampled}; }

  double loss(const Tensor& x) {
    const Tensor logits = network.forward(x, pass(false), saved);
    double sum = 0;
    for (std::int64_t i = 0; i < logits.size(); ++i) {
      sum += logits.data<double>()[i] * weights.data<double>()[i];
    }
    return sum;
  }

  Tensor backward(bool want_images) {
    network.store().require_gradients();
    network.forward(images, pass(true), saved);
    const Tensor d_images = network.backward(weights, pass(true), saved, want_images);
    return want_images ? d_images.clone() : d_images;
  }

  // Central difference at element i of `at`.
  double slope(const Tensor& at, std::int64_t i) {
    const double step = 1e-6;
    double& x = at.data<double>()[i];
    const double kept = x;
    x = kept + step;
    const double up = loss(images);
    x = kept - step;
    const double down = loss(images);
    x = kept;
    return (up - down) / (2 * step);
  }
};

}  // namespace rn::test
