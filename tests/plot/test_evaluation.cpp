#include "io/h5.h"
#include "io/schema.h"
#include "plot/evaluation.h"
#include "support/catch.h"

using namespace rn;
using namespace rn::plot;

namespace {

io::H5 result(double error, bool streams, std::int64_t size = 2) {
  io::H5 file = io::H5::create();
  io::schema::mark(file, io::schema::Format::result);
  file.set("/", io::schema::kind_attribute, "evaluation");
  file.set("summary", "error", error);
  const Tensor confusion({size, size}, Dtype::i64, Tag::workspace);
  for (std::int64_t i = 0; i < size * size; ++i) confusion.data<std::int64_t>()[i] = i;
  file.write("confusion", confusion);
  file.write_column("per_class/name", std::vector<std::string>{"left", "it's \"right\""});
  if (!streams) return file;
  file.set("streams/appearance", "error", 80.0);
  file.set("streams/motion", "error", 30.5);
  return file;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("accuracies as bars: one of an image network, three of two streams", "[plot]") {
  const Evaluated one = read_evaluation(result(12.5, false), "one"),
                  two = read_evaluation(result(20, true), "two");
  REQUIRE(one.bars.size() == 1);
  CHECK(one.bars[0].accuracy == 87.5);
  REQUIRE(two.bars.size() == 3);
  CHECK(two.bars[1].what == "motion");
  CHECK(two.bars[1].accuracy == 69.5);
  const std::string script = evaluation_script({one, two}, {}, Format::svg, "# style");
  CHECK(contains(script, "69.5"));
  CHECK(contains(script, "title 'appearance'"));
  CHECK(contains(script, "'one' 0"));
  CHECK(evaluation_table({one, two}, EvaluationChart::accuracy) ==
        "name\tscores\taccuracy_percent\none\tall\t87.5000\ntwo\tappearance\t20.0000\n"
        "two\tmotion\t69.5000\ntwo\tboth\t80.0000\n");
}

TEST_CASE("a confusion matrix, with any name of a class", "[plot]") {
  const Evaluated one = read_evaluation(result(50, false), "one");
  const EvaluationPlot plot{.chart = EvaluationChart::confusion};
  const std::string script = evaluation_script({one}, plot, Format::svg, "");
  CHECK(contains(script, "0 1 40 2\n"));  // 2 of the 5 of the second label
  CHECK(contains(script, "'it''s \"right\"' 1"));
  CHECK(!render(script).empty());
  CHECK(contains(evaluation_table({one}, plot.chart), "left\tit's \"right\"\t1\n"));
  CHECK_THROWS_AS(evaluation_script({one, one}, plot, Format::svg, ""), Error);
}

TEST_CASE("evaluations that are damaged are refused", "[plot]") {
  CHECK_THROWS_AS(read_evaluation(result(120, false), "x"), Error);
  CHECK_THROWS_AS(read_evaluation(result(20, false, 3), "x"), Error);
  io::H5 file = io::H5::create();
  CHECK_THROWS_AS(read_evaluation(file, "x"), Error);
}
