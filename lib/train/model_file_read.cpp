// Reading model files: the reverse of model_file.cpp.
#include <algorithm>
#include <cmath>
#include <set>

#include "io/quoted.h"
#include "io/schema.h"
#include "train/model_file_parts.h"
#include "train/st_model_file.h"

namespace rn::train {
namespace {

namespace schema = io::schema;

std::string text_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// Files of the first version lack it: it is that of the parameters.
Dtype read_precision(const io::H5& file, const std::string& at, Dtype parameters) {
  if (!file.has_attribute(at, "precision")) return parameters;
  const std::string text = file.get_string(at, "precision");
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16, Dtype::f64}) {
    if (text == precision_name(dtype) && wide(dtype) == parameters) return dtype;
  }
  fail(ErrorKind::input, "{}: training/precision is {} beside parameters of {}", file.name(),
       io::quoted(text), to_string(parameters));
}

void read_training(const io::H5& file, ModelFile& model) {
  const std::string at = schema::training;
  if (file.has_attribute(at, "data")) model.data_uri = file.get_string(at, "data");
  if (file.has_attribute(at, "data_digest")) {
    model.data_digest = file.get_string(at, "data_digest");
  }
  if (file.has_attribute(at, "lanes")) {
    const std::int64_t lanes = file.get_int(at, "lanes");
    if (lanes < 1 || lanes > 4096) {
      fail(ErrorKind::input, "{}: training/lanes is {}; expected 1 to 4096", file.name(), lanes);
    }
    model.lanes = static_cast<int>(lanes);
  }
  if (!file.has_attribute(at, "epoch")) return;
  const auto counter = [&](const char* name) {
    const std::int64_t value = file.get_int(at, name);
    if (value < 0) fail(ErrorKind::input, "{}: training/{} is {}", file.name(), name, value);
    return value;
  };
  TrainingState state;
  state.epoch = counter("epoch");
  state.step_in_epoch = counter("step_in_epoch");
  state.step = counter("step");
  state.seed = static_cast<std::uint64_t>(file.get_int(at, "seed"));
  state.batch = counter("batch");
  state.precision = read_precision(file, at, wide(model.dtype));
  state.complete = counter("complete") != 0;
  state.source_images = counter("source_images");
  state.val_images = counter("val_images");
  state.loss_sum = file.get_double(at, "loss_sum");
  state.errors = counter("errors");
  state.images = counter("images");
  state.log_bytes = counter("log_bytes");
  for (const auto& [name, value] : {std::pair{"skipped", &state.skipped},
                                    {"skipped_in_row", &state.skipped_in_row},
                                    {"averaged", &state.averaged},
                                    {"micro_batch", &state.micro_batch}}) {
    if (file.has_attribute(at, name)) *value = counter(name);
  }
  state.recipe = text_of(file.read_strings(join(at, "recipe")));
  model.training = std::move(state);
}

std::map<std::string, std::int64_t> read_norm_batches(const io::H5& file) {
  std::map<std::string, std::int64_t> batches;
  if (!file.has(schema::norm_batches)) return batches;
  const std::string names_at = join(schema::norm_batches, "name"),
                    counts_at = join(schema::norm_batches, "count");
  const std::vector<std::string> names = file.read_strings(names_at);
  const std::vector<std::int64_t> counts = file.read_ints(counts_at);
  if (names.size() != counts.size()) {
    fail(ErrorKind::input, "{}: {} has {} rows, {} has {}; damaged?", file.name(), names_at,
         names.size(), counts_at, counts.size());
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (counts[i] < 0 || counts[i] > ModelFile::most_batches ||
        !batches.emplace(names[i], counts[i]).second) {
      fail(ErrorKind::input, "{}: {} of {} is {}, or stands there twice; damaged?", file.name(),
           counts_at, io::quoted(names[i]), counts[i]);
    }
  }
  return batches;
}

Curves read_curves(const io::H5& file) {
  Curves curves;
  for (const CurveColumn& column : curve_columns()) {
    const std::string path = join(schema::curves, column.name);
    if (!file.has(path)) continue;
    curves.*column.values = file.read_doubles(path);
    const std::size_t rows = (curves.*column.values).size();
    if (rows != curves.epoch.size()) {
      fail(ErrorKind::input, "{}: the curves are damaged: {} has {} rows, {}/epoch has {}",
           file.name(), path, rows, schema::curves, curves.epoch.size());
    }
  }
  return curves;
}

