// Results of resnet-geometry as resnet-plot draws them.
#pragma once

#include <cmath>
#include <numbers>

#include "options/plot.h"
#include "plot/geometry.h"
#include "study/geometry_result.h"

namespace rn::tools {

inline plot::GeometryChart geometry_chart(const PlotTool& o, const study::GeometryResult& r) {
  using plot::GeometryChart;
  if (o.show.size() > 1) fail(ErrorKind::usage, "geometry has one picture: one --show");
  const std::string what = !o.show.empty()        ? o.show.front()
                           : r.ck && r.width >= 2 ? "layers"
                                                  : "spectrum";
  if (what == "layers") return GeometryChart::layers;
  if (what == "ellipses") return GeometryChart::ellipses;
  if (what == "trajectories") return GeometryChart::trajectories;
  if (what == "spectrum") return GeometryChart::spectrum;
  if (what == "rank") return GeometryChart::rank;
  if (what == "converge") return GeometryChart::converge;
  if (what == "path") return GeometryChart::path;
  if (what == "eigenvectors") return GeometryChart::eigenvectors;
  fail(ErrorKind::usage,
       "--show {}: of geometry layers, ellipses, trajectories, spectrum, rank, converge, path or "
       "eigenvectors",
       what);
}

// The first two coordinates of states of s numbers each.
inline std::vector<double> plane_of(const std::vector<double>& states, std::int64_t s) {
  std::vector<double> out;
  for (std::size_t i = 0; i + 1 < states.size(); i += static_cast<std::size_t>(s)) {
    out.push_back(states[i]);
    out.push_back(states[i + 1]);
  }
  return out;
}

// Half axes are square roots of eigenvalues: an ellipse is long where the network stretches. On a
// part of a grid, so that they do not cover each other; without a grid at points.
inline std::vector<plot::Ellipse> ellipses_of(const study::MetricField& field,
                                              const std::vector<double>& places,
                                              std::int64_t boundary, std::int64_t side) {
  std::vector<plot::Ellipse> out;
  const std::int64_t step = side > 0 ? std::max<std::int64_t>(1, side / 10) : 1;
  for (std::int64_t p = 0; p < field.points; ++p) {
    if (side > 0 && ((p % side) % step != 0 || (p / side) % step != 0)) continue;
    if (side == 0 && p >= 200) break;
    const auto cell = static_cast<std::size_t>(boundary * field.points + p);
    const double *values = field.eigenvalues.data() + cell * 2,
                 *vectors = field.eigenvectors.data() + cell * 4;
    const auto at = static_cast<std::size_t>(2 * p);
    out.push_back({places[at], places[at + 1], std::sqrt(values[0]), std::sqrt(values[1]),
                   std::atan2(vectors[1], vectors[0]) * 180 / std::numbers::pi});
  }
  return out;
}

inline plot::Geometry geometry_to_draw(const study::GeometryResult& r) {
  plot::Geometry out;
  if (!r.ck) {
    const study::SpectrumMeans m = study::spectrum_means(r.spectra);
    out.eigenvalues = m.eigenvalue_medians;
    out.count = static_cast<std::size_t>(r.spectra.classes);
    out.rank = m.effective_rank.mean;
    out.rank_error = m.effective_rank.error;
    for (std::size_t b = 0; b < r.boundaries.size(); ++b) {
      const std::string& name = r.boundaries[b];
      out.blocks.names.push_back(name);
      out.blocks.stages.push_back(name.substr(0, name.find('.')));
      out.blocks.downsamples.push_back(false);
    }
    out.vectors = r.spectra.eigenvectors;
    out.images = static_cast<std::size_t>(r.spectra.vectors);
    if (out.images > 0) {
      out.height = static_cast<std::size_t>(r.image_shape[0]);
      out.width = static_cast<std::size_t>(r.image_shape[1]);
      out.channels = static_cast<std::size_t>(r.image_shape[2]);
    }
    return out;
  }
  const std::int64_t s = r.state();
  const study::MetricField &metric = r.at_points.metric.coordinates,
                           &on_grid = r.at_grid.metric.coordinates;
  if (r.width >= 2) {
    out.labels = r.labels;
    out.side = static_cast<std::size_t>(r.grid_side);
    for (std::size_t b = 0; b < r.at_points.states.size(); ++b) {
      const auto boundary = static_cast<std::int64_t>(b);
      out.points.push_back(plane_of(r.at_points.states[b], s));
      if (r.grid_side > 0) out.grid.push_back(plane_of(r.at_grid.states[b], s));
      if (on_grid.n == 2) {
        out.ellipses.push_back(ellipses_of(on_grid, out.grid[b], boundary, r.grid_side));
      } else if (metric.n == 2) {
        out.ellipses.push_back(ellipses_of(metric, out.points[b], boundary, 0));
      }
    }
  }
  if (!metric.empty()) {
    out.count = static_cast<std::size_t>(metric.n);
    for (std::int64_t b = 0; b < metric.boundaries; ++b) {
      for (std::int64_t k = 0; k < metric.n; ++k) {
        std::vector<double> values;
        for (std::int64_t p = 0; p < metric.points; ++p) {
          values.push_back(
              metric.eigenvalues[static_cast<std::size_t>((b * metric.points + p) * metric.n + k)]);
        }
        const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
        std::nth_element(values.begin(), middle, values.end());
        out.eigenvalues.push_back(*middle);
      }
    }
  }
  const auto& halved = r.converge ? r.converge : r.retrained;
  if (halved) {
    for (const study::ConvergeRow& row : halved->rows) {
      out.halvings.push_back({static_cast<double>(row.layers), row.coordinates, row.metric});
    }
  }
  if (r.path && r.channels == 2) {
    out.straight = r.path->straight;
    out.shortest = r.path->shortest;
  }
  return out;
}

inline std::string draw_geometry(const PlotTool& o, const std::vector<io::H5>& files,
                                 plot::Format format) {
  if (files.size() > 1 && study::read_geometry(files.front()).ck) {
    fail(ErrorKind::usage, "{} results of C^k networks: one a picture", files.size());
  }
  std::vector<study::GeometryResult> parts;
  for (const io::H5& file : files) parts.push_back(study::read_geometry(file));
  const study::GeometryResult r =
      parts.front().ck ? std::move(parts.front()) : study::merge(std::move(parts), o.files);
  if (o.table) return study::to_table(r);
  plot::GeometryPlot plot;
  plot.chart = geometry_chart(o, r);
  plot.title = o.title;
  plot.log = o.log;
  if (!o.size.empty()) plot.size = plot::parse_size(o.size);
  if (!o.range.empty()) std::tie(plot.low, plot.high) = plot::parse_range(o.range);
  return plot::geometry_script(geometry_to_draw(r), plot, format, style_text(o, "geometry.gp"));
}

}  // namespace rn::tools
