#include "plot/curves.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "plot/script.h"

namespace rn::plot {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Columns in the order in which people want to read them.
constexpr const char* known[] = {"lr",        "train_loss", "train_error", "val_loss",
                                 "val_error", "test_loss",  "test_error",  "images"};

struct PanelStyle {
  const char* what;   // "error": columns train_error, ...
  const char* label;  // of the axis
};

PanelStyle style_of(Panel panel) {
  switch (panel) {
    case Panel::error: return {"error", "Error (%)"};
    case Panel::loss: return {"loss", "Loss"};
    default: return {"lr", "Learning rate"};
  }
}

// The last number of a column: what the model ended with.
double final_value(const std::vector<double>& column) {
  const auto last = std::find_if(column.rbegin(), column.rend(),
                                 [](double value) { return std::isfinite(value); });
  return last == column.rend() ? nan : *last;
}

// One curve of a panel: which model, which column, drawn how.
struct Line {
  std::size_t model;
  std::string column;
  std::string title;
  int style;  // line style in curves.gp: 10 * (model's colour) + 1 measured, 2 training, 3 val
};

std::vector<Line> lines_of(const std::vector<Curves>& models, Panel panel) {
  constexpr int colours = 7;
  std::vector<Line> lines;
  for (std::size_t i = 0; i < models.size(); ++i) {
    const Curves& model = models[i];
    const int colour = 10 * static_cast<int>(i % colours + 1);
    const std::string before = models.size() > 1 ? model.label + ", " : "";
    if (panel == Panel::lr) {
      if (model.has("lr")) lines.push_back({i, "lr", model.label, colour + 1});
      continue;
    }
    const std::string what = style_of(panel).what;
    const auto add = [&](const char* part, int style) {
      const std::string column = fmt::format("{}_{}", part, what);
      if (!model.has(column)) return;
      const double last = final_value(model.columns.at(column));
      lines.push_back({i, column,
                       panel == Panel::error ? fmt::format("{}{} {:.2f} %", before, part, last)
                                             : fmt::format("{}{} {:.3f}", before, part, last),
                       colour + style});
    };
    add("test", 1);
    add("val", model.has("test_" + what) ? 3 : 1);
    add("train", 2);
  }
  return lines;
}

}  // namespace

bool Curves::has(const std::string& column) const {
  const auto found = columns.find(column);
  return found != columns.end() && std::any_of(found->second.begin(), found->second.end(),
                                               [](double value) { return std::isfinite(value); });
}

Curves read_curves(const io::H5& file, const std::string& label) {
  if (!file.has("curves/epoch")) {
    fail(ErrorKind::input, "{}: no learning curves in it; they are in models from resnet-train",
         file.name());
  }
  Curves curves;
  curves.label = label;
  curves.epoch = file.read_doubles("curves/epoch");
  for (const std::string& name : file.list("curves")) {
    if (name == "epoch") continue;
    const std::string path = "curves/" + name;
    auto values = file.read_doubles(path);
    if (values.size() != curves.epoch.size()) {
      fail(ErrorKind::input, "{}: {} has {} rows, curves/epoch has {}: the file is damaged",
           file.name(), path, values.size(), curves.epoch.size());
    }
    curves.columns[name] = std::move(values);
  }
  return curves;
}

std::string curves_script(const std::vector<Curves>& models, const CurvesOptions& options,
                          Format format, const std::string& style) {
  std::string script = head(format, options.size, style);

  // The numbers: a data block for each model, a column for each curve.
  std::vector<std::vector<std::string>> columns(models.size());
  for (std::size_t i = 0; i < models.size(); ++i) {
    script += fmt::format("$model{} << EOD\n", i + 1);
    for (const char* name : known) {
      if (models[i].has(name)) columns[i].emplace_back(name);
    }
    for (std::size_t row = 0; row < models[i].epoch.size(); ++row) {
      script += number(models[i].epoch[row]);
      for (const auto& name : columns[i]) script += ' ' + number(models[i].columns.at(name)[row]);
      script += '\n';
    }
    script += "EOD\n";
  }

  double last = 1;
  for (const Curves& model : models) {
    for (const double epoch : model.epoch) last = std::max(last, epoch);
  }
  if (!std::isfinite(last)) last = 1;
  script += fmt::format("set xrange [0:{}]\n", last > 1 ? last : 2);
  if (last <= 10) script += "set xtics 1\n";  // there is no half epoch

  const std::size_t count = options.panels.size();
  if (count > 1) script += fmt::format("set multiplot layout {},1\n", count);
  for (std::size_t p = 0; p < count; ++p) {
    const Panel panel = options.panels[p];
    const auto lines = lines_of(models, panel);
    if (lines.empty()) {
      fail(ErrorKind::usage, "nothing to show: no model has a curve of its {}",
           panel == Panel::lr ? "learning rate" : style_of(panel).what);
    }
    script += p == 0 && !options.title.empty() ? "set title " + quote(options.title) + '\n'
                                               : "unset title\n";
    script += p + 1 == count ? "set xlabel 'Epoch'\nset format x '%g'\n"
                             : "set xlabel ''\nset format x ''\n";
    script += fmt::format("set ylabel '{}'\n", style_of(panel).label);
    script += options.log || panel == Panel::lr ? "set logscale y\n" : "unset logscale y\n";
    if (p == 0 && options.low < options.high) {
      script += fmt::format("set yrange [{}:{}]\n", options.low, options.high);
    } else {
      script += options.log || panel == Panel::lr ? "set yrange [*:*]\n" : "set yrange [0:*]\n";
    }
    // The colours of all panels are told once, in the first.
    script += p > 0 || (panel == Panel::lr && models.size() == 1) ? "unset key\n" : "set key\n";
    script += "plot \\\n";
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const Line& line = lines[i];
      const auto& names = columns[line.model];
      const auto at = std::find(names.begin(), names.end(), line.column) - names.begin() + 2;
      // Few epochs show as points too; one would not show at all as a line.
      const bool few = models[line.model].epoch.size() <= 25;
      script += fmt::format("  $model{} using 1:{} with {} linestyle {} title {}{}\n",
                            line.model + 1, at, few ? "linespoints" : "lines", line.style,
                            quote(line.title), i + 1 < lines.size() ? ", \\" : "");
    }
  }
  if (count > 1) script += "unset multiplot\n";
  return script;
}

std::string curves_table(const std::vector<Curves>& models) {
  std::vector<std::string> names;
  for (const char* name : known) {
    if (std::any_of(models.begin(), models.end(),
                    [&](const Curves& model) { return model.columns.contains(name); })) {
      names.emplace_back(name);
    }
  }
  std::string out = "model\tepoch";
  for (const auto& name : names) out += '\t' + name;
  out += '\n';
  for (const Curves& model : models) {
    std::string label = model.label;  // a tab in a file name would be a column too many
    std::replace_if(
        label.begin(), label.end(), [](unsigned char c) { return c < 0x20; }, ' ');
    for (std::size_t row = 0; row < model.epoch.size(); ++row) {
      out += label + '\t' + number(model.epoch[row]);
      for (const auto& name : names) {
        const auto column = model.columns.find(name);
        out += '\t' + number(column == model.columns.end() ? nan : column->second[row]);
      }
      out += '\n';
    }
  }
  return out;
}

}  // namespace rn::plot
