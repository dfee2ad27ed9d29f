// synth:actions as files: films in folders, one folder a class.
#pragma once

#include <functional>
#include <string>

#include "video/actions.h"

namespace rn::video {

struct ActionFilms {
  ActionSet set = ActionSet::motion;
  std::int64_t train = 800, test = 400;  // clips; classes take turns
  std::int64_t frames = 32, side = 64;   // side even
  std::function<bool()> stop = {};       // polled between clips
};

// Writes FOLDER/train/CLASS/00000.mp4 and FOLDER/test/...; a clip depends on its set, split and
// number only. Returns how many were written. Errors: usage (an odd side, no clip, a folder that is
// not empty), failed.
std::int64_t write_actions(const std::string& folder, const ActionFilms& films);

}  // namespace rn::video
