// Learning curves: error, loss and learning rate over the epochs, of one or several models.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "io/h5.h"
#include "plot/gnuplot.h"

namespace rn::plot {

struct Curves {
  std::string label;                                   // in the legend
  std::vector<double> epoch;                           // from 1
  std::map<std::string, std::vector<double>> columns;  // as long as epoch; NaN: not measured
  bool has(const std::string& column) const;           // and at least one number in it
};

// Reads group "curves" of a model file (train_error, test_loss, ..., lr; errors in percent). Errors
// (input): no curves in it, columns of different lengths.
Curves read_curves(const io::H5& file, const std::string& label);

enum class Panel { error, loss, lr };

struct CurvesOptions {
  std::vector<Panel> panels{Panel::error};  // from top to bottom
  std::string title;
  bool log = false;          // logarithmic axis for error and loss
  double low = 0, high = 0;  // range of the first panel; equal: found from the data
  Size size;
};

// A gnuplot script with the numbers in it. `style` is the text of share/figures/curves.gp or of
// another file that defines the same line styles. Errors: usage, for a panel that no model has.
std::string curves_script(const std::vector<Curves>& models, const CurvesOptions& options,
                          Format format, const std::string& style);

// TSV with a header: label, epoch, and each column that one of the models has; "nan" where one has
// none.
std::string curves_table(const std::vector<Curves>& models);

}  // namespace rn::plot
