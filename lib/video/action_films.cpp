#include "video/action_films.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/error.h"
#include "base/parallel.h"
#include "base/version.h"
#include "data/query.h"
#include "io/file.h"
#include "video/picture.h"

namespace rn::video {
namespace {

namespace fs = std::filesystem;

constexpr double rate = 25;  // pictures a second
constexpr const char* set_names[] = {"motion", "appearance", "combined"};
constexpr const char* about = "actions.txt";
// First line of that file; to be raised when the pictures change.
constexpr const char* generator = "synth:actions 2";

io::Bytes encode_clip(const std::string& name, const Tensor& clip) {
  const std::int64_t height = clip.shape()[1], width = clip.shape()[2];
  Film film(name, height, width, rate);
  for (std::int64_t t = 0; t < clip.shape()[0]; ++t) {
    film.add(clip.slice(t, t + 1).reshape({height, width, 3}));
  }
  return film.finish();
}

// What all clips of a folder have in common.
std::string common(const ActionFilms& films) {
  return fmt::format("{}\nset={}\nframes={}\nside={}\nseed={}\n", generator,
                     set_names[static_cast<std::size_t>(films.set)], films.frames, films.side,
                     films.seed);
}

struct Task {
  bool test = false;
  std::int64_t label = 0, number = 0;
};

std::string place_of(const std::vector<std::string>& names, const Task& task) {
  return fmt::format("{}/{}/{:05}.mp4", task.test ? "test" : "train",
                     names[static_cast<std::size_t>(task.label)], task.number);
}

std::optional<std::string> text_of(const fs::path& path) {
  std::error_code code;
  if (!fs::exists(path, code)) return {};
  const io::Bytes bytes = io::read_file(path.string());
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// With --force: exactly the films that were made before, nothing else that lies there.
void remove_films(const fs::path& folder) {
  std::error_code code;
  for (const ActionSet set : {ActionSet::motion, ActionSet::appearance, ActionSet::combined}) {
    for (const std::string& name : action_names(set)) {
      for (const char* split : {"train", "test"}) {
        const fs::path place = folder / split / name;
        if (!fs::is_directory(place, code)) continue;
        for (const auto& entry : fs::directory_iterator(place, code)) {
          const std::string file = entry.path().filename().string();
          if (file.size() == 9 && file.ends_with(".mp4") &&
              file.find_first_not_of("0123456789") == 5) {
            fs::remove(entry.path(), code);
          }
        }
        fs::remove(place, code);  // where it is empty now
      }
    }
  }
}

// Errors (usage): what is there may not stay.
void prepare_folder(const std::string& folder, const ActionFilms& films) {
  std::error_code code;
  const fs::path file = fs::path(folder) / about;
  const auto there = text_of(file);
  if (!there && fs::exists(folder, code) && !fs::is_empty(folder, code)) {
    fail(ErrorKind::usage,
         "{}: not an empty folder, and no films of synth:actions are in it; they "
         "go into one of their own",
         folder);
  }
  if (there == common(films)) {
    if (films.force) remove_films(folder);
    return;
  }
  if (there) {
    if (!films.force) {
      fail(ErrorKind::usage,
           "{}: holds other films of synth:actions ({} tells of them); --force "
           "makes them anew",
           folder, file.string());
    }
    fs::remove(file, code);
    remove_films(folder);
  }
  fs::create_directories(folder, code);
  if (code) fail(ErrorKind::failed, "{}: cannot make it: {}", folder, code.message());
  const std::string text = common(films);
  io::write_file(file.string(), std::as_bytes(std::span(text)));
}

void check(const ActionFilms& films) {
  if (films.side % 2 != 0 || films.clips < 0 || films.test < 0 || films.clips + films.test < 1) {
    fail(ErrorKind::usage,
         "synth:actions: {} + {} clips a class of side {}: at least one, of an even side",
         films.clips, films.test, films.side);
  }
}

}  // namespace

ActionFilms parse_actions(const std::string& uri) {
  const data::Query query =
      data::parse_query(uri, {"set", "clips", "test", "frames", "side", "seed"});
  if (query.where != "synth:actions") fail(ErrorKind::usage, "'{}' is not synth:actions", uri);
  ActionFilms films;
  if (const auto set = query.value.find("set"); set != query.value.end()) {
    const auto* found = std::find(std::begin(set_names), std::end(set_names), set->second);
    if (found == std::end(set_names)) {
      fail(ErrorKind::usage, "set={} of data '{}': expected {}", set->second, uri,
           fmt::join(set_names, ", "));
    }
    films.set = static_cast<ActionSet>(found - std::begin(set_names));
  }
  constexpr std::int64_t most = 100'000;  // what five digits name
  films.clips = query.number("clips", films.clips, 0, most);
  films.test = query.number("test", (films.clips + 1) / 2, 0, most);
  films.frames = query.number("frames", films.frames, 1, most);
  films.side = query.number("side", films.side, 8, 1024);
  films.seed = static_cast<std::uint64_t>(query.number("seed", 1, 0, std::int64_t{1} << 62));
  check(films);
  return films;
}

WrittenFilms write_actions(const std::string& folder, const ActionFilms& films) {
  check(films);
  const std::vector<std::string> names = action_names(films.set);
  const auto classes = static_cast<std::int64_t>(names.size());
  {  // What cannot be drawn is an error before anything is written.
    Rng rng(films.seed, RngPurpose::synth);
    draw_action(films.set, 0, rng, films.frames, films.side);
  }
  prepare_folder(folder, films);
  std::vector<Task> tasks;
  WrittenFilms result{.clips = classes * (films.clips + films.test)};
  std::error_code code;
  for (const bool test : {false, true}) {
    for (std::int64_t number = 0; number < (test ? films.test : films.clips); ++number) {
      for (std::int64_t label = 0; label < classes; ++label) {
        const Task task{test, label, number};
        const fs::path path = fs::path(folder) / place_of(names, task);
        if (number == 0) fs::create_directories(path.parent_path(), code);
        if (code) fail(ErrorKind::failed, "{}: cannot make it: {}", path.string(), code.message());
        if (fs::exists(path, code)) {
          ++result.there;
        } else {
          tasks.push_back(task);
        }
      }
    }
  }
  NoProgress silent;
  Progress& progress = films.progress ? *films.progress : silent;
  progress.begin(
      {.what = "films", .total = static_cast<std::int64_t>(tasks.size()), .item = "clips"});
  constexpr std::size_t at_a_time = 16;
  for (std::size_t first = 0; first < tasks.size(); first += at_a_time) {
    if (films.stop && films.stop()) {
      result.stopped = true;
      break;
    }
    const std::size_t count = std::min(at_a_time, tasks.size() - first);
    parallel_for(static_cast<int>(count), [&](int i) {
      const Task& task = tasks[first + static_cast<std::size_t>(i)];
      // Streams of their own for each set and split; 0 and 1 are those of synth:shapes.
      Rng rng(films.seed, RngPurpose::synth,
              16 + 2 * static_cast<std::uint64_t>(films.set) + (task.test ? 1 : 0),
              static_cast<std::uint64_t>(task.number * classes + task.label));
      const std::string path = (fs::path(folder) / place_of(names, task)).string();
      io::write_file(path, encode_clip(path, draw_action(films.set, static_cast<int>(task.label),
                                                         rng, films.frames, films.side)));
    });
    result.written += static_cast<std::int64_t>(count);
    progress.advance(result.written);
  }
  progress.end();
  return result;
}

}  // namespace rn::video

const char* resnet_video_version() { return rn::version(); }

void resnet_video_write_actions(rn::video::ActionCall* call) {
  using namespace rn::video;
  call->films = parse_actions(call->uri);
  call->films.force = call->force;
  call->films.progress = call->progress;
  call->films.stop = call->stop;
  call->class_names = action_names(call->films.set);
  if (!call->folder.empty()) {
    call->written = write_actions(call->folder, call->films);
  } else {
    call->written.clips = static_cast<std::int64_t>(call->class_names.size()) *
                          (call->films.clips + call->films.test);
  }
}
