#include "plot/geometry.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "plot/geometry_parts.h"

namespace rn::plot {
namespace {

// Boundaries as an axis: layers of a C^k network by number, blocks of a classifier by name.
std::size_t depth_axis(Sheet& sheet, const Geometry& g, std::size_t boundaries, int width) {
  if (g.blocks.size() == 0) {
    sheet.line("set xlabel 'Layer'\nset xrange [0:{}]", std::max<std::size_t>(boundaries - 1, 1));
    return 0;
  }
  sheet.text += block_axis('x', g.blocks, std::max(60.0, width - 110.0));
  sheet.line("set xrange [0.5:{}.5]", boundaries);
  return 1;
}

void range(Sheet& sheet, const GeometryPlot& plot, bool log) {
  if (log) sheet.line("set logscale y\nset format y '1e%T'");
  if (plot.low < plot.high) sheet.line("set yrange [{}:{}]", plot.low, plot.high);
}

void spectrum(Sheet& sheet, const Geometry& g, const GeometryPlot& plot, int width) {
  const std::size_t boundaries = g.eigenvalues.size() / g.count;
  const std::size_t from = depth_axis(sheet, g, boundaries, width);
  range(sheet, plot, true);
  sheet.line("set ylabel 'Eigenvalue of the metric (median)'\nset key off");
  if (!plot.title.empty()) sheet.line("set title {}", quote(plot.title));
  // What rounding leaves of zeros would only stretch the axis.
  double most = 0;
  for (const double x : g.eigenvalues) {
    if (std::isfinite(x)) most = std::max(most, x);
  }
  Parts parts;
  for (std::size_t k = 0; k < g.count; ++k) {
    std::string rows;
    for (std::size_t b = 0; b < boundaries; ++b) {
      const double value = g.eigenvalues[b * g.count + k];
      if (value > 1e-14 * most) rows += fmt::format("{} {:.6g}\n", b + from, value);
    }
    if (rows.empty()) continue;
    const double share =
        g.count > 1 ? static_cast<double>(k) / static_cast<double>(g.count - 1) : 0;
    parts.add(
        fmt::format("{} using 1:2 with linespoints pointtype 7 pointsize 0.3 linewidth 1.3 "
                    "linecolor palette frac {:.3f} notitle",
                    sheet.rows(rows), 1 - 0.85 * share));
  }
  if (parts.empty()) fail(ErrorKind::usage, "nothing to show: all eigenvalues are zero");
  sheet.line("unset colorbox\nplot \\\n{}", parts.str());
}

void rank(Sheet& sheet, const Geometry& g, const GeometryPlot& plot, int width) {
  const std::size_t from = depth_axis(sheet, g, g.rank.size(), width);
  range(sheet, plot, plot.log);
  std::string rows;
  for (std::size_t b = 0; b < g.rank.size(); ++b) {
    rows += fmt::format("{} {:.6g} {:.6g}\n", b + from, g.rank[b], g.rank_error[b]);
  }
  sheet.line("set ylabel 'Effective rank (mean)'\nset key off");
  if (!plot.title.empty()) sheet.line("set title {}", quote(plot.title));
  const std::string name = sheet.rows(rows);
  sheet.line(
      "plot {0} using 1:2:3 with yerrorbars linestyle 1 notitle, {0} using 1:2 with lines "
      "linestyle 1 notitle",
      name);
}

void converge(Sheet& sheet, const Geometry& g, const GeometryPlot& plot) {
  std::string rows, reference;
  for (const Halving& h : g.halvings) {
    if (!(h.coordinates > 0) && !(h.metric > 0)) continue;
    rows += fmt::format("{} {:.6g} {:.6g}\n", h.layers, h.coordinates, h.metric);
  }
  for (const Halving& h : g.halvings) {
    if (!(h.metric > 0)) continue;
    const Halving& last = g.halvings.back();
    reference += fmt::format("{} {:.6g}\n", h.layers, 0.5 * last.metric * last.layers / h.layers);
  }
  if (rows.empty()) fail(ErrorKind::usage, "nothing to show: there is nothing to compare");
  range(sheet, plot, true);
  sheet.line("set logscale x 2\nset xlabel 'Layers'\nset ylabel 'Largest change by halving dl'");
  if (!plot.title.empty()) sheet.line("set title {}", quote(plot.title));
  const std::string name = sheet.rows(rows), line = sheet.rows(reference);
  sheet.line(
      "plot {} using 1:2 with linespoints linestyle 1 title 'coordinates', {} using 1:3 with "
      "linespoints linestyle 2 title 'metric', {} using 1:2 with lines linestyle 43 title "
      "'first order'",
      name, name, line);
}

void check(const Geometry& g, const GeometryPlot& plot) {
  const auto demand = [](bool there, const char* what) {
    if (!there) fail(ErrorKind::usage, "nothing to show: the result has no {}", what);
  };
  using Chart = GeometryChart;
  switch (plot.chart) {
    case Chart::ellipses:
      demand(g.ellipses.size() == g.points.size() && !g.points.empty(), "metric in the plane");
      break;
    case Chart::layers:
    case Chart::trajectories: demand(!g.points.empty(), "coordinates in the plane"); break;
    case Chart::spectrum: demand(g.count > 0 && !g.eigenvalues.empty(), "metric"); break;
    case Chart::rank: demand(!g.rank.empty(), "effective rank"); break;
    case Chart::converge: demand(g.halvings.size() > 1, "halvings (--converge)"); break;
    case Chart::path:
      demand(!g.straight.empty() && !g.points.empty(), "path in the plane (--path)");
      break;
    case Chart::eigenvectors: demand(g.images > 0, "eigenvectors (--eigenvectors)"); break;
  }
  for (const auto& points : g.points) {
    require(points.size() == 2 * g.labels.size(), "geometry_script: {} numbers for {} points",
            points.size(), g.labels.size());
  }
  require(g.count == 0 || g.eigenvalues.size() % g.count == 0, "geometry_script: eigenvalues");
  require(g.vectors.size() == g.images * g.height * g.width * g.channels,
          "geometry_script: {} numbers of eigenvectors", g.vectors.size());
  for (const auto& grid : g.grid) {
    require(grid.size() == 2 * g.side * g.side, "geometry_script: a grid of {}", grid.size());
  }
}

}  // namespace

std::string geometry_script(const Geometry& geometry, const GeometryPlot& plot, Format format,
                            const std::string& style) {
  check(geometry, plot);
  using Chart = GeometryChart;
  const bool panelled = plot.chart == Chart::layers || plot.chart == Chart::ellipses;
  if (format == Format::gif && !panelled) {
    fail(ErrorKind::usage, "a .gif is an animation through the layers: --show layers or ellipses");
  }
  const std::vector<std::size_t> list =
      panelled ? chosen(geometry.points.size(), plot.panels) : std::vector<std::size_t>();
  const std::size_t cells = panelled ? list.size() : geometry.images;
  const auto columns = static_cast<std::size_t>(
      std::clamp(std::ceil(std::sqrt(static_cast<double>(cells) * 1.4)), 1.0, 8.0));
  Size size = plot.size;
  if (size.width == 0) {
    const int rows = static_cast<int>((cells + columns - 1) / columns);
    const int title = plot.title.empty() ? 0 : 30;
    size = format == Format::gif ? Size{480, 500}
           : panelled            ? Size{static_cast<int>(columns) * 180, rows * 198 + title}
           : plot.chart == GeometryChart::eigenvectors
               ? Size{static_cast<int>(columns) * 100, rows * 104 + title}
           : plot.chart == Chart::trajectories ? Size{560, 480}
           : plot.chart == GeometryChart::path ? Size{460, 480}
           : geometry.blocks.size() > 0        ? Size{640, 360}
                                               : Size{480, 320};
  }
  Sheet sheet;
  sheet.text = head(format, size, style);
  switch (plot.chart) {
    case Chart::layers:
    case Chart::ellipses:
      if (format == Format::gif) {
        draw_animation(sheet, geometry, plot);
      } else {
        draw_panels(sheet, geometry, plot, columns, list);
      }
      break;
    case Chart::trajectories: draw_trajectories(sheet, geometry, plot); break;
    case Chart::spectrum: spectrum(sheet, geometry, plot, size.width); break;
    case Chart::rank: rank(sheet, geometry, plot, size.width); break;
    case Chart::converge: converge(sheet, geometry, plot); break;
    case Chart::path: draw_path(sheet, geometry, plot); break;
    case Chart::eigenvectors: draw_eigenvectors(sheet, geometry, plot, columns); break;
  }
  return sheet.text;
}

}  // namespace rn::plot
