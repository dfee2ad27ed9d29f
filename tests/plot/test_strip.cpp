#include "plot/strip.h"
#include "support/catch.h"

using namespace rn;
using namespace rn::plot;

TEST_CASE("a clip with its classes: every pixel, every name", "[plot]") {
  StripPlot plot{.height = 2,
                 .width = 3,
                 .rgb = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18},
                 .names = {"it's left", "right"},
                 .shares = {0.75, 0.25},
                 .title = "a.mp4"};
  const std::string script = strip_script(plot, Format::svg, "# style");
  for (const char* part :
       {"0 0 1 2 3\n", "2 1 16 17 18\n", "'it''s left' 0", "1 0.25\n", "'a.mp4'"}) {
    INFO(part);
    CHECK(script.find(part) != std::string::npos);
  }
  CHECK(!render(script).empty());
  plot.rgb.pop_back();
  CHECK_THROWS_AS(strip_script(plot, Format::svg, ""), Error);
}
