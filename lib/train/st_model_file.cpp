#include "train/st_model_file.h"

#include "io/schema.h"
#include "train/model_file_parts.h"

namespace rn::train {
namespace {

namespace schema = io::schema;

struct Stream {
  const char* name;
  std::optional<models::NetworkSpec> models::StSpec::*spec;
  data::Normalization StModelFile::*normalization;
};
constexpr Stream streams[] = {
    {schema::appearance, &models::StSpec::appearance, &StModelFile::frames},
    {schema::motion, &models::StSpec::motion, &StModelFile::flow},
};

models::StSpec read_st_spec(const io::H5& file) {
  models::StSpec spec;
  spec.arch = file.get_string("/", "arch");
  for (const Stream& stream : streams) {
    if (file.has(stream.name)) spec.*stream.spec = read_spec(file, stream.name);
  }
  try {
    spec.connection = models::parse_connection(file.get_string("/", "connection"));
    spec.gate = file.get_double("/", "gate");
    spec.before_relu = file.get_int("/", "before_relu") != 0;
    models::check(spec);
  } catch (const Error& error) {
    const std::string what = error.what();
    const bool named = what.starts_with(file.name());
    fail(ErrorKind::input, "{}{}", named ? "" : file.name() + ": ", what);
  }
  return spec;
}

}  // namespace

bool is_st_model(const io::H5& file) {
  return file.has_attribute("/", schema::kind_attribute) &&
         file.get_string("/", schema::kind_attribute) == schema::st_kind;
}

io::Bytes save_st_model(const models::StNetwork& network, const StModelFile& model,
                        bool volatile_provenance) {
  const models::StSpec& spec = network.spec();
  check_common(network.store(), spec.classes(), model.common);
  io::H5 file = io::H5::create();
  schema::mark(file, schema::Format::model);
  file.set("/", schema::kind_attribute, schema::st_kind);
  file.set("/", "arch", spec.arch);
  file.set("/", "connection", models::to_string(spec.connection));
  file.set("/", "gate", spec.gate);
  file.set("/", "before_relu", std::int64_t{spec.before_relu});
  for (const Stream& stream : streams) {
    if (!(spec.*stream.spec)) continue;
    const data::Normalization& normalization = model.*stream.normalization;
    check_normalization(normalization, (spec.*stream.spec)->channels);
    write_spec(file, *(spec.*stream.spec), stream.name);
    write_normalization(file, normalization, stream.name);
  }
  write_common(file, network.store(), model.common, volatile_provenance);
  return file.image();
}

StModelFile read_st_model_file(const io::H5& file) {
  schema::check(file, schema::Format::model);
  if (!is_st_model(file)) {
    fail(ErrorKind::input,
         "{}: a network for images; expected one for video (a model of two streams)", file.name());
  }
  StModelFile model;
  model.spec = read_st_spec(file);
  for (const Stream& stream : streams) {
    if (!(model.spec.*stream.spec)) continue;
    model.*stream.normalization = read_normalization(file, *(model.spec.*stream.spec), stream.name);
  }
  read_common(file, model.spec.classes(), model.common);
  return model;
}

LoadedStModel load_st_model(const io::H5& file, std::optional<Dtype> dtype, Device device) {
  StModelFile model = read_st_model_file(file);
  double needed = 0;
  for (const Stream& stream : streams) {
    if (const auto& spec = model.spec.*stream.spec) needed += least_parameters(*spec);
  }
  check_size(file, needed);
  models::StNetwork network(model.spec, dtype.value_or(wide(model.common.dtype)), device);
  read_values(file, network.store(), model.common);
  return {std::move(model), std::move(network)};
}

LoadedStModel load_st_model(const std::string& path, std::optional<Dtype> dtype, Device device) {
  return load_st_model(io::schema::open(path, schema::Format::model), dtype, device);
}

}  // namespace rn::train
