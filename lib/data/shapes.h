// The picture side of synth:shapes: ten shapes as signed distances, drawn with smooth edges.
#pragma once

#include <cstdint>
#include <span>

#include "base/rng.h"

namespace rn::data {

inline constexpr int shape_count = 10;
inline constexpr const char* shape_names[shape_count] = {
    "disc", "ring",     "square", "triangle", "cross",
    "star", "crescent", "heart",  "stripes",  "checker"};
inline constexpr int shapes_side = 32;

// Draws shape `kind` into a 32x32x3 image (HWC): somewhere, at any angle, small or large, lighter
// or darker than an uneven background with specks and strokes, under noise. Everything comes from
// rng.
void draw_shape(int kind, Rng& rng, std::span<std::uint8_t> image);

}  // namespace rn::data
