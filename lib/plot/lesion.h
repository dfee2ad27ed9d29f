// Lesion studies: a number for each block, box plots over how many were deleted, errors against
// what is left of the order, matrices of pairs.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "plot/block_axis.h"
#include "plot/gnuplot.h"

namespace rn::plot {

// What one study has to show. Which of the vectors are read depends on the chart.
struct Lesions {
  std::string label;                                         // in the legend; "": none is needed
  double intact = std::numeric_limits<double>::quiet_NaN();  // the base line; NaN: none
  Blocks blocks;
  std::vector<double> values;   // one a block, one a set, one a trial, or [block, block] by rows
  std::vector<double> spread;   // as long as `values`: error bars; or empty
  std::vector<std::int64_t> k;  // of each trial
  std::vector<double> tau;      // of each trial: Kendall's tau
};

enum class LesionChart {
  blocks,  // bars by block; several studies: points
  sets,    // one bar a study
  boxes,   // trials over k
  order,   // trials over tau
  matrix,  // pairs of blocks; of one study
};

struct LesionPlot {
  LesionChart chart = LesionChart::blocks;
  std::string title;
  std::string quantity = "Error";  // and its unit:
  std::string unit = "%";
  std::string trials = "Blocks deleted";  // what k counts
  bool log = false;
  double low = 0, high = 0;  // range of the values; equal: found from the data
  Size size;
};

// A gnuplot script with the numbers in it. `style` is the text of share/figures/lesion.gp or of
// another file that defines the same line styles. Errors (usage): nothing to show, several
// matrices; (shape): vectors of different lengths.
std::string lesion_script(const std::vector<Lesions>& studies, const LesionPlot& plot,
                          Format format, const std::string& style);

// What a box shows of at least one value: quartiles (linear between order statistics), whiskers to
// the last value within 1.5 interquartile ranges, the mean, and what lies farther out.
struct Box {
  double low = 0, first = 0, median = 0, third = 0, high = 0, mean = 0;
  std::vector<double> outliers;
};
Box box_of(std::vector<double> values);

}  // namespace rn::plot
