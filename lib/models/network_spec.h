// A network as data: stem, block table, head. Whatever made the network, this and the named tensors
// are all there is to it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/block_spec.h"
#include "tensor/tensor.h"

namespace rn::models {

struct StemSpec {
  std::int64_t out = 16;
  int kernel = 3, stride = 1, pad = 1;
  bool norm_relu = true;    // batch norm and ReLU after the convolution
  bool relu = false;        // or a ReLU alone
  bool max_pool = false;    // 3x3, stride 2, pad 1 (ImageNet)
  bool pool_zeros = false;  // its padding counts as zeros (Keras ResNet V2), else not at all
  bool conv_bias = false;
  bool lift = false;  // no convolution: the first state of a C^k network (ops::ck_lift)
  bool operator==(const StemSpec&) const = default;
};

// Maximum over windows of a clip's frames, in the head (Feichtenhofer et al. 2016): after the
// average over pixels as in the paper, or before it as in its code.
enum class TemporalPool { none, before_average, after_average };
const char* to_string(TemporalPool);

struct HeadSpec {
  std::int64_t features = 0;  // reads the first of the channels only (C^k); 0: all
  bool norm_relu = false;     // batch norm and ReLU before the pooling (pre-activation networks)
  TemporalPool temporal_pool = TemporalPool::none;
  int pool_size = 5, pool_stride = 2;  // of it, in frames
  bool operator==(const HeadSpec&) const = default;
};

struct NetworkSpec {
  std::string arch;  // "resnet20-cifar": where it came from; nothing is decided by it
  std::int64_t height = 32, width = 32, channels = 3;  // of the input
  std::int64_t classes = 10;
  double bn_eps = 1e-5, bn_momentum = 0.1;  // of stem and head; blocks carry their own
  StemSpec stem;
  std::vector<nn::BlockSpec> blocks;
  HeadSpec head;
  bool operator==(const NetworkSpec&) const = default;
};

// Errors (input): a table that no network can have (widths that do not join, duplicate names,
// sizes out of bounds); names the block.
void check(const NetworkSpec& spec);

// Of one image before each block, and behind the last: [1, height, width, channels]. Of a table
// that has been checked.
std::vector<Shape> boundary_shapes(const NetworkSpec& spec);

}  // namespace rn::models
