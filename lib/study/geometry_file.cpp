// Results of resnet-geometry as HDF5.
#include <algorithm>
#include <cmath>
#include <limits>

#include "study/geometry_archive.h"
#include "study/geometry_result.h"

namespace rn::study {
namespace {

constexpr const char* kind = "geometry";
constexpr std::int64_t most = std::int64_t{1} << 31;

void field(Archive& file, const std::string& name, MetricField& f, std::int64_t boundaries,
           std::int64_t points, std::int64_t n) {
  if (!file.part(name, !f.empty())) return;
  f.boundaries = boundaries;
  f.points = points;
  f.n = n;
  file.reals(name + "/metric", f.metric, {boundaries, points, n, n});
  file.reals(name + "/eigenvalues", f.eigenvalues, {boundaries, points, n});
  file.reals(name + "/eigenvectors", f.eigenvectors, {boundaries, points, n, n});
  file.reals(name + "/log_determinant", f.log_determinant, {boundaries, points});
  file.reals(name + "/condition", f.condition, {boundaries, points});
  file.ints(name + "/rank", f.rank, {boundaries, points});
}

void states(Archive& file, const std::string& name, std::vector<Reals>& all,
            std::int64_t boundaries, std::int64_t points, std::int64_t s) {
  Reals flat;
  for (const Reals& one : all) flat.insert(flat.end(), one.begin(), one.end());
  file.reals(name, flat, {boundaries, points, s});
  if (!file.reading()) return;
  const auto size = static_cast<std::ptrdiff_t>(points * s);
  for (std::int64_t b = 0; b < boundaries; ++b) {
    all.emplace_back(flat.begin() + b * size, flat.begin() + (b + 1) * size);
  }
}

// For readers of the file: (x(l) - x(l-1)) / dl.
Reals velocities(const GeometryResult& r, const std::vector<Reals>& all) {
  Reals out;
  const std::int64_t s = r.state(), d = r.width;
  for (const Reals& state : all) {
    for (std::size_t p = 0; p < state.size(); p += static_cast<std::size_t>(s)) {
      for (std::int64_t i = 0; i < d; ++i) {
        const auto at = p + static_cast<std::size_t>(i);
        out.push_back((state[at] - state[at + static_cast<std::size_t>(d)]) / r.network.dl);
      }
    }
  }
  return out;
}

void converge(Archive& file, const std::string& name, std::optional<Converge>& c, bool retrained) {
  if (!file.part(name, c.has_value())) return;
  if (!c) c.emplace();
  c->retrained = retrained;
  Ints layers;
  Reals dl, x, g, x_order, g_order;
  for (const ConvergeRow& row : c->rows) {
    layers.push_back(row.layers);
    dl.push_back(row.dl);
    x.push_back(row.coordinates);
    g.push_back(row.metric);
    x_order.push_back(row.coordinates_order);
    g_order.push_back(row.metric_order);
  }
  file.column(name + "/layers", layers);
  const Shape shape{static_cast<std::int64_t>(layers.size())};
  file.reals(name + "/dl", dl, shape);
  file.reals(name + "/coordinates", x, shape);
  file.reals(name + "/metric", g, shape);
  file.reals(name + "/coordinates_order", x_order, shape);
  file.reals(name + "/metric_order", g_order, shape);
  if (!file.reading()) return;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    c->rows.push_back({layers[i], dl[i], x[i], g[i], x_order[i], g_order[i]});
  }
}

void batches(Archive& file, std::optional<BatchSizes>& b, std::int64_t boundaries) {
  if (!file.part("batch_sizes", b.has_value())) return;
  if (!b) b.emplace();
  Ints sizes, pieces;
  Reals error, loss, condition;
  for (const BatchRow& row : b->rows) {
    sizes.push_back(row.batch);
    error.push_back(row.error);
    loss.push_back(row.loss);
    condition.push_back(row.condition);
    pieces.insert(pieces.end(), row.pieces.begin(), row.pieces.end());
  }
  const std::string at = "batch_sizes";
  file.column(at + "/batch", sizes);
  const auto rows = static_cast<std::int64_t>(sizes.size());
  file.reals(at + "/error", error, {rows});
  file.reals(at + "/loss", loss, {rows});
  file.reals(at + "/condition", condition, {rows});
  file.ints(at + "/pieces", pieces, {rows, boundaries});
  file.number(at, "steps", b->options.steps, 1, most);
  file.real(at, "lr", b->options.lr);
  file.real(at, "momentum", b->options.momentum);
  if (!file.reading()) return;
  b->options.sizes = sizes;
  for (std::int64_t i = 0; i < rows; ++i) {
    const auto k = static_cast<std::size_t>(i);
    b->rows.push_back({sizes[k],
                       error[k],
                       loss[k],
                       {pieces.begin() + i * boundaries, pieces.begin() + (i + 1) * boundaries},
                       condition[k]});
  }
}

void path(Archive& file, GeometryResult& r) {
  if (!file.part("path", r.path.has_value())) return;
  if (!r.path) r.path.emplace();
  PathResult& p = *r.path;
  r.options.path.resize(2);
  file.number("path", "from", r.options.path[0], 0, most);
  file.number("path", "to", r.options.path[1], 0, most);
  file.number("path", "pieces", r.options.relax.pieces, 2, 1000);
  const Shape shape{r.options.relax.pieces + 1, r.channels};
  file.reals("path/straight", p.straight, shape);
  file.reals("path/shortest", p.shortest, shape);
  file.real("path", "straight_metric", p.straight_metric);
  file.real("path", "straight_image", p.straight_image);
  file.real("path", "shortest_metric", p.shortest_metric);
  file.real("path", "shortest_image", p.shortest_image);
  file.real("path", "chord", p.chord);
  file.number("path", "iterations", p.iterations, 0, most);
  std::int64_t converged = p.converged;
  file.number("path", "converged", converged, 0, 1);
  p.converged = converged != 0;
}

void of_ck(Archive& file, GeometryResult& r) {
  std::int64_t order = r.network.order, layers = r.network.layers;
  std::string curve = nn::to_string(r.network.curve);
  file.number(study, "order", order, 0, ops::ck_most_order);
  file.number(study, "layers", layers, 1, 1000000);
  file.real(study, "dl", r.network.dl);
  file.number(study, "width", r.width, 1, 65536);
  file.text("activation", curve);
  file.number(study, "grid", r.grid_side, 0, 10000);
  r.network = {static_cast<int>(order), static_cast<int>(layers), r.network.dl,
               nn::parse_curve(curve)};
  file.column("input/mean", r.mean);
  r.channels = static_cast<std::int64_t>(r.mean.size());
  if (r.channels < 1 || r.channels > r.width) {
    fail(ErrorKind::input, "points of {} numbers, coordinates of {}", r.channels, r.width);
  }
  file.reals("input/stddev", r.stddev, {r.channels});
  const auto n = static_cast<std::int64_t>(r.index.size());
  const std::int64_t boundaries = layers + 1, s = r.state(), d = r.width;
  file.reals("points/input", r.points, {n, r.channels});
  states(file, "coordinates/states", r.at_points.states, boundaries, n, s);
  field(file, "metric", r.at_points.metric.coordinates, boundaries, n, d);
  field(file, "state_metric", r.at_points.metric.states, boundaries, n, s);
  field(file, "input_metric", r.at_points.metric.input, 1, n, r.channels);
  CkMetric& metric = r.at_points.metric;
  if (file.part("orientation", !metric.negative.empty())) {
    file.ints("orientation/negative", metric.negative, {boundaries});
    file.ints("orientation/sign_changes", metric.sign_changes, {n});
  }
  if (r.grid_side > 0) {
    const std::int64_t g = r.grid_side * r.grid_side;
    states(file, "coordinates/grid", r.at_grid.states, boundaries, g, s);
    field(file, "grid_metric", r.at_grid.metric.coordinates, boundaries, g, d);
  }
  CkActions& a = r.at_points.actions;
  if (file.part("actions", a.layers > 0)) {
    a.layers = layers;
    a.points = n;
    a.s = s;
    file.reals("actions/rotation", a.rotation, {layers, n, s, s});
    file.reals("actions/stretch", a.stretch, {layers, n, s, s});
    file.reals("actions/log_determinant", a.log_determinant, {layers, n});
    file.ints("actions/sign", a.sign, {layers, n});
    file.reals("actions/composition_error", a.composition_error, {n});
  }
  converge(file, "converge", r.converge, false);
  converge(file, "retrained", r.retrained, true);
  batches(file, r.batches, boundaries);
  path(file, r);
}

void of_classifier(Archive& file, GeometryResult& r) {
  file.column("boundaries/name", r.boundaries);
  const auto n = static_cast<std::int64_t>(r.index.size()),
             b = static_cast<std::int64_t>(r.boundaries.size()),
             c = static_cast<std::int64_t>(r.class_names.size());
  file.ints("boundaries/size", r.sizes, {b});
  ImageSpectra& s = r.spectra;
  s.images = n;
  s.boundaries = b;
  s.classes = c;
  file.reals("images/confidence", s.confidence, {n});
  file.reals("images/eigenvalues", s.eigenvalues, {n, b, c});
  file.reals("images/trace", s.trace, {n, b});
  file.reals("images/effective_rank", s.effective_rank, {n, b});
  file.reals("images/log_volume", s.log_volume, {n, b});
  file.ints("images/rank", s.rank, {n, b});
  s.answer = r.answers;
  file.number(study, "eigenvectors", s.vectors, 0, most);
  if (s.vectors > 0) {
    r.image_shape.resize(3);
    file.number("eigenvectors", "height", r.image_shape[0], 1, 65536);
    file.number("eigenvectors", "width", r.image_shape[1], 1, 65536);
    file.number("eigenvectors", "channels", r.image_shape[2], 1, 65536);
    file.reals("eigenvectors/input", s.eigenvectors,
               {s.vectors, r.image_shape[0], r.image_shape[1], r.image_shape[2]});
  }
  file.number(study, "block_images", r.options.block_images, 0, most);
  if (r.options.block_images == 0) return;
  file.column("blocks/name", r.blocks);
  file.number("blocks", "values", r.options.lanczos.values, 1, 1000);
  file.number("blocks", "steps", r.options.lanczos.steps, 1, 100000);
  const Shape shape{r.options.block_images, static_cast<std::int64_t>(r.blocks.size()),
                    r.options.lanczos.values};
  file.reals("blocks/singular_values", r.singular.values, shape);
  file.reals("blocks/residual", r.singular.residuals, shape);
}

void all_of(Archive& file, GeometryResult& r) {
  std::string output = to_string(r.options.output);
  std::int64_t ck = r.ck, seed = static_cast<std::int64_t>(r.options.seed);
  file.text("model_sha256", r.model_digest);
  file.text("precision", r.precision);
  file.text("data", r.data);
  file.text("data_sha256", r.data_digest);
  file.text("split", r.split);
  file.text("output_metric", output);
  file.real(study, "floor", r.options.floor);
  file.number(study, "seed", seed, std::numeric_limits<std::int64_t>::min(),
              std::numeric_limits<std::int64_t>::max());
  file.number(study, "ck", ck, 0, 1);
  file.number(study, "images", r.images, 1, most);
  file.number(study, "shards", r.shard.count, 1, most_shards);
  file.number(study, "shard", r.shard.index, 0, r.shard.count - 1);
  r.ck = ck != 0;
  r.options.seed = static_cast<std::uint64_t>(seed);
  r.options.output = parse_output_metric(output);
  file.column("classes", r.class_names);
  file.column("images/index", r.index);
  const Shape n{static_cast<std::int64_t>(r.index.size())};
  file.ints("images/label", r.labels, n);
  file.ints("images/answer", r.answers, n);
  const auto classes = static_cast<std::int64_t>(r.class_names.size());
  for (const Ints* list : {&r.labels, &r.answers}) {
    for (const std::int64_t k : *list) {
      if (k < 0 || k >= classes) fail(ErrorKind::input, "class {} of {}", k, classes);
    }
  }
  r.ck ? of_ck(file, r) : of_classifier(file, r);
}

// What follows from it, for readers of the file.
void add_means(io::H5& file, const GeometryResult& r) {
  if (r.ck) {
    const auto n = static_cast<std::int64_t>(r.index.size()),
               b = std::int64_t{r.network.layers} + 1;
    if (r.network.order >= 2) {
      file.write("coordinates/velocity",
                 tensor_of(velocities(r, r.at_points.states), {b, n, r.width}));
    }
    if (r.at_points.metric.coordinates.empty()) return;
    const LayerSummary s = layer_summary(r.at_points.metric.coordinates);
    file.write_column("layers/condition_median", s.condition);
    file.write_column("layers/log_determinant_median", s.log_determinant);
    file.write_column("layers/largest_median", s.largest);
    file.write_column("layers/smallest_median", s.smallest);
    file.write_column("layers/rank_mean", s.rank);
    return;
  }
  if (r.shard.count > 1) return;
  const SpectrumMeans m = spectrum_means(r.spectra);
  const auto column = [&](const std::string& name, const SpectrumMeans::Column& c) {
    file.write_column("boundaries/" + name, c.mean);
    file.write_column("boundaries/" + name + "_error", c.error);
    file.write_column("boundaries/" + name + "_median", c.median);
  };
  column("leading", m.leading);
  column("trace", m.trace);
  column("effective_rank", m.effective_rank);
  column("log_volume", m.log_volume);
  file.write_column("boundaries/rank", m.rank);
  const Shape shape{r.spectra.boundaries, r.spectra.classes};
  file.write("boundaries/eigenvalues", tensor_of(m.eigenvalues, shape));
  file.write("boundaries/eigenvalues_error", tensor_of(m.eigenvalue_errors, shape));
  file.write("boundaries/eigenvalues_median", tensor_of(m.eigenvalue_medians, shape));
}

}  // namespace

io::H5 to_h5(const GeometryResult& result, bool paths) {
  io::H5 file = start_result(kind);
  file.set("/", "arch", result.arch);
  Archive archive(file);
  GeometryResult copy = result;
  if (!paths) copy.data = io::without_path(copy.data);
  all_of(archive, copy);
  add_means(file, result);
  return file;
}

GeometryResult read_geometry(const io::H5& file) {
  check_kind(file, kind, "resnet-geometry");
  GeometryResult r;
  r.arch = file.get_string("/", "arch");
  Archive archive(file);
  try {
    all_of(archive, r);
  } catch (const Error& error) {
    if (std::string(error.what()).starts_with(file.name())) throw;
    fail(ErrorKind::input, "{}: {}", file.name(), error.what());
  }
  return r;
}

}  // namespace rn::study
