#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "support/catch.h"
#include "video/actions.h"

using namespace rn;
using namespace rn::video;

TEST_CASE("no time of a clip tells its motion: poses are spread alike", "[video]") {
  constexpr int grid = 6;
  for (int motion = 0; motion < motion_count; ++motion) {
    for (const double travel : {0.0, 0.3, 0.9}) {
      INFO("motion " << motion << ", travel " << travel);
      // Phases on a grid come back as a grid, shifted: each coordinate keeps its spread.
      std::array<std::array<int, grid>, 4> seen{};
      for (int i = 0; i < grid; ++i) {
        const double p = (i + 0.5) / grid;
        const Pose pose = pose_at(motion, {p, p, p, p}, travel);
        const double level = pose.level - std::floor(pose.level);
        const double all[] = {pose.x, pose.y, level, pose.angle / (2 * std::numbers::pi)};
        for (std::size_t k = 0; k < 4; ++k) {
          REQUIRE(all[k] > -1e-9);
          REQUIRE(all[k] < 1 + 1e-9);
          ++seen[k][static_cast<std::size_t>(std::clamp(static_cast<int>(all[k] * grid), 0, 5))];
        }
      }
      for (const auto& bins : seen) {
        CHECK(std::count(bins.begin(), bins.end(), 1) == grid);
      }
    }
  }
}

TEST_CASE("each motion changes its own coordinate, its own way", "[video]") {
  const Phase middle{0.5, 0.5, 0.5, 0.5};
  const Pose before = pose_at(0, middle, 0);
  const auto after = [&](int motion) { return pose_at(motion, middle, 0.1); };
  CHECK(after(0).x == Approx(0.4));
  CHECK(after(1).x == Approx(0.6));
  CHECK(after(2).y == Approx(0.4));
  CHECK(after(3).y == Approx(0.6));
  CHECK(after(4).angle > before.angle);
  CHECK(after(5).angle < before.angle);
  CHECK(after(6).level > before.level);
  CHECK(after(7).level < before.level);
  CHECK(after(1).y == before.y);
  CHECK(after(6).x == before.x);
}

TEST_CASE("figures grow without a jump, and one picture shows no level above another", "[video]") {
  // Where a level ends, the next begins: the largest has faded, the smallest has not come up yet.
  const auto before = figures_at(3 - 1e-9), after = figures_at(3);
  CHECK(before[0].cover < 1e-6);
  CHECK(after[nested - 1].cover < 1e-6);
  for (std::size_t i = 0; i + 1 < nested; ++i) {
    CHECK(before[i + 1].radius == Approx(after[i].radius));
    CHECK(before[i + 1].cover == Approx(after[i].cover).margin(1e-6));
    CHECK(before[i + 1].skin == after[i].skin);
  }
  for (const double level : {-7.25, -0.5, 0.0, 0.3, 12.9}) {
    const auto one = figures_at(level), other = figures_at(level + 5);
    for (std::size_t i = 0; i < nested; ++i) {
      CHECK(one[i].radius == Approx(other[i].radius));
      CHECK(one[i].cover == Approx(other[i].cover).margin(1e-9));
      REQUIRE(one[i].skin >= 0);
      REQUIRE(one[i].skin < skins);
      if (i > 0) CHECK(one[i].radius == Approx(one[i - 1].radius / 2));
    }
  }
  // To grow is to grow: the same figure is larger at a higher level.
  const auto small = figures_at(0.2), large = figures_at(0.7);
  CHECK(large[1].skin == small[1].skin);
  CHECK(large[1].radius > small[1].radius * 1.3);
}

TEST_CASE("clips of actions: names, same numbers same clip, something moves", "[video]") {
  CHECK(action_names(ActionSet::motion).size() == 8);
  CHECK(action_names(ActionSet::appearance).size() == 4);
  REQUIRE(action_names(ActionSet::combined).size() == 32);
  CHECK(action_names(ActionSet::combined)[4 * 6 + 2] == "grow-triangle");
  for (int motion = 0; motion < motion_count; ++motion) {
    Rng rng(1, RngPurpose::test, 0, static_cast<std::uint64_t>(motion)), again = rng;
    const Tensor clip = draw_action(ActionSet::motion, motion, rng, 8, 32);
    const Tensor same = draw_action(ActionSet::motion, motion, again, 8, 32);
    REQUIRE(clip.shape() == Shape{8, 32, 32, 3});
    const auto* a = clip.data<std::uint8_t>();
    CHECK(std::equal(a, a + clip.size(), same.data<std::uint8_t>()));
    const std::int64_t picture = clip.size() / 8;
    CHECK(!std::equal(a, a + picture, a + 7 * picture));
  }
  Rng rng(1, RngPurpose::test);
  CHECK_THROWS_AS(draw_action(ActionSet::motion, 8, rng, 8, 32), Error);
  CHECK_THROWS_AS(draw_action(ActionSet::motion, 0, rng, 4096, 1024), Error);  // 12 GiB
}

TEST_CASE("where the class is a figure, it stands out from the ground", "[video]") {
  // Figures of half the picture's width around its middle: inside and far outside are light and
  // dark.
  const auto lightness = [](const std::uint8_t* p) { return (p[0] + p[1] + p[2]) / 3.0; };
  for (const ActionSet set : {ActionSet::appearance, ActionSet::combined}) {
    for (std::uint64_t i = 0; i < 16; ++i) {
      Rng rng(1, RngPurpose::test, 0, i);
      const Tensor clip = draw_action(set, static_cast<int>(i % 4), rng, 1, 32);
      int darker = 0, lighter = 0, between = 0;
      for (std::int64_t p = 0; p < 32 * 32; ++p) {
        const double v = lightness(clip.data<std::uint8_t>() + 3 * p);
        v<115 ? ++darker : v> 140 ? ++lighter : ++between;
      }
      INFO("clip " << i << ": " << darker << " dark, " << lighter << " light, " << between
                   << " between");
      CHECK(darker > 40);
      CHECK(lighter > 40);
      CHECK(between < 250);
    }
  }
}
