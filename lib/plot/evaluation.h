// Pictures of evaluations: accuracies as bars, several networks beside each other (Table 3 of
// Feichtenhofer et al. 2016), and a confusion matrix.
#pragma once

#include <string>
#include <vector>

#include "plot/gnuplot.h"

namespace rn::plot {

struct Evaluated {
  std::string name;
  // In percent. Of the scores of a two-stream network those of each stream too; of others one.
  struct Bar {
    std::string what;  // "appearance", "motion", "both"; empty: all there is
    double accuracy = 0;
  };
  std::vector<Bar> bars;
  std::vector<std::string> classes;
  std::vector<std::int64_t> confusion;  // [classes, classes]: row the label, column the prediction
};

// Of a result of kind evaluation. Errors (input).
Evaluated read_evaluation(const io::H5& file, const std::string& name);

enum class EvaluationChart { accuracy, confusion };

struct EvaluationPlot {
  EvaluationChart chart = EvaluationChart::accuracy;
  std::string title;
  bool log = false;
  double low = 0, high = 0;  // range of the values; equal: 0 to 100
  Size size;
};

// A gnuplot script with the numbers in it; `style` is the text of share/figures/evaluation.gp.
// Errors: usage (a confusion matrix of several).
std::string evaluation_script(const std::vector<Evaluated>& all, const EvaluationPlot& plot,
                              Format format, const std::string& style);
std::string evaluation_table(const std::vector<Evaluated>& all, EvaluationChart chart);

}  // namespace rn::plot
