// What follows from a result of resnet-geometry: means and medians, text, table, JSON.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "io/table.h"
#include "study/geometry_result.h"

namespace rn::study {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  const double low = values[(n - 1) / 2], high = values[n / 2];
  return low == high ? low : (low + high) / 2;  // both may be infinite
}

struct Mean {
  double mean = 0, error = 0;
};

// Welford's update; error: standard error of the mean, 0 of a single value.
Mean mean_of(const std::vector<double>& values) {
  Mean out;
  double m2 = 0, count = 0;
  for (const double x : values) {
    count += 1;
    const double before = x - out.mean;
    out.mean += before / count;
    m2 += before * (x - out.mean);
  }
  if (count > 1) out.error = std::sqrt(m2 / (count - 1) / count);
  return out;
}

void add(SpectrumMeans::Column& column, const std::vector<double>& values) {
  const Mean m = mean_of(values);
  column.mean.push_back(m.mean);
  column.error.push_back(m.error);
  column.median.push_back(median(values));
}

std::string of(double value) {
  if (std::isnan(value)) return "-";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return fmt::format("{:.4g}", value);
}

std::string converge_text(const Converge& c) {
  std::string text = c.retrained ? "networks trained anew with twice the layers:\n"
                                 : "the same weights, layers cut in two:\n";
  text += "  layers  dl          coordinates  order   metric       order\n";
  for (const ConvergeRow& row : c.rows) {
    text += fmt::format("  {:<6}  {:<10}  {:<11}  {:<6}  {:<11}  {:<6}\n", row.layers, of(row.dl),
                        of(row.coordinates), of(row.coordinates_order), of(row.metric),
                        of(row.metric_order));
  }
  return text;
}

std::string ck_text(const GeometryResult& r) {
  std::string text = fmt::format(
      "C^{} network, {} layers of dl {}, width {}, {}; {} points of {} {}, error {:.2f} %\n",
      r.network.order, r.network.layers, of(r.network.dl), r.width, nn::to_string(r.network.curve),
      r.index.size(), printable(r.data), printable(r.split), r.error());
  const CkMetric& metric = r.at_points.metric;
  if (!metric.coordinates.empty()) {
    const LayerSummary s = layer_summary(metric.coordinates);
    text += fmt::format(
        "metric, {} at the output; medians over points, singular below {} of the "
        "largest\n",
        to_string(r.options.output), r.options.floor);
    text += "  layer  largest      smallest     condition    log det      rank";
    text += metric.negative.empty() ? "\n" : "  turned over\n";
    for (std::size_t l = 0; l < s.condition.size(); ++l) {
      text += fmt::format("  {:<5}  {:<11}  {:<11}  {:<11}  {:<11}  {:<4}", l, of(s.largest[l]),
                          of(s.smallest[l]), of(s.condition[l]), of(s.log_determinant[l]),
                          of(s.rank[l]));
      text += metric.negative.empty() ? "\n" : fmt::format("  {}\n", metric.negative[l]);
    }
  }
  const CkActions& a = r.at_points.actions;
  if (a.layers > 0) {
    text += fmt::format(
        "actions: product of the layers' Jacobians against the whole one, largest relative "
        "difference {:.1e}\n",
        *std::max_element(a.composition_error.begin(), a.composition_error.end()));
  }
  if (r.converge) text += converge_text(*r.converge);
  if (r.retrained) text += converge_text(*r.retrained);
  if (r.batches) {
    text += fmt::format(
        "trained anew, {} steps:\n  batch  error %  loss       condition  pieces at "
        "the input and the last layer\n",
        r.batches->options.steps);
    for (const BatchRow& row : r.batches->rows) {
      text += fmt::format("  {:<5}  {:<7.2f}  {:<9}  {:<9}  {} {}\n", row.batch, row.error,
                          of(row.loss), of(row.condition), row.pieces.front(), row.pieces.back());
    }
  }
  if (r.path) {
    const PathResult& p = *r.path;
    text += fmt::format(
        "from point {} to {}: straight line {} long (its image {}), shortest path {} ({}), "
        "between the images {}; {} iterations{}\n",
        r.options.path[0], r.options.path[1], of(p.straight_metric), of(p.straight_image),
        of(p.shortest_metric), of(p.shortest_image), of(p.chord), p.iterations,
        p.converged ? "" : ", not converged");
  }
  return text;
}

