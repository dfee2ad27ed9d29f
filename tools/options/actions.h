// synth:actions of resnet-data: films, which the library of the video tools writes. It is looked
// for only now, so that who has no FFmpeg, and no such library, has all the rest.
#pragma once

#include <dlfcn.h>
#include <fmt/format.h>

#include <string>

#include "base/error.h"
#include "base/version.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/run_tool.h"
#include "cli/signals.h"
#include "io/json.h"
#include "video/action_films.h"

namespace rn::tools {

// Errors (failed): not there, of another version.
inline auto video_library() {
  constexpr const char* name = "libresnet-video.so.0";
  void* library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = ::dlerror();
    fail(ErrorKind::failed,
         "synth:actions are films, which {} writes, and it cannot be loaded: {}; build with "
         "FFmpeg's libraries (make deps, VIDEO=on), or install it beside libresnet.so",
         name, why ? why : "no reason given");
  }
  auto* const version_of =
      reinterpret_cast<decltype(&resnet_video_version)>(::dlsym(library, "resnet_video_version"));
  auto* const write = reinterpret_cast<decltype(&resnet_video_write_actions)>(
      ::dlsym(library, "resnet_video_write_actions"));
  if (!version_of || !write || std::string(version_of()) != version()) {
    fail(ErrorKind::failed, "{}: of another version than this tool, {}", name, version());
  }
  return write;
}

inline int write_actions(const std::string& uri, const cli::CommonOptions& common, bool quiet) {
  if (common.output == "-") {
    fail(ErrorKind::usage, "synth:actions are films in folders: -o FOLDER, not stdout");
  }
  cli::catch_signals();
  const auto progress = cli::make_progress({.mode = common.progress, .quiet = quiet});
  video::ActionCall call{.uri = uri,
                         .folder = common.dry_run ? "" : common.output,
                         .force = common.force,
                         .progress = progress.get(),
                         .stop = cli::stop_requested};
  video_library()(&call);
  const video::ActionFilms& films = call.films;
  const video::WrittenFilms& done = call.written;
  if (done.stopped) {
    info("stopped by {}; {} of {} clips are there; the same command goes on",
         cli::signal_name(cli::stop_signal()), done.there + done.written, done.clips);
    return exit_stopped;
  }
  if (common.json) {
    io::Json json;
    json.add("uri", uri).add("clips", done.clips).add("written", done.written);
    json.add("classes", std::span<const std::string>(call.class_names));
    json.add("train", films.clips).add("test", films.test);
    json.add("frames", films.frames).add("side", films.side);
    fmt::print("{}\n", json.str());
    return 0;
  }
  fmt::print(
      "{}: {} clips of {} frames, {}x{}; {} to train and {} to test on in each of {} classes: {}\n",
      uri, done.clips, films.frames, films.side, films.side, films.clips, films.test,
      call.class_names.size(), fmt::join(call.class_names, ", "));
  if (!call.folder.empty()) {
    fmt::print("{}: {} written, {} were there\n", call.folder, done.written, done.there);
  }
  return 0;
}

}  // namespace rn::tools
