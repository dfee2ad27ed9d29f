// Models.
#include "train/describe.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/log.h"
#include "base/text.h"
#include "io/schema.h"
#include "io/table.h"
#include "train/describe_parts.h"
#include "train/st_model_file.h"

namespace rn::train {
namespace {

namespace schema = io::schema;

TensorSummary summarize(const std::string& name, const std::string& kind, const Tensor& tensor) {
  TensorSummary s{name, kind, tensor.shape(), tensor.dtype()};
  const double nan = std::numeric_limits<double>::quiet_NaN();
  with_float(tensor.dtype(), "describe", [&]<class T>() {
    double count = 0, m2 = 0;
    s.min = std::numeric_limits<double>::infinity();
    s.max = -s.min;
    for (const T value : tensor.span<T>()) {
      const auto x = static_cast<double>(value);
      if (!std::isfinite(x)) {
        ++s.nonfinite;
        continue;
      }
      count += 1;
      const double delta = x - s.mean;  // Welford's update
      s.mean += delta / count;
      m2 += delta * (x - s.mean);
      s.min = std::min(s.min, x);
      s.max = std::max(s.max, x);
    }
    s.stddev = std::sqrt(m2 / count);
    if (count == 0) s.mean = s.stddev = s.min = s.max = nan;
  });
  return s;
}

}  // namespace

std::vector<TensorSummary> summarize(const nn::Store& store, const ModelFile& file) {
  std::vector<TensorSummary> list;
  for (const auto& p : store.parameters())
    list.push_back(summarize(p->name, "parameter", p->value));
  for (const auto& s : store.states()) list.push_back(summarize(s->name, "state", s->value));
  if (!file.training) return list;
  for (const auto& [slot, tensors] : file.training->slots) {
    for (const auto& p : store.parameters()) {
      list.push_back(summarize(p->name, slot, tensors.at(p->name)));
    }
  }
  return list;
}

void warn_nonfinite(const std::string& file, const std::vector<TensorSummary>& tensors) {
  const auto bad = [](const TensorSummary& t) { return t.nonfinite > 0; };
  const auto first = std::find_if(tensors.begin(), tensors.end(), bad);
  if (first == tensors.end()) return;
  warn("{}: {} tensors hold values that are not finite, first {} ({} of {} values)", file,
       std::count_if(tensors.begin(), tensors.end(), bad), first->name, first->nonfinite,
       element_count(first->shape));
}

// A block, for tables and JSON (io/table.h finds it here).
struct BlockRecord {
  nn::BlockSpec of;
};

template <class Put>
void fields(const BlockRecord& record, Put put) {
  const nn::BlockSpec& b = record.of;
  put("name", b.name);
  put("kind", to_string(b.kind));
  put("in", b.in);
  put("width", b.width);
  put("out", b.out);
  put("stride", b.stride);
  put("stride_at", b.stride_at);
  put("order", to_string(b.order));
  put("preactivation", to_string(b.preactivation));
  put("shortcut", to_string(b.shortcut));
  put("shortcut_pool", to_string(b.shortcut_pool));
  put("conv_bias", to_string(b.conv_bias));
  put("padding", to_string(b.padding));
  put("bn_eps", b.bn_eps);
  put("bn_momentum", b.bn_momentum);
  put("temporal", b.temporal);
  put("survival", b.survival);
  put("norm", b.norm);
  put("pool", b.pool);
  put("reversible", b.reversible);
}

std::vector<BlockRecord> block_records(const models::NetworkSpec& spec) {
  std::vector<BlockRecord> records;
  for (const nn::BlockSpec& block : spec.blocks) records.push_back({block});
  return records;
}

std::string block_table(const models::NetworkSpec& spec) {
  return io::table_of(block_records(spec));
}
std::vector<io::Json> block_objects(const models::NetworkSpec& spec) {
  return io::objects_of(block_records(spec));
}

std::string tensor_table(const std::vector<TensorSummary>& tensors) {
  const auto brief = [](double value) { return fmt::format("{:.6g}", value); };
  io::Table table("name", "kind", "shape", "dtype", "mean", "stddev", "min", "max", "nonfinite");
  for (const TensorSummary& t : tensors) {
    table.row(t.name, t.kind, to_string(t.shape), to_string(t.dtype), brief(t.mean),
              brief(t.stddev), brief(t.min), brief(t.max), t.nonfinite);
  }
  return table.str();
}

std::vector<io::Json> tensor_objects(const std::vector<TensorSummary>& tensors) {
  std::vector<io::Json> list;
  for (const TensorSummary& t : tensors) {
    list.push_back(io::Json()
                       .add("name", t.name)
                       .add("kind", t.kind)
                       .add("shape", t.shape)
                       .add("dtype", to_string(t.dtype))
                       .add("mean", t.mean)
                       .add("stddev", t.stddev)
                       .add("min", t.min)
                       .add("max", t.max)
                       .add("nonfinite", t.nonfinite));
  }
  return list;
}

// "3 basic of 16": blocks of one stage.
std::string stages(const models::NetworkSpec& spec) {
  std::string text;
  for (std::size_t i = 0; i < spec.blocks.size();) {
    const nn::BlockSpec& first = spec.blocks[i];
    std::size_t end = i;
    while (end < spec.blocks.size() && spec.blocks[end].stage() == first.stage()) ++end;
    text += fmt::format("{}{} {} {}{} of {}", text.empty() ? "" : ", ", first.stage(), end - i,
                        first.reversible ? "reversible " : "", to_string(first.kind), first.out);
    i = end;
  }
  return text;
}

std::string join_numbers(const std::vector<double>& values) {
  std::string text;
  for (const double x : values) text += fmt::format("{}{:.4g}", text.empty() ? "" : " ", x);
  return text;
}

std::string training_line(const ModelFile& file) {
  const TrainingState& t = *file.training;
  std::string text = t.complete ? "complete" : "under way";
  text += fmt::format(", {} epochs", t.epoch);
  if (t.step_in_epoch > 0) text += fmt::format(" and {} steps", t.step_in_epoch);
  text += fmt::format(", {} steps of {} images, seed {}, {} lanes", t.step, t.batch, t.seed,
                      file.lanes);
  if (!file.data_uri.empty()) text += ", on " + printable(file.data_uri);
  if (t.val_images > 0) text += fmt::format(" ({} images set aside)", t.val_images);
  return text;
}

std::string class_line(const ModelFile& file) {
  std::vector<std::string> names;
  for (const std::string& name : file.class_names) {
    if (names.size() == 20) {
      names.emplace_back("...");
      break;
    }
    names.push_back(printable(name));
  }
  return fmt::format("{}: {}", file.class_names.size(), fmt::join(names, " "));
}

std::string input_line(const models::NetworkSpec& spec, const data::Normalization& of) {
  return fmt::format("{}x{}x{}, {} {}, stddev {}{}", spec.height, spec.width, spec.channels,
                     of.mean_image ? "mean image, of mean" : "mean", join_numbers(of.mean),
                     join_numbers(of.stddev), of.reversed ? ", channels reversed" : "");
}

std::string last_row(const Curves& curves) {
  std::string text;
  for (const CurveColumn& column : curve_columns()) {
    const std::vector<double>& values = curves.*column.values;
    if (values.empty() || std::isnan(values.back())) continue;
    text += fmt::format("{}{} {:.6g}{}", text.empty() ? "" : ", ", column.name, values.back(),
                        std::string_view(column.units) == "%" ? " %" : "");
  }
  return text;
}

std::string summary_line(const char* key, const std::string& value) {
  return fmt::format("{:<11} {}\n", key, value);
}

std::string training_text(const ModelFile& file) {
  std::string text;
  if (file.training) {
    text += summary_line("training", training_line(file));
    for (const auto& [slot, tensors] : file.training->slots) {
      text +=
          summary_line("optimizer", fmt::format("{}, {} tensors", printable(slot), tensors.size()));
    }
  }
  if (!file.curves.epoch.empty()) text += summary_line("last epoch", last_row(file.curves));
  return text;
}

namespace {

std::string summary(const io::H5& h5, const LoadedModel& model) {
  const ModelFile& file = model.file;
  const models::NetworkSpec& spec = file.spec;
  std::string text;
  const auto line = [&](const char* key, const std::string& value) {
    text += summary_line(key, value);
  };
  line("file", h5.name());
  line("format", fmt::format("{} {}", schema::to_string(schema::Format::model),
                             h5.get_int("/", schema::version_attribute)));
  line("arch", fmt::format("{}, {} parameters, {}", spec.arch,
                           model.network.store().parameter_count(), to_string(file.dtype)));
  line("blocks", fmt::format("{}: {}", spec.blocks.size(), stages(spec)));
  line("input", input_line(spec, file.normalization));
  line("classes", class_line(file));
  text += training_text(file);
  line("made by", maker_line(file.provenance));
  return text;
}

}  // namespace

void add_training(io::Json& json, const ModelFile& file) {
  if (file.training) {
    const TrainingState& t = *file.training;
    std::vector<std::string> slots;
    for (const auto& slot : t.slots) slots.push_back(slot.first);
    json.add("training", io::Json()
                             .add("complete", t.complete)
                             .add("epoch", t.epoch)
                             .add("step_in_epoch", t.step_in_epoch)
                             .add("step", t.step)
                             .add("batch", t.batch)
                             .add("seed", t.seed)
                             .add("val_images", t.val_images)
                             .add("slots", slots));
  }
  if (!file.curves.epoch.empty()) {
    io::Json last;
    for (const CurveColumn& column : curve_columns()) {
      const std::vector<double>& values = file.curves.*column.values;
      if (!values.empty()) last.add(column.name, values.back());
    }
    json.add("last_epoch", last);
  }
}

namespace {

io::Json summary_object(const io::H5& h5, const LoadedModel& model) {
  const ModelFile& file = model.file;
  const models::NetworkSpec& spec = file.spec;
  io::Json json;
  json.add("file", h5.name())
      .add("format", "model")
      .add("format_version", h5.get_int("/", schema::version_attribute))
      .add("arch", spec.arch)
      .add("parameters", model.network.store().parameter_count())
      .add("dtype", to_string(file.dtype))
      .add("block_count", spec.blocks.size())
      .add("height", spec.height)
      .add("width", spec.width)
      .add("channels", spec.channels)
      .add("classes", file.class_names)
      .add("mean", file.normalization.mean)
      .add("stddev", file.normalization.stddev)
      .add("reversed", file.normalization.reversed)
      .add("mean_image", file.normalization.mean_image.defined())
      .add("data", file.data_uri)
      .add("lanes", file.lanes);
  add_training(json, file);
  return json;
}

}  // namespace

std::string describe_model_text(const io::H5& h5, const DescribeOptions& options) {
  if (is_st_model(h5)) return describe_st_text(h5, options);
  const LoadedModel model = load_model(h5);
  const std::vector<TensorSummary> tensors = summarize(model.network.store(), model.file);
  warn_nonfinite(h5.name(), tensors);
  std::vector<std::string> parts;
  if (options.blocks) parts.push_back(block_table(model.file.spec));
  if (options.parameters) parts.push_back(tensor_table(tensors));
  if (options.provenance) parts.push_back(provenance_text(model.file.provenance));
  if (parts.empty()) parts.push_back(summary(h5, model));
  return fmt::format("{}", fmt::join(parts, "\n"));
}

io::Json describe_model_json(const io::H5& h5, const DescribeOptions& options) {
  if (is_st_model(h5)) return describe_st_json(h5, options);
  const LoadedModel model = load_model(h5);
  const std::vector<TensorSummary> tensors = summarize(model.network.store(), model.file);
  warn_nonfinite(h5.name(), tensors);
  std::int64_t nonfinite = 0;
  for (const TensorSummary& tensor : tensors) nonfinite += tensor.nonfinite;
  io::Json json = summary_object(h5, model);
  json.add("nonfinite", nonfinite);
  if (options.blocks) json.add("blocks", block_objects(model.file.spec));
  if (options.parameters) json.add("tensors", tensor_objects(tensors));
  if (options.provenance) json.add("provenance", provenance_json(model.file.provenance));
  return json;
}

}  // namespace rn::train
