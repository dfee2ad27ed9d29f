// C^k networks (Hauser and Ray 2017): layers that act on points, in coordinates that each layer
// changes a little. nn/block_spec.h, kind ck, has the layer.
#pragma once

#include "models/network_spec.h"

namespace rn::models {

struct CkOptions {
  int order = 1;    // k, 0 to 3
  int layers = 10;  // L
  double dl = 1;    // step in depth
  ops::Curve curve = ops::Curve::tanh;
  bool operator==(const CkOptions&) const = default;
};

// width: numbers of a coordinate vector; 0: as many as a point has. Errors: usage (values that no
// network can have).
NetworkSpec ck_spec(const CkOptions& options, std::int64_t channels, std::int64_t classes,
                    std::int64_t width);

// The options that a spec was made from. Errors (input): it is no C^k network, or its layers
// differ.
CkOptions ck_options(const NetworkSpec& spec);

// The same network with every layer cut into `times`, each dl / times long: of the piecewise
// constant weights of depth, a finer solution. The names tell which layer each is from:
// "stage1.block3" becomes "stage1.block3", ..., renumbered. Source layer of new layer i: i / times.
NetworkSpec refined(const NetworkSpec& spec, int times);

}  // namespace rn::models
