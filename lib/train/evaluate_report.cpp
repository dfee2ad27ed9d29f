#include "train/evaluate_report.h"

#include <algorithm>

#include "base/text.h"
#include "io/schema.h"
#include "io/table.h"

namespace rn::train {
namespace {

double images_per_second(const Evaluation& e) {
  return e.seconds > 0 ? static_cast<double>(e.count) / e.seconds : 0;
}

std::vector<double> class_percent(const Evaluation& e) {
  std::vector<double> errors;
  for (std::size_t k = 0; k < e.class_count.size(); ++k) {
    errors.push_back(Evaluation::percent(e.class_errors[k], e.class_count[k]));
  }
  return errors;
}

Tensor confusion_tensor(const Evaluation& e) {
  const auto classes = static_cast<std::int64_t>(e.class_count.size());
  Tensor matrix({classes, classes}, Dtype::i64, Tag::workspace);
  std::copy(e.confusion.begin(), e.confusion.end(), matrix.data<std::int64_t>());
  return matrix;
}

}  // namespace

std::string to_text(const Evaluated& done, const ReportOptions& options) {
  const Evaluation& e = done.evaluation;
  const std::vector<std::string>& names = done.file.class_names;
  std::string text = fmt::format("{}: {} on {} {}, {} images, {:.0f} img/s\n", done.model,
                                 printable(done.file.spec.arch), done.data, done.split, e.count,
                                 images_per_second(e));
  text += fmt::format("error {:.2f} % ({}), top-{} error {:.2f} % ({}), loss {:.4f}\n", e.error(),
                      e.errors, e.top_k, e.top_error(), e.top_errors, e.loss());
  if (options.per_class) {
    io::Table table("class", "count", "errors", "error");
    const std::vector<double> percents = class_percent(e);
    for (std::size_t k = 0; k < names.size(); ++k) {
      table.row(names[k], e.class_count[k], e.class_errors[k], fmt::format("{:.2f}", percents[k]));
    }
    text += '\n' + table.str();
  }
  if (options.confusion) {
    io::Table table;
    table.cells("label\\prediction");
    for (const std::string& name : names) table.cells(name);
    table.end();
    for (std::size_t row = 0; row < names.size(); ++row) {
      table.cells(names[row]);
      for (std::size_t column = 0; column < names.size(); ++column) {
        table.cells(e.confusion[row * names.size() + column]);
      }
      table.end();
    }
    text += '\n' + table.str();
  }
  return text;
}

io::Json to_json(const Evaluated& done, const ReportOptions& options) {
  const Evaluation& e = done.evaluation;
  io::Json json;
  json.add("model", done.model)
      .add("arch", done.file.spec.arch)
      .add("parameters", done.parameters)
      .add("data", done.data)
      .add("split", done.split)
      .add("count", e.count)
      .add("errors", e.errors)
      .add("error", e.error())
      .add("top5_errors", e.top_errors)
      .add("top5_error", e.top_error())
      .add("loss", e.loss())
      .add("nonfinite", e.nonfinite)
      .add("images_per_second", images_per_second(e));
  if (options.per_class) {
    json.add("classes", done.file.class_names)
        .add("class_count", e.class_count)
        .add("class_errors", e.class_errors)
        .add("class_error", class_percent(e));
  }
  if (options.confusion) {  // row by row
    json.add("confusion", e.confusion);
  }
  return json;
}

io::H5 to_result(const Evaluated& done) {
  namespace schema = io::schema;
  const Evaluation& e = done.evaluation;
  require(e.logits.defined(), "to_result: the evaluation kept no samples");
  io::H5 file = io::H5::create();
  schema::mark(file, schema::Format::result);
  file.set("/", schema::kind_attribute, "evaluation");
  file.set("/", "arch", done.file.spec.arch);
  file.set("summary", "parameters", done.parameters);
  file.set("summary", "split", done.split);
  file.set("summary", "count", e.count);
  file.set("summary", "errors", e.errors);
  file.set("summary", "error", e.error());
  file.set("summary", "top_k", std::int64_t{e.top_k});
  file.set("summary", "top_errors", e.top_errors);
  file.set("summary", "top_error", e.top_error());
  file.set("summary", "loss", e.loss());
  file.set("summary", "nonfinite", e.nonfinite);
  file.write_column("samples/index", e.index);
  file.write_column("samples/label", e.label);
  file.write_column("samples/prediction", e.prediction);
  file.write_column("samples/loss", e.losses, "nat");
  file.write("logits", e.logits);
  file.write("confusion", confusion_tensor(e));
  file.write_column("per_class/name", done.file.class_names);
  file.write_column("per_class/count", e.class_count);
  file.write_column("per_class/errors", e.class_errors);
  file.write_column("per_class/error", class_percent(e), "%");
  return file;
}

}  // namespace rn::train
