// Networks for video.
#include "io/schema.h"
#include "train/describe_parts.h"
#include "train/st_model_file.h"

namespace rn::train {
namespace {

namespace schema = io::schema;

struct Stream {
  const char* name;
  const models::NetworkSpec* spec;
  const data::Normalization* normalization;
};

std::vector<Stream> streams_of(const StModelFile& file) {
  std::vector<Stream> list;
  if (file.spec.appearance) {
    list.push_back({schema::appearance, &*file.spec.appearance, &file.frames});
  }
  if (file.spec.motion) list.push_back({schema::motion, &*file.spec.motion, &file.flow});
  return list;
}

// Both tables as one, the names as those of parameters begin.
models::NetworkSpec all_blocks(const StModelFile& file) {
  models::NetworkSpec all;
  for (const Stream& stream : streams_of(file)) {
    for (nn::BlockSpec block : stream.spec->blocks) {
      block.name = std::string(stream.name) + "." + block.name;
      all.blocks.push_back(block);
    }
  }
  return all;
}

std::int64_t temporal_units(const models::NetworkSpec& spec) {
  std::int64_t count = 0;
  for (const nn::BlockSpec& block : spec.blocks) count += block.temporal > 1 ? 1 : 0;
  return count;
}

std::string time_line(const models::NetworkSpec& spec) {
  const std::int64_t units = temporal_units(spec);
  std::string text = units > 0 ? fmt::format("temporal convolutions in {} units", units)
                               : std::string("no temporal convolutions");
  if (spec.head.temporal_pool == models::TemporalPool::none) return text + ", no pooling";
  return text + fmt::format(", maximum over {} frames, stride {}, {}", spec.head.pool_size,
                            spec.head.pool_stride, to_string(spec.head.temporal_pool));
}

std::string summary(const io::H5& h5, const LoadedStModel& model) {
  const StModelFile& file = model.file;
  std::string text = summary_line("file", h5.name());
  text += summary_line("format", fmt::format("{} {}", schema::to_string(schema::Format::model),
                                             h5.get_int("/", schema::version_attribute)));
  text += summary_line(
      "arch", fmt::format("{} for video, {} parameters, {}", file.spec.arch,
                          model.network.store().parameter_count(), to_string(file.common.dtype)));
  for (const Stream& stream : streams_of(file)) {
    text += summary_line(stream.name,
                         fmt::format("{}: {}", stream.spec->blocks.size(), stages(*stream.spec)));
    text += summary_line("  input", input_line(*stream.spec, *stream.normalization));
  }
  text +=
      summary_line("connection", file.spec.connection == models::Connection::none
                                     ? std::string("none")
                                     : fmt::format("{}{}, gate {}", to_string(file.spec.connection),
                                                   file.spec.before_relu ? " before the ReLU" : "",
                                                   file.spec.gate));
  text += summary_line("time", time_line(file.spec.any()));
  text += summary_line("classes", class_line(file.common));
  text += training_text(file.common);
  return text + summary_line("made by", maker_line(file.common.provenance));
}

}  // namespace

std::string describe_st_text(const io::H5& h5, const DescribeOptions& options) {
  const LoadedStModel model = load_st_model(h5);
  const auto tensors = summarize(model.network.store(), model.file.common);
  warn_nonfinite(h5.name(), tensors);
  std::vector<std::string> parts;
  if (options.blocks) parts.push_back(block_table(all_blocks(model.file)));
  if (options.parameters) parts.push_back(tensor_table(tensors));
  if (options.provenance) parts.push_back(provenance_text(model.file.common.provenance));
  if (parts.empty()) parts.push_back(summary(h5, model));
  return fmt::format("{}", fmt::join(parts, "\n"));
}

io::Json describe_st_json(const io::H5& h5, const DescribeOptions& options) {
  const LoadedStModel model = load_st_model(h5);
  const StModelFile& file = model.file;
  const auto tensors = summarize(model.network.store(), file.common);
  warn_nonfinite(h5.name(), tensors);
  std::int64_t nonfinite = 0;
  for (const TensorSummary& tensor : tensors) nonfinite += tensor.nonfinite;
  io::Json json;
  json.add("file", h5.name())
      .add("format", "model")
      .add("format_version", h5.get_int("/", schema::version_attribute))
      .add("kind", schema::st_kind)
      .add("arch", file.spec.arch)
      .add("parameters", model.network.store().parameter_count())
      .add("dtype", to_string(file.common.dtype))
      .add("connection", to_string(file.spec.connection))
      .add("gate", file.spec.gate)
      .add("before_relu", file.spec.before_relu)
      .add("temporal_units", temporal_units(file.spec.any()))
      .add("temporal_pool", to_string(file.spec.any().head.temporal_pool))
      .add("classes", file.common.class_names)
      .add("data", file.common.data_uri)
      .add("lanes", file.common.lanes);
  for (const Stream& stream : streams_of(file)) {
    json.add(stream.name, io::Json()
                              .add("block_count", stream.spec->blocks.size())
                              .add("height", stream.spec->height)
                              .add("width", stream.spec->width)
                              .add("channels", stream.spec->channels)
                              .add("mean", stream.normalization->mean)
                              .add("stddev", stream.normalization->stddev)
                              .add("reversed", stream.normalization->reversed));
  }
  add_training(json, file.common);
  json.add("nonfinite", nonfinite);
  if (options.blocks) json.add("blocks", block_objects(all_blocks(file)));
  if (options.parameters) json.add("tensors", tensor_objects(tensors));
  if (options.provenance) json.add("provenance", provenance_json(file.common.provenance));
  return json;
}

}  // namespace rn::train