std::string classifier_text(const GeometryResult& r) {
  std::string text = fmt::format(
      "{}: {} images of {} {}, error {:.2f} %; metric {} at the output, "
      "rank counts eigenvalues above {} of the largest\n",
      printable(r.arch), r.index.size(), printable(r.data), printable(r.split), r.error(),
      to_string(r.options.output), r.options.floor);
  if (r.shard.count > 1) {
    text += fmt::format("shard {} of {}\n", r.shard.index + 1, r.shard.count);
  }
  const SpectrumMeans m = spectrum_means(r.spectra);
  text += "  boundary         numbers  leading      +-           median       eff. rank  rank\n";
  for (std::size_t b = 0; b < r.boundaries.size(); ++b) {
    text += fmt::format("  {:<15}  {:<7}  {:<11}  {:<11}  {:<11}  {:<9}  {:.2f}\n",
                        printable(r.boundaries[b]), r.sizes[b], of(m.leading.mean[b]),
                        of(m.leading.error[b]), of(m.leading.median[b]),
                        of(m.effective_rank.mean[b]), m.rank[b]);
  }
  if (r.options.block_images == 0) return text;
  const std::int64_t values = r.options.lanczos.values;
  text += fmt::format(
      "largest singular values of single blocks, {} images\n  block            "
      "mean       least      most\n",
      r.options.block_images);
  for (std::size_t b = 0; b < r.blocks.size(); ++b) {
    std::vector<double> first;
    for (std::int64_t n = 0; n < r.options.block_images; ++n) {
      const auto block = static_cast<std::int64_t>(b),
                 count = static_cast<std::int64_t>(r.blocks.size());
      first.push_back(r.singular.values[at((n * count + block) * values)]);
    }
    const auto [least, largest] = std::minmax_element(first.begin(), first.end());
    text += fmt::format("  {:<15}  {:<9}  {:<9}  {}\n", printable(r.blocks[b]),
                        of(mean_of(first).mean), of(*least), of(*largest));
  }
  return text;
}

io::Json converge_json(const Converge& c) {
  io::Json json;
  std::vector<io::Json> rows;
  for (const ConvergeRow& row : c.rows) {
    rows.push_back(io::Json()
                       .add("layers", row.layers)
                       .add("dl", row.dl)
                       .add("coordinates", row.coordinates)
                       .add("coordinates_order", row.coordinates_order)
                       .add("metric", row.metric)
                       .add("metric_order", row.metric_order));
  }
  json.add("retrained", c.retrained).add("rows", std::span<const io::Json>(rows));
  return json;
}

}  // namespace

double GeometryResult::error() const {
  std::int64_t wrong = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) wrong += labels[i] != answers[i];
  return labels.empty() ? 0
                        : 100.0 * static_cast<double>(wrong) / static_cast<double>(labels.size());
}

SpectrumMeans spectrum_means(const ImageSpectra& s) {
  SpectrumMeans out;
  for (std::int64_t b = 0; b < s.boundaries; ++b) {
    const auto at_boundary = [&](const auto& values, std::int64_t width, std::int64_t k) {
      std::vector<double> of_images;
      for (std::int64_t n = 0; n < s.images; ++n) {
        of_images.push_back(static_cast<double>(values[at((n * s.boundaries + b) * width + k)]));
      }
      return of_images;
    };
    add(out.leading, at_boundary(s.eigenvalues, s.classes, 0));
    add(out.trace, at_boundary(s.trace, 1, 0));
    add(out.effective_rank, at_boundary(s.effective_rank, 1, 0));
    add(out.log_volume, at_boundary(s.log_volume, 1, 0));
    out.rank.push_back(mean_of(at_boundary(s.rank, 1, 0)).mean);
    for (std::int64_t k = 0; k < s.classes; ++k) {
      const std::vector<double> values = at_boundary(s.eigenvalues, s.classes, k);
      const Mean m = mean_of(values);
      out.eigenvalues.push_back(m.mean);
      out.eigenvalue_errors.push_back(m.error);
      out.eigenvalue_medians.push_back(median(values));
    }
  }
  return out;
}

LayerSummary layer_summary(const MetricField& field) {
  LayerSummary out;
  for (std::int64_t b = 0; b < field.boundaries; ++b) {
    std::vector<double> condition, determinant, rank, largest, smallest;
    for (std::int64_t p = 0; p < field.points; ++p) {
      const std::int64_t cell = b * field.points + p;
      condition.push_back(field.condition[at(cell)]);
      determinant.push_back(field.log_determinant[at(cell)]);
      rank.push_back(static_cast<double>(field.rank[at(cell)]));
      largest.push_back(field.eigenvalues[at(cell * field.n)]);
      smallest.push_back(field.eigenvalues[at(cell * field.n + field.n - 1)]);
    }
    out.condition.push_back(median(std::move(condition)));
    out.log_determinant.push_back(median(std::move(determinant)));
    out.rank.push_back(mean_of(rank).mean);
    out.largest.push_back(median(std::move(largest)));
    out.smallest.push_back(median(std::move(smallest)));
  }
  return out;
}

