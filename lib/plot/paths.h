// Paths by length: how many there are, gradients along sampled ones, which lengths carry the
// gradient (Figs 6a to 6c of Veit, Wilber and Belongie 2016), blocks' weights by length, and what
// deleting a block costs against its share of the gradient.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "plot/block_axis.h"
#include "plot/gnuplot.h"

namespace rn::plot {

// Of one network. Which vectors are read depends on the chart; by length from 0 unless said.
struct Paths {
  std::vector<double> paths;                       // share of all paths
  std::vector<double> length;                      // of the sampled measurements, ...
  std::vector<double> first, median, third, mean;  // ... their quartiles and mean
  std::vector<double> counted;  // paths x mean sampled norm, normalised; may be empty
  std::vector<double> exact;    // signed share of the gradient; may be empty
  std::vector<std::pair<std::string, std::pair<double, double>>> ranges;  // marked: name, lengths
  Blocks blocks;
  std::vector<double> weights;  // [block, length] by rows: norms; 0: no such path
  std::size_t lengths = 0;      // columns of weights
  std::vector<double> share;    // of the gradient, through each block's branch
  std::vector<double> damage;   // by block: error without it less the intact one, points
};

enum class PathsChart { lengths, sampled, effective, weights, damage };

struct PathsPlot {
  PathsChart chart = PathsChart::effective;
  std::string title;
  bool log = false;
  double low = 0, high = 0;  // range of the values; equal: found from the data
  Size size;
};

// A gnuplot script with the numbers in it. `style` is the text of share/figures/paths.gp or of
// another file that defines the same line styles. Errors: usage (nothing to show), shape.
std::string paths_script(const Paths& paths, const PathsPlot& plot, Format format,
                         const std::string& style);

}  // namespace rn::plot
