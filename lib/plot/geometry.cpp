#include "plot/geometry.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace rn::plot {
namespace {

constexpr std::size_t most_points = 1000;  // drawn in a panel

struct Script {
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

// A range around the middle of the points, the same on both axes.
struct Window {
  double x = 0, y = 0, half = 1;
};

Window window_of(const std::vector<double>& points) {
  double low[2] = {1e300, 1e300}, high[2] = {-1e300, -1e300};
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (!std::isfinite(points[i])) continue;
    low[i % 2] = std::min(low[i % 2], points[i]);
    high[i % 2] = std::max(high[i % 2], points[i]);
  }
  Window w;
  if (low[0] > high[0] || low[1] > high[1]) return w;
  w.x = (low[0] + high[0]) / 2;
  w.y = (low[1] + high[1]) / 2;
  w.half = 0.62 * std::max({high[0] - low[0], high[1] - low[1], 1e-12});
  return w;
}

std::string points_of(const std::vector<double>& points, const std::vector<std::int64_t>& labels,
                      std::int64_t label) {
  std::string rows;
  const std::size_t count = std::min(labels.size(), most_points);
  for (std::size_t i = 0; i < count; ++i) {
    if (labels[i] == label)
      rows += fmt::format("{:.6g} {:.6g}\n", points[2 * i], points[2 * i + 1]);
  }
  return rows;
}

std::string lines_of(const std::vector<double>& grid, std::size_t side) {
  std::string rows;
  const auto put = [&](std::size_t i) {
    rows += fmt::format("{:.6g} {:.6g}\n", grid[2 * i], grid[2 * i + 1]);
  };
  for (std::size_t a = 0; a < side; ++a) {
    for (std::size_t b = 0; b < side; ++b) put(a * side + b);
    rows += '\n';
    for (std::size_t b = 0; b < side; ++b) put(b * side + a);
    rows += '\n';
  }
  return rows;
}

// Half axes so that the middle one of the long ones is a twentieth of the window: ellipses show
// directions and proportions inside a panel. Far longer ones are cut.
std::string ellipses_of(const std::vector<Ellipse>& all, const Window& window) {
  std::vector<double> longest;
  for (const Ellipse& e : all) longest.push_back(e.major);
  if (longest.empty()) return {};
  std::nth_element(longest.begin(), longest.begin() + static_cast<std::ptrdiff_t>(all.size() / 2),
                   longest.end());
  const double middle = longest[all.size() / 2], most = 0.25 * window.half;
  const double scale = middle > 0 ? 0.08 * window.half / middle : 0;
  std::string rows;
  for (const Ellipse& e : all) {
    const double cut = std::min(1.0, most / std::max(scale * e.major, 1e-300));
    // A line is drawn of what has no width to be seen.
    const double minor = std::max(scale * e.minor * cut, 0.004 * window.half);
    rows += fmt::format("{:.6g} {:.6g} {:.6g} {:.6g} {:.4g}\n", e.x, e.y, 2 * scale * e.major * cut,
                        2 * minor, e.angle);
  }
  return rows;
}

std::size_t classes_of(const Geometry& g) {
  std::int64_t most = 0;
  for (const std::int64_t label : g.labels) most = std::max(most, label);
  return static_cast<std::size_t>(most) + 1;
}

struct Picture {
  const std::vector<double>& points;
  const std::vector<double>* grid;
  const std::vector<Ellipse>* ellipses;
};

// One panel: the data, then the plot.
void panel(Script& script, const Geometry& g, const Picture& picture, const std::string& title) {
  const Window w = window_of(picture.points);
  std::string parts;
  const auto part = [&](const std::string& text) {
    parts += (parts.empty() ? "  " : ", \\\n  ") + text;
  };
  if (picture.grid) {
    part(script.rows(lines_of(*picture.grid, g.side)) +
         " using 1:2 with lines linestyle 41 notitle");
  }
  if (picture.ellipses) {
    part(script.rows(ellipses_of(*picture.ellipses, w)) +
         " using 1:2:3:4:5 with ellipses units xx linestyle 42 fillstyle empty notitle");
  }
  for (std::size_t k = 0; k < classes_of(g); ++k) {
    const std::string rows = points_of(picture.points, g.labels, static_cast<std::int64_t>(k));
    if (rows.empty()) continue;
    part(fmt::format("{} using 1:2 with points linestyle {} notitle", script.rows(rows),
                     1 + k % 10));
  }
  if (parts.empty()) fail(ErrorKind::usage, "nothing to show: there are no points");
  script.line("set title {}", quote(title));
  script.line("set xrange [{:.6g}:{:.6g}]\nset yrange [{:.6g}:{:.6g}]", w.x - w.half, w.x + w.half,
              w.y - w.half, w.y + w.half);
  script.line("plot \\\n{}", parts);
}

std::vector<std::size_t> chosen(std::size_t boundaries, int panels) {
  const auto most = static_cast<std::size_t>(std::max(panels, 2));
  std::vector<std::size_t> list;
  const std::size_t count = std::min(boundaries, most);
  for (std::size_t i = 0; i < count; ++i) {
    list.push_back(count == 1 ? 0 : (i * (boundaries - 1) + (count - 1) / 2) / (count - 1));
  }
  return list;
}

std::string name_of(std::size_t boundary) {
  return boundary == 0 ? std::string("input") : fmt::format("layer {}", boundary);
}

constexpr const char* bare_panel =
    "unset key\nunset tics\nunset grid\nset border 15 linewidth 0.6 linecolor rgb '#999999'\n"
    "set size ratio -1\nset lmargin 0.6\nset rmargin 0.6\nset tmargin 1.4\nset bmargin 0.4\n";

void panels(Script& script, const Geometry& g, const GeometryPlot& plot, std::size_t columns,
            const std::vector<std::size_t>& list) {
  const bool metric = plot.chart == GeometryChart::ellipses;
  script.text += bare_panel;
  script.line("set multiplot layout {},{}{}", (list.size() + columns - 1) / columns, columns,
              plot.title.empty() ? "" : " title " + quote(plot.title) + " offset 0,0.6");
  for (const std::size_t b : list) {
    panel(script, g,
          {g.points[b], !metric && b < g.grid.size() ? &g.grid[b] : nullptr,
           metric ? &g.ellipses[b] : nullptr},
          name_of(b));
  }
  script.line("unset multiplot");
}

std::vector<double> between(const std::vector<double>& a, const std::vector<double>& b, double t) {
  std::vector<double> out(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) out[i] = (1 - t) * a[i] + t * b[i];
  return out;
}

// From layer to layer by straight lines, a pause at the ends.
void animation(Script& script, const Geometry& g, const GeometryPlot& plot) {
  const bool metric = plot.chart == GeometryChart::ellipses;
  const std::size_t last = g.points.size() - 1;
  const int within = metric ? 1 : static_cast<int>(std::clamp<std::size_t>(60 / (last + 1), 1, 8));
  constexpr int pause = 8;
  script.text += bare_panel;
  const auto frame = [&](std::size_t b, double t) {
    const std::size_t next = std::min(b + 1, last);
    const std::vector<double> points = between(g.points[b], g.points[next], t);
    const std::string title =
        (plot.title.empty() ? "" : plot.title + ", ") + name_of(t < 0.5 ? b : next);
    if (metric) return panel(script, g, {points, nullptr, &g.ellipses[b]}, title);
    if (g.grid.empty()) return panel(script, g, {points, nullptr, nullptr}, title);
    const std::vector<double> grid = between(g.grid[b], g.grid[next], t);
    panel(script, g, {points, &grid, nullptr}, title);
  };
  for (int i = 0; i < pause; ++i) frame(0, 0);
  for (std::size_t b = 0; b < last; ++b) {
    for (int i = 0; i < within; ++i) frame(b, static_cast<double>(i) / within);
  }
  for (int i = 0; i < pause; ++i) frame(last, 0);
}

void trajectories(Script& script, const Geometry& g, const GeometryPlot& plot) {
  constexpr std::size_t most = 200;
  const std::size_t count = std::min(g.labels.size(), most), last = g.points.size() - 1;
  script.line("unset key\nset multiplot layout 2,1{}",
              plot.title.empty() ? "" : " title " + quote(plot.title));
  script.line("set xrange [0:{}]", std::max<std::size_t>(last, 1));
  for (std::size_t axis = 0; axis < 2; ++axis) {
    std::string parts;
    for (std::size_t k = 0; k < classes_of(g); ++k) {
      std::string rows;
      for (std::size_t i = 0; i < count; ++i) {
        if (g.labels[i] != static_cast<std::int64_t>(k)) continue;
        for (std::size_t b = 0; b <= last; ++b) {
          rows += fmt::format("{} {:.6g}\n", b, g.points[b][2 * i + axis]);
        }
        rows += '\n';
      }
      if (rows.empty()) continue;
      parts += (parts.empty() ? "  " : ", \\\n  ") +
               fmt::format("{} using 1:2 with lines linestyle {} linewidth 0.5 notitle",
                           script.rows(rows), 1 + k % 10);
    }
    script.line("set ylabel 'x{}'", axis + 1);
    if (axis == 1) script.line("set xlabel 'Layer'");
    script.line("plot \\\n{}", parts);
  }
  script.line("unset multiplot");
}

// Boundaries as an axis: layers of a C^k network by number, blocks of a classifier by name.
std::size_t depth_axis(Script& script, const Geometry& g, std::size_t boundaries, int width) {
  if (g.blocks.size() == 0) {
    script.line("set xlabel 'Layer'\nset xrange [0:{}]", std::max<std::size_t>(boundaries - 1, 1));
    return 0;
  }
  script.text += block_axis('x', g.blocks, std::max(60.0, width - 110.0));
  script.line("set xrange [0.5:{}.5]", boundaries);
  return 1;
}

void range(Script& script, const GeometryPlot& plot, bool log) {
  if (log) script.line("set logscale y\nset format y '1e%T'");
  if (plot.low < plot.high) script.line("set yrange [{}:{}]", plot.low, plot.high);
}

void spectrum(Script& script, const Geometry& g, const GeometryPlot& plot, int width) {
  const std::size_t boundaries = g.eigenvalues.size() / g.count;
  const std::size_t from = depth_axis(script, g, boundaries, width);
  range(script, plot, true);
  script.line("set ylabel 'Eigenvalue of the metric (median)'\nset key off");
  if (!plot.title.empty()) script.line("set title {}", quote(plot.title));
  // What rounding leaves of zeros would only stretch the axis.
  double most = 0;
  for (const double x : g.eigenvalues) {
    if (std::isfinite(x)) most = std::max(most, x);
  }
  std::string parts;
  for (std::size_t k = 0; k < g.count; ++k) {
    std::string rows;
    for (std::size_t b = 0; b < boundaries; ++b) {
      const double value = g.eigenvalues[b * g.count + k];
      if (value > 1e-14 * most) rows += fmt::format("{} {:.6g}\n", b + from, value);
    }
    if (rows.empty()) continue;
    const double share =
        g.count > 1 ? static_cast<double>(k) / static_cast<double>(g.count - 1) : 0;
    parts += (parts.empty() ? "  " : ", \\\n  ") +
             fmt::format(
                 "{} using 1:2 with linespoints pointtype 7 pointsize 0.3 linewidth 1.3 "
                 "linecolor palette frac {:.3f} notitle",
                 script.rows(rows), 1 - 0.85 * share);
  }
  if (parts.empty()) fail(ErrorKind::usage, "nothing to show: all eigenvalues are zero");
  script.line("unset colorbox\nplot \\\n{}", parts);
}

void rank(Script& script, const Geometry& g, const GeometryPlot& plot, int width) {
  const std::size_t from = depth_axis(script, g, g.rank.size(), width);
  range(script, plot, plot.log);
  std::string rows;
  for (std::size_t b = 0; b < g.rank.size(); ++b) {
    rows += fmt::format("{} {:.6g} {:.6g}\n", b + from, g.rank[b], g.rank_error[b]);
  }
  script.line("set ylabel 'Effective rank (mean)'\nset key off");
  if (!plot.title.empty()) script.line("set title {}", quote(plot.title));
  const std::string name = script.rows(rows);
  script.line(
      "plot {0} using 1:2:3 with yerrorbars linestyle 1 notitle, {0} using 1:2 with lines "
      "linestyle 1 notitle",
      name);
}

void converge(Script& script, const Geometry& g, const GeometryPlot& plot) {
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
  range(script, plot, true);
  script.line("set logscale x 2\nset xlabel 'Layers'\nset ylabel 'Largest change by halving dl'");
  if (!plot.title.empty()) script.line("set title {}", quote(plot.title));
  const std::string name = script.rows(rows), line = script.rows(reference);
  script.line(
      "plot {} using 1:2 with linespoints linestyle 1 title 'coordinates', {} using 1:3 with "
      "linespoints linestyle 2 title 'metric', {} using 1:2 with lines linestyle 43 title "
      "'first order'",
      name, name, line);
}

void path(Script& script, const Geometry& g, const GeometryPlot& plot) {
  const auto rows = [](const std::vector<double>& line) {
    std::string text;
    for (std::size_t i = 0; i + 1 < line.size(); i += 2) {
      text += fmt::format("{:.6g} {:.6g}\n", line[i], line[i + 1]);
    }
    return text;
  };
  const Window w = window_of(g.points[0]);
  if (!plot.title.empty()) script.line("set title {}", quote(plot.title));
  script.line("set size ratio -1\nset xrange [{:.6g}:{:.6g}]\nset yrange [{:.6g}:{:.6g}]",
              w.x - w.half, w.x + w.half, w.y - w.half, w.y + w.half);
  std::string parts;
  for (std::size_t k = 0; k < classes_of(g); ++k) {
    const std::string of_class = points_of(g.points[0], g.labels, static_cast<std::int64_t>(k));
    if (of_class.empty()) continue;
    parts += fmt::format("{} using 1:2 with points linestyle {} notitle, \\\n  ",
                         script.rows(of_class), 1 + k % 10);
  }
  const std::string straight = script.rows(rows(g.straight)),
                    shortest = script.rows(rows(g.shortest));
  script.line(
      "plot \\\n  {}{} using 1:2 with lines linestyle 43 title 'straight', \\\n  {} using 1:2 "
      "with linespoints linestyle 44 title 'shortest'",
      parts, straight, shortest);
}

void eigenvectors(Script& script, const Geometry& g, const GeometryPlot& plot,
                  std::size_t columns) {
  script.text += bare_panel;
  script.line("set tmargin 0.3\nset yrange [*:*] reverse");
  script.line("set multiplot layout {},{}{}", (g.images + columns - 1) / columns, columns,
              plot.title.empty() ? "" : " title " + quote(plot.title));
  const std::size_t size = g.height * g.width * g.channels;
  for (std::size_t n = 0; n < g.images; ++n) {
    const double* v = g.vectors.data() + n * size;
    double most = 0;
    for (std::size_t i = 0; i < size; ++i) most = std::max(most, std::abs(v[i]));
    std::string rows;
    for (std::size_t y = 0; y < g.height; ++y) {
      for (std::size_t x = 0; x < g.width; ++x) {
        const double* pixel = v + (y * g.width + x) * g.channels;
        rows += fmt::format("{} {}", x, y);
        for (std::size_t c = 0; c < 3; ++c) {
          const double value = pixel[g.channels >= 3 ? c : 0];
          rows += fmt::format(" {}", std::lround(127.5 + 127.5 * (most > 0 ? value / most : 0)));
        }
        rows += '\n';
      }
    }
    script.line("plot {} using 1:2:3:4:5 with rgbimage notitle", script.rows(rows));
  }
  script.line("unset multiplot");
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
  Script script;
  script.text = terminal(format, size) + style + (style.ends_with('\n') ? "" : "\n");
  switch (plot.chart) {
    case Chart::layers:
    case Chart::ellipses:
      if (format == Format::gif) {
        animation(script, geometry, plot);
      } else {
        panels(script, geometry, plot, columns, list);
      }
      break;
    case Chart::trajectories: trajectories(script, geometry, plot); break;
    case Chart::spectrum: spectrum(script, geometry, plot, size.width); break;
    case Chart::rank: rank(script, geometry, plot, size.width); break;
    case Chart::converge: converge(script, geometry, plot); break;
    case Chart::path: path(script, geometry, plot); break;
    case Chart::eigenvectors: eigenvectors(script, geometry, plot, columns); break;
  }
  return script.text;
}

}  // namespace rn::plot
