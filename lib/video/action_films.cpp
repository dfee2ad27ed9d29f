#include "video/action_films.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "io/file.h"
#include "video/picture.h"

namespace rn::video {
namespace {

constexpr std::uint64_t generator_seed = 1;
constexpr double rate = 25;  // pictures a second

io::Bytes encode_clip(const std::string& name, const Tensor& clip) {
  const std::int64_t height = clip.shape()[1], width = clip.shape()[2];
  Film film(name, height, width, rate);
  Tensor picture({height, width, 3}, Dtype::u8, Tag::input);
  for (std::int64_t t = 0; t < clip.shape()[0]; ++t) {
    const std::uint8_t* from = clip.data<std::uint8_t>() + t * picture.size();
    std::copy(from, from + picture.size(), picture.data<std::uint8_t>());
    film.add(picture);
  }
  return film.finish();
}

}  // namespace

std::int64_t write_actions(const std::string& folder, const ActionFilms& films) {
  namespace fs = std::filesystem;
  if (films.side % 2 != 0 || films.train < 0 || films.test < 0 || films.train + films.test < 1) {
    fail(ErrorKind::usage, "synth:actions: {} + {} clips of side {}: at least one, of an even side",
         films.train, films.test, films.side);
  }
  std::error_code code;
  if (fs::exists(folder, code) && !fs::is_empty(folder, code)) {
    fail(ErrorKind::usage, "{}: not an empty folder; films go into a new one", folder);
  }
  const std::vector<std::string> names = action_names(films.set);
  std::int64_t written = 0;
  for (const bool test : {false, true}) {
    const std::int64_t count = test ? films.test : films.train;
    for (std::int64_t i = 0; i < count; ++i) {
      if (films.stop && films.stop()) return written;
      const auto label = static_cast<std::size_t>(i) % names.size();
      const fs::path place = fs::path(folder) / (test ? "test" : "train") / names[label];
      fs::create_directories(place, code);
      if (code) fail(ErrorKind::failed, "{}: cannot make it: {}", place.string(), code.message());
      // Streams of their own for each set and split; 0 and 1 are those of synth:shapes.
      Rng rng(generator_seed, RngPurpose::synth,
              16 + 2 * static_cast<std::uint64_t>(films.set) + (test ? 1 : 0),
              static_cast<std::uint64_t>(i));
      const std::string path = (place / fmt::format("{:05}.mp4", i)).string();
      io::write_file(path, encode_clip(path, draw_action(films.set, static_cast<int>(label), rng,
                                                         films.frames, films.side)));
      ++written;
    }
  }
  return written;
}

}  // namespace rn::video
