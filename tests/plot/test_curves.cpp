#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/error.h"
#include "plot/curves.h"
#include "support/catch.h"

using namespace rn;
using namespace rn::plot;

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
const std::string style = "do for [i = 1:7] { set style line 10 * i + 1 linewidth 2 }\n";

Curves example(const std::string& label) {
  Curves curves;
  curves.label = label;
  curves.epoch = {1, 2, 3};
  curves.columns["train_error"] = {50, 40, 30.5};
  curves.columns["test_error"] = {55, nan, 35.25};
  curves.columns["test_loss"] = {2, nan, 1};
  curves.columns["val_error"] = {nan, nan, nan};
  return curves;
}

bool has_gnuplot() { return std::system("gnuplot --version > /dev/null 2>&1") == 0; }

std::string text(const io::Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("curves are read from the group curves") {
  auto file = io::H5::create();
  const std::vector<double> epoch{1, 2}, error{20, 10};
  file.write_column("curves/epoch", epoch);
  file.write_column("curves/test_error", error, "%");
  const Curves curves = read_curves(file, "m");
  CHECK(curves.epoch == epoch);
  CHECK(curves.columns.at("test_error") == error);
  CHECK(curves.has("test_error"));
  CHECK_FALSE(curves.has("train_error"));

  file.write_column("curves/lr", std::vector<double>{0.1});
  CHECK_THROWS_WITH(read_curves(file, "m"), Catch::Matchers::Contains("curves/lr has 1 rows"));
  CHECK_THROWS_WITH(read_curves(io::H5::create(), "m"),
                    Catch::Matchers::Contains("no learning curves"));
}

TEST_CASE("the script holds the numbers, and only curves that have some") {
  const std::string one = curves_script({example("a")}, {}, Format::svg, style);
  CHECK_THAT(one, Catch::Matchers::Contains("$model1 << EOD\n1 50 2 55\n2 40 nan nan\n"
                                            "3 30.5 1 35.25\nEOD\n"));
  CHECK_THAT(one, Catch::Matchers::Contains("using 1:4 with linespoints linestyle 11 title "
                                            "'test 35.25 %'"));
  CHECK_THAT(one, Catch::Matchers::Contains("using 1:2 with linespoints linestyle 12 title "
                                            "'train 30.50 %'"));
  CHECK_THAT(one, !Catch::Matchers::Contains("val"));
  const std::string two = curves_script({example("a"), example("b")}, {}, Format::svg, style);
  CHECK_THAT(two, Catch::Matchers::Contains("$model2 using 1:4 with linespoints linestyle 21 "
                                            "title 'b, test 35.25 %'"));
  CurvesOptions options;
  options.panels = {Panel::lr};
  CHECK_THROWS_WITH(curves_script({example("a")}, options, Format::svg, style),
                    Catch::Matchers::Contains("nothing to show"));
}

TEST_CASE("text is safe for gnuplot whatever is in it") {
  CHECK(quote("it's") == "'it''s'");
  CHECK(quote("a\nb\x01\x7f") == "'a b  '");
  CHECK(quote("`ls` @x _{2} \"$y\" \\n") == "'`ls` @x _{2} \"$y\" \\n'");
  CHECK(quote("\xffé\xc3") == "'?é?'");
  CHECK(quote("") == "''");
}

TEST_CASE("hostile names are drawn as they are and run nothing") {
  if (!has_gnuplot()) RN_SKIP("no gnuplot");
  const std::string trap = "/tmp/rn-plot-trap";
  std::remove(trap.c_str());
  const std::string name =
      "it's'; system('touch " + trap + "') `touch " + trap + "` \" @m \\ $x_{2}^3 <b>&\n# EOD\nEOD";
  CurvesOptions options;
  options.title = name;
  const std::string svg =
      text(render(curves_script({example(name), example("b")}, options, Format::svg, style)));
  CHECK_THAT(svg, Catch::Matchers::Contains("_{2}^3 &lt;b>&amp;"));
  CHECK(std::fopen(trap.c_str(), "r") == nullptr);
}

TEST_CASE("every format is drawn") {
  if (!has_gnuplot()) RN_SKIP("no gnuplot");
  const auto picture = [](Format format, const std::vector<Curves>& models, CurvesOptions options) {
    return text(render(curves_script(models, options, format, style)));
  };
  CurvesOptions panels;
  panels.panels = {Panel::error, Panel::loss};
  panels.log = true;
  CHECK_THAT(picture(Format::svg, {example("a")}, {}), Catch::Matchers::Contains("<svg"));
  CHECK_THAT(picture(Format::png, {example("a")}, {}), Catch::Matchers::StartsWith("\x89PNG"));
  CHECK_THAT(picture(Format::pdf, {example("a"), example("b")}, panels),
             Catch::Matchers::StartsWith("%PDF"));
  // More models than colours, and a single epoch.
  std::vector<Curves> many(9, example("m"));
  CHECK_THAT(picture(Format::svg, many, panels), Catch::Matchers::Contains("<svg"));
  Curves single;
  single.label = "s";
  single.epoch = {1};
  single.columns["test_error"] = {10};
  CHECK_THAT(picture(Format::svg, {single}, {}), Catch::Matchers::Contains("<svg"));
  // The same input is the same bytes.
  CHECK(picture(Format::svg, {example("a")}, {}) == picture(Format::svg, {example("a")}, {}));
}

TEST_CASE("what gnuplot refuses is an error with its words") {
  if (!has_gnuplot()) RN_SKIP("no gnuplot");
  CHECK_THROWS_WITH(render("set terminal svg\nplot nosuchthing(x)\n"),
                    Catch::Matchers::StartsWith("gnuplot failed: "));
  CHECK_THROWS_WITH(render("set terminal svg\n"), Catch::Matchers::StartsWith("gnuplot failed: "));
}

TEST_CASE("a machine without gnuplot is told what to do") {
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nonexistent", 1);
  CHECK_THROWS_WITH(render("x"), Catch::Matchers::Contains("apt-get install gnuplot-nox"));
  setenv("PATH", path.c_str(), 1);
}

TEST_CASE("the table is TSV with nan for what was not measured") {
  Curves tabbed = example("x\ty");
  CHECK(curves_table({tabbed}) ==
        "model\tepoch\ttrain_error\tval_error\ttest_loss\ttest_error\n"
        "x y\t1\t50\tnan\t2\t55\n"
        "x y\t2\t40\tnan\tnan\tnan\n"
        "x y\t3\t30.5\tnan\t1\t35.25\n");
}

TEST_CASE("formats, sizes and ranges are parsed strictly") {
  CHECK(format_of("a.b/c.svg") == Format::svg);
  CHECK(format_of("x.pdf") == Format::pdf);
  for (const char* bad : {"x", "x.jpg", "a.svg/x", ".", ""}) {
    CHECK_THROWS_AS(format_of(bad), Error);
  }
  CHECK(parse_size("640x400").width == 640);
  for (const char* bad : {"", "640", "640x", "x400", "640x400x", "1x1", "99999x400", "-640x400"}) {
    CHECK_THROWS_AS(parse_size(bad), Error);
  }
  CHECK(parse_range("-1:2.5") == std::pair{-1.0, 2.5});
  for (const char* bad : {"", "1", "2:1", "1:1", "a:b", "0:inf", "0:1:2"}) {
    CHECK_THROWS_AS(parse_range(bad), Error);
  }
}
