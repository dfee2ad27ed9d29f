#include "train/model_file.h"

#include <algorithm>

#include "base/text.h"
#include "io/schema.h"
#include "ops/backend.h"
#include "train/model_file_parts.h"

namespace rn::train {
namespace {

namespace schema = io::schema;

constexpr const char* weight_layout = "convolutions OHWI, linear weights [classes, features]";

void write_training(io::H5& file, const ModelFile& model, bool volatile_provenance) {
  const std::string at = schema::training;
  file.set(at, "data", volatile_provenance ? model.data_uri : io::without_path(model.data_uri));
  file.set(at, "data_digest", model.data_digest);
  file.set(at, "lanes", std::int64_t{model.lanes});
  if (!model.training) return;
  const TrainingState& state = *model.training;
  file.set(at, "epoch", state.epoch);
  file.set(at, "step_in_epoch", state.step_in_epoch);
  file.set(at, "step", state.step);
  file.set(at, "seed", static_cast<std::int64_t>(state.seed));
  file.set(at, "batch", state.batch);
  file.set(at, "precision", precision_name(state.precision));
  file.set(at, "complete", std::int64_t{state.complete});
  file.set(at, "source_images", state.source_images);
  file.set(at, "val_images", state.val_images);
  file.set(at, "loss_sum", state.loss_sum);
  file.set(at, "errors", state.errors);
  file.set(at, "images", state.images);
  file.set(at, "log_bytes", state.log_bytes);
  file.write_column(join(at, "recipe"),
                    lines_of(volatile_provenance ? state.recipe : io::without_paths(state.recipe)));
  // Only where there is something to tell: most trainings have none of it.
  for (const auto& [name, value] : {std::pair{"skipped", state.skipped},
                                    {"skipped_in_row", state.skipped_in_row},
                                    {"averaged", state.averaged},
                                    {"micro_batch", state.micro_batch}}) {
    if (value != 0) file.set(at, name, value);
  }
  for (const auto& [name, tensor] : state.trained_state) {
    file.write(join(schema::trained_state, name), tensor.on(cpu));
  }
  for (const auto& [slot, tensors] : state.slots) {
    for (const auto& [name, tensor] : tensors) {
      file.write(join(join(schema::optimizer, slot), name), tensor.on(cpu));
    }
  }
}

void write_norm_batches(io::H5& file, const ModelFile& model) {
  if (model.norm_batches.empty()) return;
  std::vector<std::string> names;
  std::vector<std::int64_t> counts;
  for (const auto& [norm, batches] : model.norm_batches) {
    names.push_back(norm);
    counts.push_back(batches);
  }
  file.write_column(join(schema::norm_batches, "name"), names);
  file.write_column(join(schema::norm_batches, "count"), counts);
}

void write_curves(io::H5& file, const Curves& curves) {
  for (const CurveColumn& column : curve_columns()) {
    const std::vector<double>& values = curves.*column.values;
    if (values.empty() && column.values != &Curves::epoch) continue;
    file.write_column(join(schema::curves, column.name), values, column.units);
  }
}

}  // namespace

const std::vector<CurveColumn>& curve_columns() {
  static const std::vector<CurveColumn> columns = {
      {"epoch", "", &Curves::epoch},
      {"lr", "", &Curves::lr},
      {"train_loss", "nat", &Curves::train_loss},
      {"train_error", "%", &Curves::train_error},
      {"val_loss", "nat", &Curves::val_loss},
      {"val_error", "%", &Curves::val_error},
      {"test_loss", "nat", &Curves::test_loss},
      {"test_error", "%", &Curves::test_error},
      {"images", "", &Curves::images},
  };
  return columns;
}

std::string join(const std::string& group, const std::string& name) {
  return group.empty() ? name : group + "/" + name;
}

void check_normalization(const data::Normalization& normalization, std::int64_t of) {
  const auto channels = static_cast<std::size_t>(of);
  require(normalization.mean.size() == channels && normalization.stddev.size() == channels,
          "save_model: normalisation of {} channels for {}", normalization.mean.size(), channels);
}

void check_common(const nn::Store& store, std::int64_t classes, const ModelFile& file) {
  require(static_cast<std::int64_t>(file.class_names.size()) == classes,
          "save_model: {} class names for {} classes", file.class_names.size(), classes);
  for (const CurveColumn& column : curve_columns()) {
    const std::size_t rows = (file.curves.*column.values).size();
    require(rows == 0 || rows == file.curves.epoch.size(),
            "save_model: curve {} has {} rows, epoch has {}", column.name, rows,
            file.curves.epoch.size());
  }
  const std::set<std::string> norms = norms_of(store);
  for (const auto& [norm, batches] : file.norm_batches) {
    require(batches >= 0 && batches <= ModelFile::most_batches && norms.contains(norm),
            "save_model: {} batches of norm {}", batches, norm);
  }
  if (!file.training) return;
  const NamedTensors& trained = file.training->trained_state;
  require(trained.empty() || trained.size() == store.states().size(),
          "save_model: {} trained running statistics of {}", trained.size(), store.states().size());
  for (const auto& [slot, tensors] : file.training->slots) {
    require(!slot.empty() && slot.find('/') == std::string::npos, "save_model: slot '{}'", slot);
    require(tensors.size() == store.parameters().size(),
            "save_model: slot {} has {} tensors for {} parameters", slot, tensors.size(),
            store.parameters().size());
    for (const auto& parameter : store.parameters()) {
      const auto found = tensors.find(parameter->name);
      require(found != tensors.end() && found->second.shape() == parameter->value.shape(),
              "save_model: slot {} lacks {} or has it in another shape", slot, parameter->name);
    }
  }
}

void write_normalization(io::H5& file, const data::Normalization& normalization,
                         const std::string& under) {
  const std::string input = join(under, schema::input);
  file.write_column(join(input, "mean"), normalization.mean);
  file.write_column(join(input, "stddev"), normalization.stddev);
  file.set(input, "reversed", std::int64_t{normalization.reversed});
  if (normalization.mean_image) file.write(join(input, "mean_image"), normalization.mean_image);
}

std::set<std::string> norms_of(const models::Network& network) { return norms_of(network.store()); }

std::set<std::string> norms_of(const nn::Store& store) {
  constexpr std::string_view slot = ".running_mean";
  std::set<std::string> norms;
  for (const auto& state : store.states()) {
    if (state->name.ends_with(slot)) {
      norms.insert(state->name.substr(0, state->name.size() - slot.size()));
    }
  }
  return norms;
}

void write_common(io::H5& file, const nn::Store& store, const ModelFile& model,
                  bool volatile_provenance) {
  file.write_column(schema::classes, model.class_names);
  file.set(schema::parameters, "layout", weight_layout);
  for (const auto& parameter : store.parameters()) {
    const bool narrow = model.dtype == Dtype::bf16 && parameter->is_weight();
    const Tensor value = parameter->value.on(cpu);
    file.write(join(schema::parameters, parameter->name),
               narrow ? value.cast(Dtype::bf16, value.tag()) : value);
  }
  for (const auto& state : store.states()) {
    file.write(join(schema::state, state->name), state->value.on(cpu));
  }
  write_norm_batches(file, model);
  write_training(file, model, volatile_provenance);
  write_curves(file, model.curves);
  io::write(file, model.provenance, volatile_provenance);
}

io::Bytes save_model(const models::Network& network, const ModelFile& model,
                     bool volatile_provenance) {
  check_common(network.store(), network.spec().classes, model);
  check_normalization(model.normalization, network.spec().channels);
  io::H5 file = io::H5::create();
  schema::mark(file, schema::Format::model);
  write_spec(file, network.spec(), "");
  write_normalization(file, model.normalization, "");
  write_common(file, network.store(), model, volatile_provenance);
  return file.image();
}

void add_backend(io::Provenance& provenance, Dtype activations) {
  provenance.instruction_set = ops::instruction_set();
  for (auto& library : ops::libraries()) provenance.libraries.push_back(std::move(library));
  if (activations == Dtype::bf16) {
    provenance.libraries.emplace_back("bf16 arithmetic", ops::to_string(ops::bf16_arithmetic()));
  }
}

const char* precision_name(Dtype dtype) {
  return dtype == Dtype::bf16 ? "bf16" : dtype == Dtype::f64 ? "fp64" : "fp32";
}

Dtype parse_precision(const std::string& text) {
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16, Dtype::f64}) {
    if (text != precision_name(dtype)) continue;
    ops::require_dtype(dtype, cpu);
    return dtype;
  }
  fail(ErrorKind::usage, "--precision {}: expected fp32, bf16 or fp64", text);
}

}  // namespace rn::train
