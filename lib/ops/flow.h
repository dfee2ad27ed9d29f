// Optical flow.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace rn::ops {

// TV-L1: minimises the sum over pixels of lambda |to(x + u) - from(x)| + |grad u1| + |grad u2|, by
// the duality-based scheme of Zach, Pock and Bischof 2007, with the warps, the pyramid and the
// median filter of Wedel et al. 2009. Parameters and defaults are those of OpenCV's DualTVL1.
struct TvL1 {
  double tau = 0.25;        // step of the dual variables
  double lambda = 0.15;     // weight of the data term
  double theta = 0.3;       // tightness: how far the two halves of the problem may be apart
  double epsilon = 0.01;    // pixels: iterations end when the root mean square change is not above
  double scale_step = 0.8;  // from one scale of the pyramid to the next
  int scales = 5;           // at most: none is smaller than 16 pixels a side, but for the first
  int warps = 5;            // a scale
  int outer = 10;           // a warp, each begins with the median filter
  int inner = 30;           // iterations each; the change is looked at after every 5th and the last
  int median = 5;           // its side: 1 (none), 3 or 5
};

// Height and width of the scales of the pyramid over images [H, W], the images' own first.
struct FlowScale {
  std::int64_t h = 0, w = 0;
};
std::vector<FlowScale> flow_scales(const TvL1& parameters, std::int64_t h, std::int64_t w);

// flow [N, H, W, 2] := the flow from image n of `from` to image n of `to`, both [N, H, W] with
// brightness on the scale of bytes, finite: (u, v) in pixels to the right and down, such that
// to(y + v, x + u) looks like from(y, x). Overwritten. What moves out of the image has no data
// term. A pixel's value does not depend on how the work is cut: bytes are the same with any number
// of lanes. Errors: shape, also of parameters that make no sense.
void tv_l1_flow(const TvL1& parameters, const Tensor& from, const Tensor& to, const Tensor& flow,
                Stream& stream = cpu_stream());

}  // namespace rn::ops
