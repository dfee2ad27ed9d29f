#include "train/convert_run.h"

#include <algorithm>

#include "base/text.h"
#include "convert/export.h"
#include "convert/table_text.h"
#include "convert/transfer.h"
#include "io/file.h"
#include "io/keras_file.h"
#include "io/safetensors.h"
#include "io/schema.h"
#include "io/table.h"
#include "train/initial.h"

namespace rn::train {
namespace {

using io::Json;

struct Input {
  io::Bytes bytes;
  std::string name, digest;
};

Input read_input(const std::string& path) {
  Input input{io::read_file(path), path == "-" ? "stdin" : path, {}};
  input.digest = io::sha256(input.bytes);
  return input;
}

// One of our own HDF5 files, and not of Keras?
bool ours(const Input& input) {
  const char magic[] = "\x89HDF";
  if (input.bytes.size() < 8 ||
      !std::equal(magic, magic + 4, reinterpret_cast<const char*>(input.bytes.data()))) {
    return false;
  }
  const io::H5 file = io::H5::open_image(input.bytes, input.name);
  return file.has_attribute("/", io::schema::format_attribute);
}

std::string text_of(const std::string& path) {
  const io::Bytes bytes = io::read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A name a line; blank ones are none.
std::vector<std::string> names_in(const std::string& text) {
  std::vector<std::string> names;
  for (std::string line : lines_of(text)) {
    while (!line.empty() && line.back() == ' ') line.pop_back();
    if (!line.empty()) names.push_back(std::move(line));
  }
  return names;
}

// Metadata of the file, or "".
std::string noted(const io::WeightFile& file, const char* key) {
  const auto found = file.metadata.find(key);
  return found == file.metadata.end() ? std::string() : found->second;
}

std::vector<std::string> class_names(const ConvertRun& run, const io::WeightFile& file,
                                     std::int64_t classes) {
  const auto fits = [&](const std::vector<std::string>& names) {
    return static_cast<std::int64_t>(names.size()) == classes;
  };
  if (!run.classes.empty()) {
    const std::vector<std::string> names = names_in(text_of(run.classes));
    if (fits(names)) return names;
    fail(ErrorKind::input, "{}: names {} classes, the network has {}", run.classes, names.size(),
         classes);
  }
  std::vector<std::string> names = names_in(noted(file, convert::classes_key));
  if (fits(names)) return names;
  names.clear();
  for (std::int64_t i = 0; i < classes; ++i) names.push_back(fmt::format("class{}", i));
  return names;
}

io::WeightFile read_foreign(const ConvertRun& run, Input& input) {
  io::WeightFile file = io::read_weights(std::move(input.bytes), input.name, run.entry);
  if (!run.map.empty()) {
    convert::rename(file, text_of(run.map), run.map);
  }
  return file;
}

std::string size_text(const models::NetworkSpec& spec) {
  return fmt::format("{}x{}x{}", spec.height, spec.width, spec.channels);
}

// What both directions report.
struct Report {
  std::string input, format, family, direction;
  std::size_t tensors = 0;
  std::string normalization;
};

ConvertOutcome report(const ConvertRun& run, const Report& about, const models::NetworkSpec& spec,
                      const std::vector<std::string>& assumptions) {
  const std::int64_t parameters = convert::parameter_count(spec);
  const std::int64_t depth = convert::depth_of(spec);
  ConvertOutcome outcome;
  outcome.warnings = assumptions;
  outcome.text = fmt::format(
      "{}: {}, {}: {} ({} layers deep, {} blocks, {} parameters, {} tensors), {} classes of {}",
      about.input, about.format, about.family, printable(spec.arch), depth, spec.blocks.size(),
      parameters, about.tensors, spec.classes, size_text(spec));
  outcome.json.add("input", about.input)
      .add("format", about.format)
      .add("family", about.family)
      .add("arch", spec.arch)
      .add("depth", depth)
      .add("blocks", spec.blocks.size())
      .add("parameters", parameters)
      .add("tensors", about.tensors)
      .add("classes", spec.classes)
      .add("height", spec.height)
      .add("width", spec.width)
      .add("channels", spec.channels)
      .add("normalize", about.normalization)
      .add("assumptions", std::span<const std::string>(assumptions))
      .add("to", about.direction);
  if (run.dry_run) {
    outcome.json.add("dry_run", true);
  } else {
    outcome.json.add("output", run.output);
  }
  return outcome;
}

Dtype stored_type(const ConvertRun& run, Dtype otherwise) {
  return run.store.empty() ? otherwise : run.store == "bf16" ? Dtype::bf16 : Dtype::f32;
}

ConvertOutcome import_model(const ConvertRun& run, Input& input) {
  const io::WeightFile file = read_foreign(run, input);
  convert::Recognized found = convert::recognize(file, run.recognize);
  const models::Network network = convert::load(file, found);

  std::string scale = run.normalize.empty() ? noted(file, convert::input_key) : run.normalize;
  if (scale.empty()) {
    scale = to_string(found.scale);
    if (!found.scale_known) {
      found.assumptions.push_back(
          fmt::format("images are normalised as --normalize {} says, which no name tells", scale));
    }
  }
  ModelFile model;
  model.dtype = stored_type(run, Dtype::f32);
  model.normalization = parse_input_scale(scale, found.spec.channels);
  model.class_names = class_names(run, file, found.spec.classes);
  model.norm_batches = convert::load_counters(file, found);
  model.provenance = run.provenance;
  model.provenance.inputs.push_back({input.name, input.digest});
  add_backend(model.provenance);
  const Report about{input.name, to_string(file.format), found.family,
                     "model",    file.weights.size(),    scale};
  ConvertOutcome outcome = report(run, about, found.spec, found.assumptions);
  if (!run.dry_run) {
    io::write_file(run.output, save_model(network, model, run.volatile_provenance));
  }
  return outcome;
}

// What comes back with the weights: table, classes, normalisation.
std::map<std::string, std::string> carried(const ModelFile& file) {
  std::map<std::string, std::string> texts;
  const std::string table = convert::table_text(file.spec);
  if (!table.empty()) texts[convert::table_key] = table;
  if (!file.normalization.mean_image) {
    texts[convert::input_key] = input_scale_text(file.normalization);
  }
  std::string& classes = texts[convert::classes_key];
  for (const std::string& name : file.class_names) {
    classes += (classes.empty() ? "" : "\n") + name;
  }
  return texts;
}

io::Bytes keras_bytes(const LoadedModel& model, const convert::KerasNames& names,
                      std::size_t& tensors) {
  std::vector<io::KerasLayer> layers;
  for (const auto& layer : names.layers) {
    io::KerasLayer& out = layers.emplace_back();
    out.name = layer.second;
    out.weights = convert::unload(model.network, convert::Convention::keras, {layer}, {});
    for (io::Weight& weight : out.weights) weight.name.erase(0, out.name.size() + 1);
    tensors += out.weights.size();
  }
  io::H5 file = io::write_keras(layers);
  constexpr std::size_t most = 60000;  // what an attribute holds
  for (const auto& [key, text] : carried(model.file)) {
    if (text.size() < most) file.set("/", key, text);
  }
  return file.image();
}

io::Bytes export_bytes(const LoadedModel& model, const std::string& to, Report& about) {
  const models::NetworkSpec& spec = model.file.spec;
  if (to == "keras") {
    const convert::KerasNames names = convert::keras_names(spec);
    about.family = names.form + " names";
    return keras_bytes(model, names, about.tensors);
  }
  about.family = "torchvision names";
  const auto weights =
      convert::unload(model.network, convert::Convention::torch, convert::torch_names(spec),
                      batches_before(model.file, model.network));
  about.tensors = weights.size();
  auto metadata = carried(model.file);
  metadata["format"] = "pt";
  return io::write_safetensors(weights, metadata);
}

// The same model, with other weights in the file.
io::Bytes stored_bytes(const ConvertRun& run, LoadedModel& model, Report& about) {
  about.family = fmt::format("weights of {}", to_string(model.file.dtype));
  about.tensors = model.network.store().parameters().size();
  model.file.dtype = stored_type(run, model.file.dtype);
  return save_model(model.network, model.file, run.volatile_provenance);
}

ConvertOutcome export_model(const ConvertRun& run, Input& input, const std::string& to) {
  std::optional<Dtype> dtype;
  if (!run.store.empty()) dtype = Dtype::f32;
  LoadedModel model =
      load_model(io::H5::open_image(std::move(input.bytes), input.name,
                                    io::schema::expectation(io::schema::Format::model)),
                 dtype);
  Report about{input.name, "resnet-tools model", {}, to, 0, "as in the model"};
  const io::Bytes bytes =
      to == "model" ? stored_bytes(run, model, about) : export_bytes(model, to, about);
  ConvertOutcome outcome = report(run, about, model.file.spec, {});
  if (!run.dry_run) io::write_file(run.output, bytes);
  return outcome;
}

// What to make: asked for, or as the output's name says, or the other kind.
std::string target(const ConvertRun& run, bool from_model) {
  const auto named = [&](const char* ending) { return run.output.ends_with(ending); };
  std::string to = run.to;
  if (to.empty()) {
    if (named(".safetensors")) {
      to = "safetensors";
    } else if (named(".h5") || named(".hdf5")) {
      to = from_model && run.store.empty() ? "keras" : "model";
    } else {
      to = from_model ? "safetensors" : "model";
    }
  }
  if (from_model && to == "model" && run.store.empty()) {
    fail(ErrorKind::usage,
         "{}: is a model already; --to safetensors or keras, or --store fp32|bf16", run.input);
  }
  if (to != "model" && !run.store.empty()) {
    fail(ErrorKind::usage, "--store {} is about models, and --to is {}", run.store, to);
  }
  if (!from_model && to != "model") {
    fail(ErrorKind::usage,
         "{}: is no model of resnet-tools, so --to {} takes two steps: to a model first", run.input,
         to);
  }
  return to;
}

}  // namespace

ConvertOutcome run_conversion(const ConvertRun& run) {
  if (run.output.empty() && !run.dry_run) {
    fail(ErrorKind::usage, "-o FILE is missing (--list and --dry-run do without)");
  }
  if (!run.output.empty()) io::check_output(run.output, run.force);
  Input input = read_input(run.input);
  const bool from_model = ours(input);
  const std::string to = target(run, from_model);
  return from_model ? export_model(run, input, to) : import_model(run, input);
}

ConvertListing list_weights(const ConvertRun& run) {
  Input input = read_input(run.input);
  if (ours(input)) {
    fail(ErrorKind::usage, "{}: is a file of resnet-tools; resnet-info --parameters lists it",
         input.name);
  }
  const io::WeightFile file = read_foreign(run, input);
  ConvertListing listing;
  listing.format = to_string(file.format);
  if (!file.nesting.empty()) listing.format += fmt::format(", below {}", printable(file.nesting));
  if (!file.prefix.empty()) listing.format += fmt::format(", without {}", printable(file.prefix));
  io::Table table("name", "dtype", "shape");
  std::vector<Json> rows;
  for (const io::Weight& weight : file.weights) {
    const Shape& shape = weight.value.shape();
    table.row(weight.name, weight.stored, rn::to_string(shape));
    rows.emplace_back()
        .add("name", weight.name)
        .add("dtype", weight.stored)
        .add("shape", std::span<const std::int64_t>(shape));
  }
  listing.text = table.str();
  listing.json.add("input", file.name)
      .add("format", to_string(file.format))
      .add("nesting", file.nesting)
      .add("prefix", file.prefix)
      .add("tensors", std::span<const Json>(rows))
      .add("ignored", std::span<const std::string>(file.ignored));
  return listing;
}

}  // namespace rn::train
