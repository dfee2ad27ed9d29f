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
  const ActionFilms films{.train = 8, .test = 9, .frames = 6, .side = 48};
  CHECK(write_actions(folder, films) == 17);
  const auto train = find_clips({folder + "/train"});
  REQUIRE(train.size() == 8);
  CHECK(train[0].name == "clockwise/00004.mp4");
  CHECK(find_clips({folder + "/test"}).size() == 9);
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
  CHECK(off / static_cast<double>(want.size()) < 6);     // what compression costs
  CHECK_THROWS_AS(write_actions(folder, films), Error);  // it is full now
  CHECK_THROWS_AS(write_actions(dir / "odd", {.side = 47}), Error);
}
