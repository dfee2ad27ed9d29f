// What resnet-plot makes of evaluations.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "io/h5.h"
#include "options/plot.h"
#include "plot/evaluation.h"

namespace rn::tools {

// The script, or the table.
inline std::string draw_evaluations(const PlotTool& o, const std::vector<io::H5>& files,
                                    plot::Format format) {
  plot::EvaluationPlot plot;
  const std::string what = o.show.empty() ? "accuracy" : o.show.front();
  if (o.show.size() > 1 || (what != "accuracy" && what != "confusion")) {
    fail(ErrorKind::usage, "--show {}: an evaluation has accuracy or confusion",
         fmt::join(o.show, ","));
  }
  if (o.log) fail(ErrorKind::usage, "--log: accuracies are drawn as they are");
  if (what == "confusion") plot.chart = plot::EvaluationChart::confusion;
  const auto labels = labels_of(o, o.files, "evaluations");
  std::vector<plot::Evaluated> all;
  for (std::size_t i = 0; i < files.size(); ++i) {
    all.push_back(plot::read_evaluation(files[i], labels[i]));
  }
  if (o.table) return plot::evaluation_table(all, plot.chart);
  set_common(o, plot);
  if (o.size.empty() && plot.chart == plot::EvaluationChart::confusion) {
    plot.size.height = plot.size.width =
        std::clamp(static_cast<int>(300 + 22 * all.front().classes.size()), 420, 1400);
  }
  return plot::evaluation_script(all, plot, format, style_text(o, "evaluation.gp"));
}

}  // namespace rn::tools
