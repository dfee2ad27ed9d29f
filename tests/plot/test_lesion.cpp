// Pictures of lesion studies.
#include <cstdlib>

#include "base/error.h"
#include "cli/share.h"
#include "io/file.h"
#include "plot/lesion.h"
#include "support/catch.h"

using namespace rn;
using namespace rn::plot;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

const std::string style = "set key\n";

Blocks three_stages(std::size_t each) {
  Blocks blocks;
  for (const char* stage : {"stage1", "stage2", "stage3"}) {
    for (std::size_t b = 1; b <= each; ++b) {
      blocks.names.push_back(fmt::format("{}.block{}", stage, b));
      blocks.stages.emplace_back(stage);
      blocks.downsamples.push_back(b == 1 && blocks.size() > 1);
    }
  }
  return blocks;
}

Lesions example(LesionChart chart) {
  Lesions out;
  out.label = "a";
  out.intact = 8.5;
  out.blocks = three_stages(2);
  if (chart == LesionChart::sets) out.values = {12};
  if (chart == LesionChart::blocks) out.values = {9, 10, 30, 11, 40, 12};
  if (chart == LesionChart::matrix) {
    for (int i = 0; i < 36; ++i) out.values.push_back((i % 7 - 3) * 2.0);
  }
  if (chart == LesionChart::boxes || chart == LesionChart::order) {
    for (int i = 0; i < 12; ++i) {
      out.k.push_back(1 + i / 6);
      out.tau.push_back(1 - 0.1 * (i % 4));
      out.values.push_back(10 + i);
    }
  }
  return out;
}

std::string script(const std::vector<Lesions>& studies, LesionChart chart, LesionPlot plot = {}) {
  plot.chart = chart;
  return lesion_script(studies, plot, Format::svg, style);
}

bool has_gnuplot() { return std::system("gnuplot --version > /dev/null 2>&1") == 0; }

