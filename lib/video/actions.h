// The pictures of synth:actions: a textured shape that moves on a textured ground.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/rng.h"
#include "tensor/tensor.h"

namespace rn::video {

// What the label of a clip says; the rest of the clip is drawn by lot. Where it says the figure,
// figures stand out from the ground: one is dark, the other light.
enum class ActionSet { motion, appearance, combined };

inline constexpr int motion_count = 8, figure_count = 4;
// Class by class. Of the combined set: motion * figure_count + figure, "left-disc".
std::vector<std::string> action_names(ActionSet set);

// Where the shape is, in units of the picture's side; the picture is a torus.
struct Pose {
  double x = 0, y = 0;  // centre, 0..1
  double level = 0;     // of growth: see figures_at
  double angle = 0;     // radians, clockwise on the screen
};

// The shape is figures of one kind inside each other, each half as large as the one around it. To
// grow, all become larger at once: at each whole level the largest has faded away, and a new one
// has come up in the middle. So growth, like a turn, comes back to where it began without a jump,
// and can go on for ever.
inline constexpr int nested = 4, skins = 8;
inline constexpr double largest_radius = 0.46;
struct Figure {
  double radius = 0;  // in sides of the picture
  double cover = 0;   // 0: not there, 1: opaque
  int skin = 0;       // which texture: stays with the figure while it grows
};
// From the outermost to the innermost.
std::array<Figure, nested> figures_at(double level);

// `phase`: four numbers in 0..1. One of a pose's four coordinates changes with time, by `travel`
// (a share of its whole range, a turn, a level) until now, and comes round at the end of its range.
// So, if phases are uniform, the pose at any one time has the same distribution whatever the
// motion: no single picture shows it, and no jump from one picture to the next does.
struct Phase {
  double x = 0, y = 0, level = 0, turn = 0;
};
Pose pose_at(int motion, const Phase& phase, double travel);

// One clip, u8 [frames, side, side, 3], of at most 256 MiB. Everything comes from rng. Errors:
// usage (no such label, a side outside 8 to 1024, too many frames).
Tensor draw_action(ActionSet set, int label, Rng& rng, std::int64_t frames, std::int64_t side);

}  // namespace rn::video