std::string to_text(const GeometryResult& r) { return r.ck ? ck_text(r) : classifier_text(r); }

std::string to_table(const GeometryResult& r) {
  if (r.ck) {
    if (r.at_points.metric.coordinates.empty()) {
      fail(ErrorKind::usage, "--table shows the metric by layer; --metric makes it");
    }
    const LayerSummary s = layer_summary(r.at_points.metric.coordinates);
    io::Table table("layer", "largest", "smallest", "condition", "log_determinant", "rank",
                    "negative");
    const auto& negative = r.at_points.metric.negative;
    for (std::size_t l = 0; l < s.condition.size(); ++l) {
      table.row(l, s.largest[l], s.smallest[l], s.condition[l], s.log_determinant[l], s.rank[l],
                negative.empty() ? "" : std::to_string(negative[l]));
    }
    return table.str();
  }
  const SpectrumMeans m = spectrum_means(r.spectra);
  io::Table table;
  table.cells("boundary", "size");
  for (const std::string name : {"leading", "trace", "effective_rank", "log_volume"}) {
    table.cells(name, name + "_error", name + "_median");
  }
  table.cells("rank");
  for (std::int64_t k = 0; k < r.spectra.classes; ++k) table.cells(fmt::format("median{}", k + 1));
  table.end();
  for (std::size_t b = 0; b < r.boundaries.size(); ++b) {
    table.cells(r.boundaries[b], r.sizes[b]);
    for (const auto* c : {&m.leading, &m.trace, &m.effective_rank, &m.log_volume}) {
      table.cells(c->mean[b], c->error[b], c->median[b]);
    }
    table.cells(m.rank[b]);
    for (std::int64_t k = 0; k < r.spectra.classes; ++k) {
      table.cells(m.eigenvalue_medians[at(static_cast<std::int64_t>(b) * r.spectra.classes + k)]);
    }
    table.end();
  }
  return table.str();
}

io::Json to_json(const GeometryResult& r) {
  using List = std::span<const double>;
  io::Json json;
  json.add("arch", r.arch)
      .add("images", static_cast<std::int64_t>(r.index.size()))
      .add("error", r.error())
      .add("output_metric", to_string(r.options.output))
      .add("floor", r.options.floor);
  if (!r.ck) {
    const SpectrumMeans m = spectrum_means(r.spectra);
    json.add("boundaries", std::span<const std::string>(r.boundaries))
        .add("leading", List(m.leading.mean))
        .add("leading_error", List(m.leading.error))
        .add("leading_median", List(m.leading.median))
        .add("trace", List(m.trace.mean))
        .add("trace_error", List(m.trace.error))
        .add("effective_rank", List(m.effective_rank.mean))
        .add("log_volume", List(m.log_volume.mean))
        .add("rank", List(m.rank));
    return json;
  }
  json.add("order", std::int64_t{r.network.order})
      .add("layers", std::int64_t{r.network.layers})
      .add("dl", r.network.dl)
      .add("width", r.width);
  if (!r.at_points.metric.coordinates.empty()) {
    const LayerSummary s = layer_summary(r.at_points.metric.coordinates);
    json.add("condition", List(s.condition))
        .add("log_determinant", List(s.log_determinant))
        .add("rank", List(s.rank));
    if (!r.at_points.metric.negative.empty()) {
      json.add("negative", std::span<const std::int64_t>(r.at_points.metric.negative));
    }
  }
  if (r.at_points.actions.layers > 0) {
    const auto& errors = r.at_points.actions.composition_error;
    json.add("composition_error", *std::max_element(errors.begin(), errors.end()));
  }
  if (r.converge) json.add("converge", converge_json(*r.converge));
  if (r.retrained) json.add("retrained", converge_json(*r.retrained));
  if (r.batches) {
    std::vector<io::Json> rows;
    for (const BatchRow& row : r.batches->rows) {
      rows.push_back(io::Json()
                         .add("batch", row.batch)
                         .add("error", row.error)
                         .add("loss", row.loss)
                         .add("condition", row.condition)
                         .add("pieces", std::span<const std::int64_t>(row.pieces)));
    }
    json.add("batch_sizes", std::span<const io::Json>(rows));
  }
  if (r.path) {
    json.add("path", io::Json()
                         .add("straight_metric", r.path->straight_metric)
                         .add("straight_image", r.path->straight_image)
                         .add("shortest_metric", r.path->shortest_metric)
                         .add("shortest_image", r.path->shortest_image)
                         .add("chord", r.path->chord)
                         .add("converged", r.path->converged));
  }
  return json;
}

}  // namespace rn::study
