// synth:actions as files: films in folders, one folder a class.
#pragma once

#include <functional>
#include <string>

#include "base/progress.h"
#include "video/actions.h"

namespace rn::video {

struct ActionFilms {
  ActionSet set = ActionSet::motion;
  std::int64_t clips = 100, test = 50;  // a class, to train and to test on
  std::int64_t frames = 32, side = 64;  // side even
  std::uint64_t seed = 1;
  bool force = false;  // makes anew what another command made in the folder
  Progress* progress = nullptr;
  std::function<bool()> stop = {};  // polled between clips
};

// "synth:actions", or with some of ?set=motion|appearance|combined, clips, test, frames, side,
// seed. test: half of clips, where it is not given. Errors (usage).
ActionFilms parse_actions(const std::string& uri);
inline bool is_actions(const std::string& uri) {
  return uri == "synth:actions" || uri.starts_with("synth:actions?");
}

struct WrittenFilms {
  std::int64_t clips = 0, written = 0, there = 0;  // there: from before
  bool stopped = false;
};

// Writes FOLDER/train/CLASS/00000.mp4 and FOLDER/test/...; a clip depends on its set, split, class,
// number, seed, side and length only. FOLDER/actions.txt says what is in the folder: the same
// command again makes what is missing, and one of more clips adds to it. Errors: usage (an odd
// side, no clip, a folder with something else in it; without `force`, with other films), failed.
WrittenFilms write_actions(const std::string& folder, const ActionFilms& films);

// The whole of it for a program that is not linked with this library, and finds it by name.
struct ActionCall {
  std::string uri, folder;  // no folder: only says what would be made
  bool force = false;
  Progress* progress = nullptr;
  std::function<bool()> stop = {};
  ActionFilms films = {};     // what the URI means
  WrittenFilms written = {};  // the outcome
  std::vector<std::string> class_names = {};
};

}  // namespace rn::video

// The version must be the caller's own.
extern "C" {
const char* resnet_video_version();
void resnet_video_write_actions(rn::video::ActionCall* call);
}
