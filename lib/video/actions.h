// The pictures of synth:actions: a textured shape that moves on a textured ground.
#pragma once

#include <string>
#include <vector>

#include "base/rng.h"
#include "tensor/tensor.h"

namespace rn::video {

// What the label of a clip says; the rest of the clip is drawn by lot.
enum class ActionSet { motion, appearance, combined };

inline constexpr int motion_count = 8, figure_count = 4;
// Class by class. Of the combined set: motion * figure_count + figure, "left-disc".
std::vector<std::string> action_names(ActionSet set);

// Where the shape is, in units of the picture's side; the picture is a torus.
struct Pose {
  double x = 0, y = 0;  // centre, 0..1
  double radius = 0;    // smallest_radius..largest_radius
  double angle = 0;     // radians, clockwise on the screen
};
inline constexpr double smallest_radius = 0.14, largest_radius = 0.34;

// `phase`: four numbers in 0..1. One of a pose's four coordinates changes with time, by `travel`
// (a share of its whole range) until now, and comes round at the end of its range. So, if phases
// are uniform, the pose at any one time has the same distribution whatever the motion: no single
// picture shows it.
struct Phase {
  double x = 0, y = 0, size = 0, turn = 0;
};
Pose pose_at(int motion, const Phase& phase, double travel);

// One clip, u8 [frames, side, side, 3], of at most 256 MiB. Everything comes from rng. Errors:
// usage (no such label, a side outside 8 to 1024, too many frames).
Tensor draw_action(ActionSet set, int label, Rng& rng, std::int64_t frames, std::int64_t side);

}  // namespace rn::video
