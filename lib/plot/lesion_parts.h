// What the charts of lesions share; lesion.cpp draws blocks, sets and pairs, lesion_trials.cpp what
// is left to chance.
#pragma once

#include <string>
#include <vector>

#include "plot/lesion.h"
#include "plot/script.h"

namespace rn::plot {

// Line style of a study, by its place among several: 1 and 2 lines and points, 3 the intact
// network, 4 single trials (share/figures/lesion.gp).
int line_style(std::size_t study, int part);

// "name (intact 8.27 %)", for the legend of several studies.
std::string full_label(const LesionPlot& plot, const Lesions& study);

// The plot's width without margins, about.
double inner_width(const LesionPlot& plot);

// What the intact networks have, as lines.
void base_line(Script& script, const LesionPlot& plot, const std::vector<Lesions>& studies,
               double from, double to);

// Charts over K, and over the order.
void draw_boxes(Script& script, const LesionPlot& plot, const std::vector<Lesions>& studies);
void draw_order(Script& script, const LesionPlot& plot, const std::vector<Lesions>& studies);

}  // namespace rn::plot
