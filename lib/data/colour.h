// Colour jitter and PCA lighting of one image.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "data/augmentation.h"

namespace rn::data {

struct Colour {
  std::array<int, 4> order{0, 1, 2, 3};                 // of brightness, contrast, saturation, hue
  double brightness = 1, contrast = 1, saturation = 1;  // factors
  double hue = 0;                                       // in turns
  std::array<double, 3> lighting{};                     // added to red, green, blue
};

// Drawn from (seed, RngPurpose::colour, epoch, index).
Colour draw_colour(const Augment& augment, std::uint64_t seed, std::int64_t epoch,
                   std::int64_t index);

// What Krizhevsky et al. add for the three normal numbers `alpha` (already scaled): ImageNet's
// eigenvectors times eigenvalues times alpha.
std::array<double, 3> lighting_of(const std::array<double, 3>& alpha);

// Changes an RGB image on the 0..1 scale. The first four keep to that scale, as torchvision's
// functions on float tensors do; lighting does not.
void apply_colour(const Colour& colour, std::span<float> rgb);

}  // namespace rn::data
