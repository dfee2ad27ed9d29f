// What the charts of geometry share; geometry.cpp draws over depth, geometry_plane.cpp in the
// plane.
#pragma once

#include <string>
#include <vector>

#include "plot/geometry.h"
#include "plot/script.h"

namespace rn::plot {

// A script of several plot commands, each behind its data.
struct Sheet {
  std::string text;
  int blocks = 0;
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text += fmt::format(format, std::forward<Args>(args)...) + '\n';
  }
  // A data block; returns its name.
  std::string rows(const std::string& data) {
    const std::string name = fmt::format("$d{}", blocks++);
    text += fmt::format("{} << EOD\n{}EOD\n", name, data);
    return name;
  }
};

// The boundaries of a network that so many panels show.
std::vector<std::size_t> chosen(std::size_t boundaries, int panels);

void draw_panels(Sheet& sheet, const Geometry& g, const GeometryPlot& plot, std::size_t columns,
                 const std::vector<std::size_t>& list);
// From layer to layer by straight lines, a pause at the ends.
void draw_animation(Sheet& sheet, const Geometry& g, const GeometryPlot& plot);
void draw_trajectories(Sheet& sheet, const Geometry& g, const GeometryPlot& plot);
void draw_path(Sheet& sheet, const Geometry& g, const GeometryPlot& plot);
void draw_eigenvectors(Sheet& sheet, const Geometry& g, const GeometryPlot& plot,
                       std::size_t columns);

}  // namespace rn::plot
