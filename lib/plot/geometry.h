// The geometry of a network: how its layers move the plane, with the metric as ellipses, a panel
// for each layer or as an animation; trajectories through depth; spectra along depth; the limit of
// many layers; lines under the metric; leading eigenvectors as images.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plot/block_axis.h"
#include "plot/gnuplot.h"

namespace rn::plot {

struct Ellipse {
  double x = 0, y = 0, major = 0, minor = 0, angle = 0;  // half axes; degrees
};

// A row of halvings: layers, and the differences from the row before.
struct Halving {
  double layers = 0, coordinates = 0, metric = 0;
};

// Of one network. Which parts are read depends on the chart.
struct Geometry {
  std::vector<std::int64_t> labels;            // of points
  std::vector<std::vector<double>> points;     // by boundary: x, y of each point
  std::vector<std::vector<double>> grid;       // likewise, row by row
  std::size_t side = 0;                        // of the grid
  std::vector<std::vector<Ellipse>> ellipses;  // by boundary
  Blocks blocks;                               // of a classifier: the names of its boundaries
  std::vector<double> eigenvalues;             // [boundary, k], along depth
  std::size_t count = 0;                       // k
  std::vector<double> rank, rank_error;        // by boundary: effective rank
  std::vector<Halving> halvings;
  std::vector<double> straight, shortest;  // x, y
  std::vector<double> vectors;             // [n, height, width, channels]
  std::size_t images = 0, height = 0, width = 0, channels = 0;
};

enum class GeometryChart {
  layers,        // points and grid, a panel for each layer
  ellipses,      // points and the metric
  trajectories,  // each coordinate along depth
  spectrum,      // eigenvalues along depth
  rank,          // effective rank along depth
  converge,      // differences against layers
  path,          // straight and shortest line at the input
  eigenvectors,  // as images, grey being zero
};

struct GeometryPlot {
  GeometryChart chart = GeometryChart::layers;
  std::string title;
  bool log = false;
  double low = 0, high = 0;  // range of the values; equal: found from the data
  Size size = {0, 0};        // 0: as the chart needs
  int panels = 12;           // at most: layers evenly chosen
};

// A gnuplot script with the numbers in it. `style` is the text of share/figures/geometry.gp or of
// another file that defines the same line styles. A gif is an animation through the layers (layers
// and ellipses only). Errors: usage (nothing to show), shape.
std::string geometry_script(const Geometry& geometry, const GeometryPlot& plot, Format format,
                            const std::string& style);

}  // namespace rn::plot
