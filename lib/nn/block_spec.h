// One row of the block table: a residual block as data. Model files store it; studies, converters
// and trainers work from it.
#pragma once

#include <cstdint>
#include <string>

#include "ops/ck.h"

namespace rn::nn {

enum class BlockKind {
  basic,       // two 3x3 convolutions (He et al. 2015)
  bottleneck,  // 1x1, 3x3, 1x1
  plain,       // one 3x3 convolution and no shortcut (VGG): deleted, it hands its input on
  ck,          // a layer of a C^k network (ops/ck.h): channels are the state, width its d
};
enum class Order {
  post,  // conv-BN-ReLU, ReLU after the addition (He et al. 2015)
  pre,   // BN-ReLU-conv, nothing after the addition (He et al. 2016)
};
enum class Preactivation {  // of the first norm and ReLU of a `pre` block
  own,                      // feeds the branch; the shortcut takes the raw input
  shared,                   // feeds the branch and the shortcut ("both_preact" of fb.resnet.torch)
  none,                     // left out: the input comes activated
};
enum class ShortcutKind {
  identity,
  pad_end,   // option A: zero channels after the input's
  pad_both,  // option A: zero channels on both sides
  conv,      // 1x1 projection without batch norm
  conv_bn,   // option B: 1x1 projection with batch norm
};
enum class ShortcutPool { subsample, average };  // of the padded shortcuts, where stride > 1
enum class ConvBias {
  none,  // the usual: a batch norm follows
  all,   // every convolution, the shortcut's too
  last,  // the last of the branch, and the shortcut's (Keras ResNet V2)
};
enum class Padding {  // of 3x3 convolutions
  symmetric,          // 1 on either side (PyTorch)
  same,               // TensorFlow's "same": with stride 2 on an even size none before and 1 behind
};

struct BlockSpec {
  std::string name;  // "stage2.block17": unique, also the prefix of its parameters
  BlockKind kind = BlockKind::basic;
  std::int64_t in = 16, width = 16, out = 16;  // channels; width: inside the branch
  int stride = 1;
  int stride_at = 1;  // which convolution of the branch bears the stride, from 1
  Order order = Order::post;
  Preactivation preactivation = Preactivation::own;
  ShortcutKind shortcut = ShortcutKind::identity;
  ShortcutPool shortcut_pool = ShortcutPool::subsample;
  ConvBias conv_bias = ConvBias::none;
  Padding padding = Padding::symmetric;
  double bn_eps = 1e-5;
  double bn_momentum = 0.1;  // PyTorch's convention: weight of the new batch
  int temporal = 1;          // temporal extent of the kernels; 1: images
  double survival = 1;       // stochastic depth: probability that the branch is there
  bool norm = true;          // plain: a batch norm between convolution and ReLU
  int pool = 1;              // plain: the maximum over pool x pool pixels comes first
  // Two branches over half the channels each, y1 = S(x1) + F(x2), y2 = S(x2) + G(y1) (Gomez et al.
  // 2017). What is said of the first norm and of the stride is said of F; G has its own norm.
  bool reversible = false;
  int ck_order = 1;                     // ck: k, 0 to 3
  double dl = 1;                        // ck: step in depth
  ops::Curve curve = ops::Curve::tanh;  // ck: of its linear layer

  bool operator==(const BlockSpec&) const = default;
  bool downsamples() const { return stride > 1 || pool > 1 || in != out; }
  // Whether its input can be computed from its output; else it is kept. (The unit behind the stem,
  // whose F has no norm, could be inverted, but its input is kept: Gomez et al.)
  bool invertible() const {
    return reversible && shortcut == ShortcutKind::identity && preactivation == Preactivation::own;
  }
  // Height or width behind the block.
  std::int64_t output_size(std::int64_t size) const { return (size / pool + stride - 1) / stride; }
  std::string stage() const { return name.substr(0, name.find('.')); }
};

const char* to_string(BlockKind);
const char* to_string(Order);
const char* to_string(Preactivation);
const char* to_string(ShortcutKind);
const char* to_string(ShortcutPool);
const char* to_string(ConvBias);
const char* to_string(Padding);
const char* to_string(ops::Curve);
// Errors (input): an unknown word, listing the known ones.
BlockKind parse_block_kind(const std::string& text);
Order parse_order(const std::string& text);
Preactivation parse_preactivation(const std::string& text);
ShortcutKind parse_shortcut_kind(const std::string& text);
ShortcutPool parse_shortcut_pool(const std::string& text);
ConvBias parse_conv_bias(const std::string& text);
Padding parse_padding(const std::string& text);
ops::Curve parse_curve(const std::string& text);

// Errors (input): channels, strides or combinations that no block can have; names the block.
void check(const BlockSpec& spec);

}  // namespace rn::nn
