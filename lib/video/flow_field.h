// One flow field, f32 [H, W, 2] in pixels to the right and down: its file, its error, its picture.
#pragma once

#include <string>

#include "io/h5.h"
#include "tensor/tensor.h"

namespace rn::video {

// Middlebury's .flo: "PIEH", width, height (int32), then (u, v) row by row (float32),
// little-endian. Values over 1e9 are unknown. Errors (input): missing, damaged.
Tensor read_flo(const std::string& path);
io::Bytes encode_flo(const Tensor& flow);

// Means over the pixels that the truth knows (Baker et al. 2011): the distance between the ends of
// the vectors, in pixels, and the angle between (u, v, 1), in degrees.
struct FlowErrors {
  double epe = 0, aae = 0;
  std::int64_t pixels = 0;
};
// Errors (input): of other sizes, nothing known; `name` is the truth's.
FlowErrors compare(const Tensor& flow, const Tensor& truth, const std::string& name);

// The colour wheel of Baker et al. 2011: hue is direction, saturation is length over `longest`;
// longer ones are darkened, unknown ones black. u8 [H, W, 3].
Tensor colour(const Tensor& flow, double longest);
// The length that 99.5 % of the known vectors do not exceed; at least a hundredth of a pixel.
double usual_length(const Tensor& flow);

// Side by side, of equal heights.
Tensor beside(const Tensor& left, const Tensor& right);

// Bytes for vectors: 128 is no motion, a step is bound / 127 pixels, longer ones are cut. Negating
// a component is exact (256 - byte); NaN becomes 128.
inline constexpr int zero_byte = 128;
double step_of(double bound);
void quantise(std::span<const float> flow, double bound, std::span<std::uint8_t> bytes);
void restore(std::span<const std::uint8_t> bytes, double zero, double step, std::span<float> flow);

}  // namespace rn::video
