// Pictures of paths.
#include <cmath>

#include "base/error.h"
#include "cli/share.h"
#include "io/file.h"
#include "plot/paths.h"
#include "support/catch.h"

using namespace rn;
using namespace rn::plot;
using Catch::Matchers::Contains;

namespace {

Paths example() {
  Paths p;
  p.paths = {.125, .375, .375, .125};
  p.length = {0, 1, 2, 3};
  p.first = {1, .1, .01, .001};
  p.median = {2, .2, .02, .002};
  p.third = {3, .3, .03, .003};
  p.mean = {2.5, .25, .025, .0025};
  p.counted = {.7, .2, .07, .03};
  p.exact = {.8, .3, -.05, -.05};
  p.ranges = {{"exact", {0, 1}}, {"counted", {0, 2}}};
  p.blocks = {{"stage1.block1", "stage1.block2", "stage2.block1"},
              {"stage1", "stage1", "stage2"},
              {false, false, true}};
  p.lengths = 4;
  p.weights = {1, 2, 1, 0, 2, 1, 0, 0, 3, 0, 0, 0};
  p.share = {.5, .25, .75};
  p.damage = {1, 2, 30};
  return p;
}

std::string script(const Paths& p, PathsChart chart) {
  return paths_script(p, {.chart = chart, .title = "T"}, Format::svg, "set key\n");
}

}  // namespace

TEST_CASE("paths: scripts hold the numbers", "[plot]") {
  const Paths p = example();
  CHECK_THAT(script(p, PathsChart::lengths), Contains("1 37.5\n2 37.5\n") && Contains("2^3 paths"));
  CHECK_THAT(script(p, PathsChart::sampled),
             Contains("1 0.1 0.2 0.3 0.25\n") && Contains("set logscale y"));
  const std::string effective = script(p, PathsChart::effective);
  CHECK_THAT(effective, Contains("2 -5\n") && Contains("0 70\n") && Contains("set yrange [*:*]"));
  CHECK_THAT(effective, Contains("from first 0, graph 0.985 to first 1,"));
  Paths positive = p;
  positive.exact = {.8, .2, 0, 0};
  CHECK_THAT(script(positive, PathsChart::effective), Contains("set yrange [0:*]"));
  const std::string weights = script(p, PathsChart::weights);
  CHECK_THAT(weights, Contains("1 0 1\n1 1 2\n1 2 1\n2 0 2\n2 1 1\n3 0 3\n"));
  CHECK_THAT(script(p, PathsChart::damage),
             Contains("50 1\n25 2\n") && Contains("75 30\n") && Contains("25 2 stage1.block2\n"));
}

TEST_CASE("paths: what is not there is not drawn", "[plot]") {
  const Paths none;
  for (const auto chart : {PathsChart::lengths, PathsChart::sampled, PathsChart::effective,
                           PathsChart::weights, PathsChart::damage}) {
    CHECK_THROWS_AS(script(none, chart), Error);
  }
  Paths p = example();
  p.counted.clear();
  CHECK_THAT(script(p, PathsChart::effective), !Contains("paths x norm"));
  p.exact.clear();
  CHECK_THROWS_AS(script(p, PathsChart::effective), Error);
  p.share = {NAN, NAN, NAN};
  CHECK_THROWS_AS(script(p, PathsChart::damage), Error);
  p.weights.assign(12, 0);
  CHECK_THROWS_AS(script(p, PathsChart::weights), Error);
  p.weights.pop_back();
  CHECK_THROWS_AS(script(p, PathsChart::weights), Error);
}

TEST_CASE("paths: gnuplot draws every chart", "[plot]") {
  if (std::system("command -v gnuplot >/dev/null 2>&1") != 0) RN_SKIP("no gnuplot");
  const std::string path = cli::find_shared("figures/paths.gp");
  REQUIRE(!path.empty());
  const io::Bytes bytes = io::read_file(path);
  const std::string style(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const auto chart : {PathsChart::lengths, PathsChart::sampled, PathsChart::effective,
                           PathsChart::weights, PathsChart::damage}) {
    for (const Format format : {Format::svg, Format::png}) {
      const io::Bytes picture =
          render(paths_script(example(), {.chart = chart, .title = "it's"}, format, style));
      CHECK(picture.size() > 3000);
    }
  }
}