std::string own_style() {
  const std::string path = cli::find_shared("figures/lesion.gp");  // as the tool finds it
  REQUIRE(!path.empty());
  const io::Bytes bytes = io::read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("a box holds quartiles, whiskers, outliers and the mean") {
  const Box box = box_of({4, 1, 3, 2, 100});
  CHECK(box.first == 2);
  CHECK(box.median == 3);
  CHECK(box.third == 4);
  CHECK(box.low == 1);
  CHECK(box.high == 4);
  CHECK(box.mean == 22);
  CHECK(box.outliers == std::vector<double>{100});
  const Box between = box_of({0, 1, 2, 3});
  CHECK(between.first == 0.75);
  CHECK(between.median == 1.5);
  CHECK(box_of({7}).high == 7);
}

TEST_CASE("the axis of blocks counts inside stages and leaves out what would touch") {
  const std::string wide = block_axis('x', three_stages(3), 400);
  CHECK_THAT(wide, Contains("set xtics ('1' 1, '2' 2, '3' 3, '1' 4, '2' 5, '3' 6, '1' 7"));
  CHECK_THAT(wide, Contains("set label 'stage2' at first 5,"));
  CHECK_THAT(wide, Contains("first 3.5,"));
  CHECK_THAT(wide, Contains("first 6.5,"));
  CHECK_THAT(wide, !Contains("first 9.5,"));
  // 54 blocks in a column: every fifth, and no 20 next to the 1 of the next stage.
  CHECK_THAT(block_axis('x', three_stages(18), 405),
             Contains("('1' 1, '5' 5, '10' 10, '15' 15, '1' 19, '5' 23,"));
  CHECK_THAT(block_axis('x', three_stages(20), 405), !Contains("'20'"));
  // Blocks of one stage, with names that end in no number.
  Blocks odd;
  odd.names = {"a'b", "c"};
  odd.stages = {"a'b", "a'b"};
  odd.downsamples = {false, false};
  CHECK_THAT(block_axis('x', odd, 400), Contains("set xtics ('1' 1, '2' 2)"));
  CHECK_THAT(block_axis('x', odd, 400), !Contains("set label"));
}

TEST_CASE("bars by block, down-sampling ones apart, and the intact network as a line") {
  const std::string one = script({example(LesionChart::blocks)}, LesionChart::blocks);
  CHECK_THAT(one, Contains("$bars << EOD\n1 9\n2 10\n4 11\n6 12\nEOD\n"));
  CHECK_THAT(one, Contains("$down << EOD\n3 30\n5 40\nEOD\n"));
  CHECK_THAT(one, Contains("$intact1 << EOD\n0.4 8.5\n6.6 8.5\nEOD\n"));
  CHECK_THAT(one, Contains("'intact 8.50 %'"));
  CHECK_THAT(one, Contains("set ylabel 'Error (%)'"));
  CHECK_THAT(one, Contains("set yrange [0:*]"));

  Lesions shares = example(LesionChart::blocks);
  shares.spread = {1, 1, 1, 1, 1, 13};
  CHECK_THAT(script({shares}, LesionChart::blocks), Contains("6 12 13\nEOD\n"));
  CHECK_THAT(script({shares}, LesionChart::blocks), Contains("set yrange [*:*]"));

  // Two networks: points; with other blocks there are no stages to show.
  Lesions other = example(LesionChart::blocks);
  other.label = "it's";
  CHECK_THAT(script({example(LesionChart::blocks), other}, LesionChart::blocks),
             Contains("title 'it''s (intact 8.50 %)'") && Contains("'stage2'"));
  other.blocks = three_stages(1);
  other.values = {1, 2, 3};
  CHECK_THAT(script({example(LesionChart::blocks), other}, LesionChart::blocks),
             !Contains("'stage2'"));
}

TEST_CASE("boxes over k; of few trials each is a point") {
  Lesions trials = example(LesionChart::boxes);
  CHECK_THAT(script({trials}, LesionChart::boxes), Contains("$boxes1") && Contains("$mean1"));
  CHECK_THAT(script({trials}, LesionChart::boxes), Contains("1 12.5\n2 18.5\nEOD\n"));
  trials.k = {1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4};
  CHECK_THAT(script({trials}, LesionChart::boxes), !Contains("$boxes1") && Contains("$dots1"));
}

TEST_CASE("errors over tau, with the mean of each") {
  const std::string one = script({example(LesionChart::order)}, LesionChart::order);
  // Trials 0, 4 and 8 have tau 1, and errors 10, 14 and 18.
  CHECK_THAT(one, Contains("$mean1 << EOD\n1 14\n"));
  CHECK_THAT(one, Contains("Kendall's tau"));
}

TEST_CASE("a matrix is even around zero and leaves out the diagonal") {
  const std::string one = script({example(LesionChart::matrix)}, LesionChart::matrix);
  CHECK_THAT(one, Contains("set cbrange [-6:6]"));
  CHECK_THAT(one, Contains("\n2 1 -4\n"));
  CHECK_THAT(one, !Contains("\n1 1 "));
  LesionPlot plot;
  plot.low = -1;
  plot.high = 1;
  CHECK_THAT(script({example(LesionChart::matrix)}, LesionChart::matrix, plot),
             Contains("set cbrange [-1:1]"));
  CHECK_THROWS_WITH(
      script({example(LesionChart::matrix), example(LesionChart::matrix)}, LesionChart::matrix),
      Contains("one at a time"));
}

TEST_CASE("what does not fit is refused") {
  Lesions bad = example(LesionChart::blocks);
  bad.values.pop_back();
  CHECK_THROWS_AS(script({bad}, LesionChart::blocks), Error);
  CHECK_THROWS_AS(script({bad}, LesionChart::matrix), Error);
  CHECK_THROWS_AS(script({bad}, LesionChart::boxes), Error);
  CHECK_THROWS_WITH(script({}, LesionChart::blocks), Contains("nothing to show"));
  Lesions empty = example(LesionChart::boxes);
  empty.values.assign(empty.values.size(), std::numeric_limits<double>::quiet_NaN());
  CHECK_THROWS_WITH(script({empty}, LesionChart::boxes), Contains("nothing to show"));
}

TEST_CASE("every chart is drawn with the style that comes along, without a word of warning") {
  if (!has_gnuplot()) RN_SKIP("no gnuplot");
  const std::string look = own_style();
  for (const LesionChart chart : {LesionChart::blocks, LesionChart::sets, LesionChart::boxes,
                                  LesionChart::order, LesionChart::matrix}) {
    for (const std::size_t count : {1, 2, 9}) {
      if (chart == LesionChart::matrix && count > 1) continue;
      LesionPlot plot;
      plot.chart = chart;
      plot.title = "it's `ls` $x _{2}";
      const std::vector<Lesions> studies(count, example(chart));
      INFO("chart " << static_cast<int>(chart) << " of " << count);
      const io::Bytes svg = render(lesion_script(studies, plot, Format::svg, look));
      const std::string text(reinterpret_cast<const char*>(svg.data()), svg.size());
      CHECK_THAT(text, Contains("<svg") && Contains("it's `ls` $x _{2}"));
      CHECK(render(lesion_script(studies, plot, Format::svg, look)) == svg);
      const io::Bytes pdf = render(lesion_script(studies, plot, Format::pdf, look));
      CHECK(pdf.size() > 1000);
    }
  }
}
