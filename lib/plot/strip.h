// A clip and what is said of it: pictures above, bars of the likeliest classes below.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plot/gnuplot.h"

namespace rn::plot {

struct StripPlot {
  std::int64_t height = 0, width = 0;
  std::vector<std::uint8_t> rgb;  // row by row
  std::vector<std::string> names;
  std::vector<double> shares;  // of each, 0 to 1
  std::string title;
};

// A gnuplot script with pixels and numbers in it; `style` is the text of
// share/figures/evaluation.gp. Large pictures are shown by every second, third, ... pixel.
std::string strip_script(const StripPlot& plot, Format format, const std::string& style);

}  // namespace rn::plot