// Of the weights: the first data set that is no vector (each network has some).
Dtype stored_dtype(const io::H5& file) {
  const std::vector<std::string> names = file.list(schema::parameters);
  if (names.empty()) fail(ErrorKind::input, "{}: it holds no parameters", file.name());
  std::string path = join(schema::parameters, names.front());
  for (const std::string& name : names) {
    const std::string at = join(schema::parameters, name);
    if (!file.is_dataset(at) || file.shape(at).size() < 2) continue;
    path = at;
    break;
  }
  const Dtype dtype = file.dtype(path);
  if (dtype != Dtype::f32 && dtype != Dtype::f64 && dtype != Dtype::bf16) {
    fail(ErrorKind::input, "{}: {} is {}; expected float32, float64 or bfloat16", file.name(), path,
         to_string(dtype));
  }
  return dtype;
}

struct Wanted {
  std::string name;
  Tensor value;  // where it goes
};

// Reads exactly the tensors named in `wanted` from `group`, vectors being f32 beside bf16; names
// what is missing, left over or does not fit.
void read_tensors(const io::H5& file, const std::string& group, Dtype stored,
                  const std::vector<Wanted>& wanted) {
  const std::vector<std::string> present =
      file.has(group) ? file.list(group) : std::vector<std::string>{};
  std::set<std::string> left(present.begin(), present.end());
  std::vector<std::string> missing;
  for (const Wanted& tensor : wanted) {
    if (left.erase(tensor.name) == 0) missing.push_back(tensor.name);
  }
  const auto report = [&](const std::string& first, std::size_t count, const char* problem) {
    fail(ErrorKind::input, "{}: {} {}{}; the file does not fit its block table", file.name(),
         join(group, first), problem,
         count > 1 ? fmt::format(" (and {} more)", count - 1) : std::string());
  };
  if (!missing.empty()) report(missing.front(), missing.size(), "is missing");
  if (!left.empty()) report(*left.begin(), left.size(), "belongs to no layer");
  for (const Wanted& tensor : wanted) {
    const std::string path = join(group, tensor.name);
    const Shape shape = file.shape(path);
    const Dtype dtype = file.dtype(path);
    const Dtype expected = tensor.value.rank() < 2 ? wide(stored) : stored;
    if (shape != tensor.value.shape() || dtype != expected) {
      fail(ErrorKind::input, "{}: {} is {} {}; expected {} {}", file.name(), path, to_string(dtype),
           to_string(shape), to_string(expected), to_string(tensor.value.shape()));
    }
    const Tensor read = file.read(path, tensor.value.tag());
    tensor.value.copy_from(
        dtype == tensor.value.dtype() ? read : read.cast(tensor.value.dtype(), read.tag()));
  }
}

void read_slots(const io::H5& file, Dtype stored, const nn::Store& store, TrainingState& state) {
  if (file.has(schema::trained_state)) {
    std::vector<Wanted> wanted;
    for (const auto& own : store.states()) {
      Tensor tensor(own->value.shape(), own->value.dtype(), Tag::optimizer);
      wanted.push_back({own->name, tensor});
      state.trained_state.emplace(own->name, std::move(tensor));
    }
    read_tensors(file, schema::trained_state, wide(stored), wanted);
  }
  if (!file.has(schema::optimizer)) return;
  for (const std::string& slot : file.list(schema::optimizer)) {
    NamedTensors& tensors = state.slots[slot];
    std::vector<Wanted> wanted;
    for (const auto& parameter : store.parameters()) {
      const Tensor& value = parameter->value;
      Tensor tensor(value.shape(), value.dtype(), Tag::optimizer);
      wanted.push_back({parameter->name, tensor});
      tensors.emplace(parameter->name, std::move(tensor));
    }
    read_tensors(file, join(schema::optimizer, slot), wide(stored), wanted);
  }
}

}  // namespace

data::Normalization read_normalization(const io::H5& file, const models::NetworkSpec& spec,
                                       const std::string& under) {
  const std::string input = join(under, schema::input);
  data::Normalization normalization;
  const std::string mean = join(input, "mean"), stddev = join(input, "stddev"),
                    image = join(input, "mean_image");
  normalization.mean = file.read_doubles(mean);
  normalization.stddev = file.read_doubles(stddev);
  const auto finite = [](double x) { return std::isfinite(x); };
  const auto good = [&](const std::vector<double>& values) {
    return static_cast<std::int64_t>(values.size()) == spec.channels &&
           std::all_of(values.begin(), values.end(), finite);
  };
  if (!good(normalization.mean)) {
    fail(ErrorKind::input, "{}: {} is not {} finite numbers", file.name(), mean, spec.channels);
  }
  if (!good(normalization.stddev) ||
      std::any_of(normalization.stddev.begin(), normalization.stddev.end(),
                  [](double x) { return x <= 0; })) {
    fail(ErrorKind::input, "{}: {} is not {} positive numbers", file.name(), stddev, spec.channels);
  }
  const std::int64_t reversed = file.get_int(input, "reversed");
  if (reversed != 0 && reversed != 1) {
    fail(ErrorKind::input, "{}: reversed of the input is {}; expected 0 or 1", file.name(),
         reversed);
  }
  normalization.reversed = reversed == 1;
  if (file.has(image)) {
    const Shape wanted{spec.height, spec.width, spec.channels};
    if (file.shape(image) != wanted || file.dtype(image) != Dtype::f32) {
      fail(ErrorKind::input, "{}: {} is {} {}; expected float32 {}", file.name(), image,
           to_string(file.dtype(image)), to_string(file.shape(image)), to_string(wanted));
    }
    normalization.mean_image = file.read(image, Tag::input);
  }
  return normalization;
}

