// Pictures of geometry.
#include <cmath>

#include "base/error.h"
#include "cli/share.h"
#include "io/file.h"
#include "plot/geometry.h"
#include "support/catch.h"

using namespace rn;
using namespace rn::plot;
using Catch::Matchers::Contains;

namespace {

Geometry example() {
  Geometry g;
  g.labels = {0, 1, 0};
  g.points = {{0, 0, 1, 1, 2, 0}, {0, 1, 1, 2, 2, 1}};
  g.side = 2;
  g.grid = {{0, 0, 2, 0, 0, 2, 2, 2}, {0, 1, 2, 1, 0, 3, 2, 3}};
  g.ellipses = {{{0, 0, 2, 1, 30}, {1, 1, 2, 0, 0}}, {{0, 0, 1, 1, 0}}};
  g.eigenvalues = {4, 1, 2, 0};
  g.count = 2;
  g.rank = {1.5, 1.2};
  g.rank_error = {0.1, 0.1};
  g.halvings = {{10, NAN, NAN}, {20, 0.2, 0.4}, {40, 0.1, 0.2}};
  g.straight = {0, 0, 1, 1, 2, 0};
  g.shortest = {0, 0, 1, 0.5, 2, 0};
  g.images = 2;
  g.height = g.width = 2;
  g.channels = 3;
  g.vectors.assign(24, 0.5);
  g.vectors[0] = -1;
  return g;
}

std::string script(const Geometry& g, GeometryChart chart, Format format = Format::svg) {
  return geometry_script(g, {.chart = chart, .title = "T"}, format, "set key\n");
}

constexpr GeometryChart all[] = {GeometryChart::layers,       GeometryChart::ellipses,
                                 GeometryChart::trajectories, GeometryChart::spectrum,
                                 GeometryChart::rank,         GeometryChart::converge,
                                 GeometryChart::path,         GeometryChart::eigenvectors};

}  // namespace

TEST_CASE("geometry: scripts hold the numbers", "[plot]") {
  const Geometry g = example();
  const std::string layers = script(g, GeometryChart::layers);
  CHECK_THAT(layers, Contains("0 0\n2 0\n\n0 0\n0 2\n") && Contains("set title 'layer 1'"));
  CHECK_THAT(layers, Contains("0 0\n2 0\nEOD") && Contains("linestyle 2"));
  CHECK_THAT(script(g, GeometryChart::ellipses), Contains(" 30\n") && Contains("with ellipses"));
  CHECK_THAT(script(g, GeometryChart::spectrum), Contains("0 4\n1 2\n") && !Contains("1 0\nEOD"));
  CHECK_THAT(script(g, GeometryChart::converge), Contains("20 0.2 0.4\n40 0.1 0.2\n"));
  CHECK_THAT(script(g, GeometryChart::path), Contains("1 0.5\n"));
  CHECK_THAT(script(g, GeometryChart::eigenvectors), Contains("0 0 0 191 191\n"));
}

TEST_CASE("geometry: what is not there is not drawn; only layers move", "[plot]") {
  for (const GeometryChart chart : all) CHECK_THROWS_AS(script({}, chart), Error);
  for (const GeometryChart chart : all) {
    const bool moves = chart == GeometryChart::layers || chart == GeometryChart::ellipses;
    if (moves) {
      CHECK_THAT(script(example(), chart, Format::gif), Contains("gif animate"));
    } else {
      CHECK_THROWS_AS(script(example(), chart, Format::gif), Error);
    }
  }
  Geometry g = example();
  g.labels.push_back(0);
  CHECK_THROWS_AS(script(g, GeometryChart::layers), Error);
}

TEST_CASE("geometry: gnuplot draws every chart", "[plot]") {
  if (std::system("command -v gnuplot >/dev/null 2>&1") != 0) RN_SKIP("no gnuplot");
  const std::string path = cli::find_shared("figures/geometry.gp");
  REQUIRE(!path.empty());
  const io::Bytes bytes = io::read_file(path);
  const std::string style(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const GeometryChart chart : all) {
    const io::Bytes picture =
        render(geometry_script(example(), {.chart = chart, .title = "it's"}, Format::svg, style));
    CHECK(picture.size() > 2000);
  }
  const io::Bytes gif = render(geometry_script(example(), {}, Format::gif, style));
  CHECK(gif.size() > 1000);
}
