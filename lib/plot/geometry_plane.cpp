#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "plot/geometry_parts.h"

namespace rn::plot {
namespace {

constexpr std::size_t most_points = 1000;  // drawn in a panel

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
void panel(Sheet& sheet, const Geometry& g, const Picture& picture, const std::string& title) {
  const Window w = window_of(picture.points);
  Parts parts;
  if (picture.grid) {
    parts.add(sheet.rows(lines_of(*picture.grid, g.side)) +
              " using 1:2 with lines linestyle 41 notitle");
  }
  if (picture.ellipses) {
    parts.add(sheet.rows(ellipses_of(*picture.ellipses, w)) +
              " using 1:2:3:4:5 with ellipses units xx linestyle 42 fillstyle empty notitle");
  }
  for (std::size_t k = 0; k < classes_of(g); ++k) {
    const std::string rows = points_of(picture.points, g.labels, static_cast<std::int64_t>(k));
    if (rows.empty()) continue;
    parts.add(
        fmt::format("{} using 1:2 with points linestyle {} notitle", sheet.rows(rows), 1 + k % 10));
  }
  if (parts.empty()) fail(ErrorKind::usage, "nothing to show: there are no points");
  sheet.line("set title {}", quote(title));
  sheet.line("set xrange [{:.6g}:{:.6g}]\nset yrange [{:.6g}:{:.6g}]", w.x - w.half, w.x + w.half,
             w.y - w.half, w.y + w.half);
  sheet.line("plot \\\n{}", parts.str());
}

std::string name_of(std::size_t boundary) {
  return boundary == 0 ? std::string("input") : fmt::format("layer {}", boundary);
}

constexpr const char* bare_panel =
    "unset key\nunset tics\nunset grid\nset border 15 linewidth 0.6 linecolor rgb '#999999'\n"
    "set size ratio -1\nset lmargin 0.6\nset rmargin 0.6\nset tmargin 1.4\nset bmargin 0.4\n";

std::vector<double> between(const std::vector<double>& a, const std::vector<double>& b, double t) {
  std::vector<double> out(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) out[i] = (1 - t) * a[i] + t * b[i];
  return out;
}

}  // namespace

std::vector<std::size_t> chosen(std::size_t boundaries, int panels) {
  const auto most = static_cast<std::size_t>(std::max(panels, 2));
  std::vector<std::size_t> list;
  const std::size_t count = std::min(boundaries, most);
  for (std::size_t i = 0; i < count; ++i) {
    list.push_back(count == 1 ? 0 : (i * (boundaries - 1) + (count - 1) / 2) / (count - 1));
  }
  return list;
}

void draw_panels(Sheet& sheet, const Geometry& g, const GeometryPlot& plot, std::size_t columns,
                 const std::vector<std::size_t>& list) {
  const bool metric = plot.chart == GeometryChart::ellipses;
  sheet.text += bare_panel;
  sheet.line("set multiplot layout {},{}{}", (list.size() + columns - 1) / columns, columns,
             plot.title.empty() ? "" : " title " + quote(plot.title) + " offset 0,0.6");
  for (const std::size_t b : list) {
    panel(sheet, g,
          {g.points[b], !metric && b < g.grid.size() ? &g.grid[b] : nullptr,
           metric ? &g.ellipses[b] : nullptr},
          name_of(b));
  }
  sheet.line("unset multiplot");
}

void draw_animation(Sheet& sheet, const Geometry& g, const GeometryPlot& plot) {
  const bool metric = plot.chart == GeometryChart::ellipses;
  const std::size_t last = g.points.size() - 1;
  const int within = metric ? 1 : static_cast<int>(std::clamp<std::size_t>(60 / (last + 1), 1, 8));
  constexpr int pause = 8;
  sheet.text += bare_panel;
  const auto frame = [&](std::size_t b, double t) {
    const std::size_t next = std::min(b + 1, last);
    const std::vector<double> points = between(g.points[b], g.points[next], t);
    const std::string title =
        (plot.title.empty() ? "" : plot.title + ", ") + name_of(t < 0.5 ? b : next);
    if (metric) return panel(sheet, g, {points, nullptr, &g.ellipses[b]}, title);
    if (g.grid.empty()) return panel(sheet, g, {points, nullptr, nullptr}, title);
    const std::vector<double> grid = between(g.grid[b], g.grid[next], t);
    panel(sheet, g, {points, &grid, nullptr}, title);
  };
  for (int i = 0; i < pause; ++i) frame(0, 0);
  for (std::size_t b = 0; b < last; ++b) {
    for (int i = 0; i < within; ++i) frame(b, static_cast<double>(i) / within);
  }
  for (int i = 0; i < pause; ++i) frame(last, 0);
}

void draw_trajectories(Sheet& sheet, const Geometry& g, const GeometryPlot& plot) {
  constexpr std::size_t most = 200;
  const std::size_t count = std::min(g.labels.size(), most), last = g.points.size() - 1;
  sheet.line("unset key\nset multiplot layout 2,1{}",
             plot.title.empty() ? "" : " title " + quote(plot.title));
  sheet.line("set xrange [0:{}]", std::max<std::size_t>(last, 1));
  for (std::size_t axis = 0; axis < 2; ++axis) {
    Parts parts;
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
      parts.add(fmt::format("{} using 1:2 with lines linestyle {} linewidth 0.5 notitle",
                            sheet.rows(rows), 1 + k % 10));
    }
    sheet.line("set ylabel 'x{}'", axis + 1);
    if (axis == 1) sheet.line("set xlabel 'Layer'");
    sheet.line("plot \\\n{}", parts.str());
  }
  sheet.line("unset multiplot");
}

void draw_path(Sheet& sheet, const Geometry& g, const GeometryPlot& plot) {
  const auto rows = [](const std::vector<double>& line) {
    std::string text;
    for (std::size_t i = 0; i + 1 < line.size(); i += 2) {
      text += fmt::format("{:.6g} {:.6g}\n", line[i], line[i + 1]);
    }
    return text;
  };
  const Window w = window_of(g.points[0]);
  if (!plot.title.empty()) sheet.line("set title {}", quote(plot.title));
  sheet.line("set size ratio -1\nset xrange [{:.6g}:{:.6g}]\nset yrange [{:.6g}:{:.6g}]",
             w.x - w.half, w.x + w.half, w.y - w.half, w.y + w.half);
  std::string parts;
  for (std::size_t k = 0; k < classes_of(g); ++k) {
    const std::string of_class = points_of(g.points[0], g.labels, static_cast<std::int64_t>(k));
    if (of_class.empty()) continue;
    parts += fmt::format("{} using 1:2 with points linestyle {} notitle, \\\n  ",
                         sheet.rows(of_class), 1 + k % 10);
  }
  const std::string straight = sheet.rows(rows(g.straight)),
                    shortest = sheet.rows(rows(g.shortest));
  sheet.line(
      "plot \\\n  {}{} using 1:2 with lines linestyle 43 title 'straight', \\\n  {} using 1:2 "
      "with linespoints linestyle 44 title 'shortest'",
      parts, straight, shortest);
}

void draw_eigenvectors(Sheet& sheet, const Geometry& g, const GeometryPlot& plot,
                       std::size_t columns) {
  sheet.text += bare_panel;
  sheet.line("set tmargin 0.3\nset yrange [*:*] reverse");
  sheet.line("set multiplot layout {},{}{}", (g.images + columns - 1) / columns, columns,
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
    sheet.line("plot {} using 1:2:3:4:5 with rgbimage notitle", sheet.rows(rows));
  }
  sheet.line("unset multiplot");
}

}  // namespace rn::plot