double least_parameters(const models::NetworkSpec& spec) {
  double needed = spec.stem.lift
                      ? 0
                      : static_cast<double>(spec.stem.out) * static_cast<double>(spec.channels) *
                            spec.stem.kernel * spec.stem.kernel;
  for (const nn::BlockSpec& b : spec.blocks) {
    const auto in = static_cast<double>(b.in), width = static_cast<double>(b.width),
               out = static_cast<double>(b.out), taps = static_cast<double>(b.temporal);
    const double whole = b.kind == nn::BlockKind::ck ? width * width
                         : b.kind == nn::BlockKind::basic
                             ? taps * (9 * in * width + 9 * width * out)
                             : taps * (in * width + width * out) + 9 * width * width;
    needed += b.reversible ? whole / 4 : whole;  // halves: F alone has that
  }
  const std::int64_t features = spec.head.features > 0 ? spec.head.features
                                : spec.blocks.empty()  ? spec.stem.out
                                                       : spec.blocks.back().out;
  return needed + static_cast<double>(spec.classes) * static_cast<double>(features);
}

void check_size(const io::H5& file, double needed) {
  double stored = 0;
  for (const std::string& name : file.list(schema::parameters)) {
    stored += static_cast<double>(element_count(file.shape(join(schema::parameters, name))));
  }
  constexpr double a_few = 1 << 24;
  if (needed > stored + a_few) {
    fail(ErrorKind::input,
         "{}: the block table needs at least {} parameters, the file holds {}; damaged?",
         file.name(), needed, stored);
  }
}

void read_common(const io::H5& file, std::int64_t classes, ModelFile& model) {
  model.dtype = stored_dtype(file);
  model.class_names = file.read_strings(schema::classes);
  if (static_cast<std::int64_t>(model.class_names.size()) != classes) {
    fail(ErrorKind::input, "{}: {} class names for {} classes", file.name(),
         model.class_names.size(), classes);
  }
  read_training(file, model);
  model.norm_batches = read_norm_batches(file);
  model.curves = read_curves(file);
  model.provenance = io::read_provenance(file);
}

void read_values(const io::H5& file, const nn::Store& store, ModelFile& model) {
  const std::set<std::string> norms = norms_of(store);
  for (const auto& [norm, batches] : model.norm_batches) {
    if (norms.contains(norm)) continue;
    fail(ErrorKind::input, "{}: {} counts for {}, which is no norm of its block table", file.name(),
         schema::norm_batches, io::quoted(norm));
  }
  std::vector<Wanted> parameters, states;
  for (const auto& p : store.parameters()) parameters.push_back({p->name, p->value});
  for (const auto& s : store.states()) states.push_back({s->name, s->value});
  read_tensors(file, schema::parameters, model.dtype, parameters);
  read_tensors(file, schema::state, model.dtype, states);
  if (model.training) read_slots(file, model.dtype, store, *model.training);
}

ModelFile read_model_file(const io::H5& file) {
  schema::check(file, schema::Format::model);
  if (is_st_model(file)) {
    fail(ErrorKind::input,
         "{}: a network for video (two streams); resnet-info and the video tools take it, this "
         "takes networks for images",
         file.name());
  }
  ModelFile model;
  model.spec = read_spec(file, "");
  for (const nn::BlockSpec& block : model.spec.blocks) {
    if (block.temporal == 1) continue;
    fail(ErrorKind::input,
         "{}: block {} has temporal convolutions; only networks for video have such", file.name(),
         block.name);
  }
  model.normalization = read_normalization(file, model.spec, "");
  read_common(file, model.spec.classes, model);
  return model;
}

LoadedModel load_model(const io::H5& file, std::optional<Dtype> dtype, Device device) {
  ModelFile model = read_model_file(file);
  check_size(file, least_parameters(model.spec));
  models::Network network(model.spec, dtype.value_or(wide(model.dtype)), device);
  read_values(file, network.store(), model);
  return {std::move(model), std::move(network)};
}

LoadedModel load_model(const std::string& path, std::optional<Dtype> dtype, Device device) {
  return load_model(io::schema::open(path, schema::Format::model), dtype, device);
}

}  // namespace rn::train
