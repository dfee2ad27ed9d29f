#include <filesystem>

#include "io/file.h"
#include "support/catch.h"
#include "support/files.h"
#include "video/action_films.h"
#include "video/clip.h"
#include "video/clips.h"

using namespace rn;
using namespace rn::video;

TEST_CASE("films of actions are clips in folders of classes, pixels as drawn", "[video]") {
  const test::TempDir dir;
  const std::string folder = dir / "films";
  ActionFilms films{.clips = 1, .test = 2, .frames = 6, .side = 48};
  WrittenFilms done = write_actions(folder, films);
  CHECK(done.written == 24);
  CHECK(done.there == 0);
  const auto train = find_clips({folder + "/train"});
  REQUIRE(train.size() == 8);
  CHECK(train[0].name == "clockwise/00000.mp4");
  CHECK(find_clips({folder + "/test"}).size() == 16);
  Clip clip(train[0].path);
  Rng rng(1, RngPurpose::synth, 16, 4);
  const Tensor want = draw_action(ActionSet::motion, 4, rng, 6, 48);
  const std::uint8_t* expected = want.data<std::uint8_t>();
  int frames = 0;
  double off = 0;
  for (Tensor picture = clip.next(); picture; picture = clip.next(), ++frames) {
    REQUIRE(frames < 6);
    REQUIRE(picture.shape() == Shape{48, 48, 3});
    for (std::int64_t i = 0; i < picture.size(); ++i) {
      off += std::abs(static_cast<double>(picture.data<std::uint8_t>()[i]) - *expected++);
    }
  }
  CHECK(frames == 6);
  CHECK(off / static_cast<double>(want.size()) < 6);  // what compression costs

  // The same again makes what is missing, with the same bytes; more clips are added.
  const io::Bytes before = io::read_file(train[3].path);
  std::filesystem::remove(train[3].path);
  done = write_actions(folder, films);
  CHECK(done.written == 1);
  CHECK(done.there == 23);
  CHECK(io::read_file(train[3].path) == before);
  films.clips = 2;
  CHECK(write_actions(folder, films).written == 8);
  CHECK(io::read_file(train[3].path) == before);
}

TEST_CASE("films of actions do not mix with others", "[video]") {
  const test::TempDir dir;
  const std::string folder = dir / "films";
  ActionFilms films{.clips = 1, .test = 0, .frames = 4, .side = 32};
  write_actions(folder, films);
  const std::string mine = folder + "/train/left/mine.mp4";
  io::write_file(mine, std::as_bytes(std::span("mine")));
  films.set = ActionSet::appearance;
  CHECK_THROWS_AS(write_actions(folder, films), Error);
  films.force = true;
  CHECK(write_actions(folder, films).written == 4);
  CHECK(!std::filesystem::exists(folder + "/train/right"));
  CHECK(std::filesystem::exists(mine));  // what others put there stays
  io::write_file(dir / "something", std::as_bytes(std::span("else")));
  CHECK_THROWS_AS(write_actions(dir / "", films), Error);
  CHECK_THROWS_AS(write_actions(dir / "odd", {.side = 47}), Error);
  int asked = 0;
  films.clips = 9;
  films.stop = [&] { return ++asked > 1; };
  const WrittenFilms stopped = write_actions(folder, films);
  CHECK(stopped.stopped);
  CHECK(stopped.written == 16);
  films.stop = {};
  films.force = false;
  CHECK(write_actions(folder, films).written == 20);
}

TEST_CASE("synth:actions by its name", "[video]") {
  CHECK(parse_actions("synth:actions").clips == 100);
  const ActionFilms films = parse_actions("synth:actions?set=combined&clips=3&side=48&seed=7");
  CHECK(films.set == ActionSet::combined);
  CHECK(films.clips == 3);
  CHECK(films.test == 2);
  CHECK(films.side == 48);
  CHECK(films.seed == 7);
  for (const char* bad : {"synth:actions?set=x", "synth:actions?sides=3", "synth:actions?side=33",
                          "synth:actions?clips=0&test=0", "synth:action"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_actions(bad), Error);
  }
}
