#include "plot/evaluation.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "io/table.h"

namespace rn::plot {
namespace {

constexpr std::int64_t most_classes = 10'000;

double accuracy_at(const io::H5& file, const std::string& group) {
  const double error = file.get_double(group, "error");
  if (!(error >= 0 && error <= 100)) {
    fail(ErrorKind::input, "{}: the error at /{} is {} %", file.name(), group, error);
  }
  return 100 - error;
}

void require_one(const std::vector<Evaluated>& all) {
  if (all.size() != 1) {
    fail(ErrorKind::usage, "--show confusion: of one evaluation at a time, not of {}", all.size());
  }
}

// Shares of each label's row, in percent.
std::vector<double> shares_of(const Evaluated& e) {
  const std::size_t n = e.classes.size();
  std::vector<double> shares(n * n);
  for (std::size_t row = 0; row < n; ++row) {
    std::int64_t sum = 0;
    for (std::size_t k = 0; k < n; ++k) sum += e.confusion[row * n + k];
    for (std::size_t k = 0; k < n && sum > 0; ++k) {
      shares[row * n + k] =
          100.0 * static_cast<double>(e.confusion[row * n + k]) / static_cast<double>(sum);
    }
  }
  return shares;
}

std::string accuracy_script(const std::vector<Evaluated>& all, const EvaluationPlot& plot) {
  // One colour for what the bars are of, in the order in which they first come.
  std::vector<std::string> kinds;
  for (const Evaluated& e : all) {
    for (const auto& bar : e.bars) {
      if (std::find(kinds.begin(), kinds.end(), bar.what) == kinds.end()) kinds.push_back(bar.what);
    }
  }
  std::string data, parts, tics;
  double at = 0;
  std::vector<std::string> rows(kinds.size());
  std::string numbers;
  for (const Evaluated& e : all) {
    const double first = at;
    for (const auto& bar : e.bars) {
      const auto kind =
          static_cast<std::size_t>(std::find(kinds.begin(), kinds.end(), bar.what) - kinds.begin());
      rows[kind] += fmt::format("{} {}\n", at, bar.accuracy);
      numbers += fmt::format("{} {} {:.1f}\n", at, bar.accuracy, bar.accuracy);
      at += 1;
    }
    tics += fmt::format("{}{} {}", tics.empty() ? "" : ", ", quote(e.name), (first + at - 1) / 2);
    at += 0.8;
  }
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    data += fmt::format("$data{} << EOD\n{}EOD\n", k + 1, rows[k]);
    parts += fmt::format("  $data{} using 1:2 with boxes linestyle {} {}, \\\n", k + 1, 1 + k % 6,
                         kinds[k].empty() ? std::string("notitle") : "title " + quote(kinds[k]));
  }
  data += "$numbers << EOD\n" + numbers + "EOD\n";
  const bool own = plot.low < plot.high;
  std::string out = data;
  if (!plot.title.empty()) out += fmt::format("set title {}\n", quote(plot.title));
  out += fmt::format(
      "set xrange [-0.8:{}]\nset yrange [{}:{}]\nset ylabel 'Accuracy (%)'\nset xtics ({})\n"
      "set boxwidth 0.9\n",
      at - 0.8 + 0.6 - 0.2, own ? plot.low : 0, own ? plot.high : 105, tics);
  return out + "plot \\\n" + parts +
         "  $numbers using 1:2:3 with labels offset 0,0.5 font ',9' notitle\n";
}

std::string confusion_script(const Evaluated& e, const EvaluationPlot& plot) {
  const std::size_t n = e.classes.size();
  const std::vector<double> shares = shares_of(e);
  std::string data = "$data << EOD\n", tics;
  for (std::size_t row = 0; row < n; ++row) {
    for (std::size_t k = 0; k < n; ++k) {
      data +=
          fmt::format("{} {} {:.6g} {}\n", k, row, shares[row * n + k], e.confusion[row * n + k]);
    }
    tics += fmt::format("{}{} {}", row == 0 ? "" : ", ", quote(e.classes[row]), row);
  }
  data += "EOD\n";
  if (!plot.title.empty()) data += fmt::format("set title {}\n", quote(plot.title));
  data += fmt::format(
      "set xrange [-0.5:{0}]\nset yrange [{0}:-0.5]\nset size ratio 1\nunset grid\n"
      "set xtics rotate by 60 right ({1})\nset ytics ({1})\nset xlabel 'Prediction'\n"
      "set ylabel 'Label'\nset cbrange [0:100]\nset cblabel 'Share of the label (%)'\n",
      static_cast<double>(n) - 0.5, tics);
  std::string command = "plot $data using 1:2:3 with image notitle";
  // Numbers where they can be read.
  if (n <= 16) {
    command +=
        ", \\\n  $data using 1:2:(sprintf('%d', $4)):($3 > 55 ? 0xffffff : 0x222222) with labels "
        "font ',8' textcolor rgb variable notitle";
  }
  return data + command + '\n';
}

}  // namespace

Evaluated read_evaluation(const io::H5& file, const std::string& name) {
  Evaluated e{.name = name};
  e.classes = file.read_strings("per_class/name");
  const auto n = static_cast<std::int64_t>(e.classes.size());
  if (n < 1 || n > most_classes || file.shape("confusion") != Shape{n, n}) {
    fail(ErrorKind::input, "{}: {} classes, but /confusion is {}", file.name(), n,
         to_string(file.shape("confusion")));
  }
  const Tensor matrix = file.read("confusion", Tag::workspace);
  if (matrix.dtype() != Dtype::i64)
    fail(ErrorKind::input, "{}: /confusion is {}", file.name(), matrix);
  e.confusion.assign(matrix.data<std::int64_t>(), matrix.data<std::int64_t>() + n * n);
  for (const std::int64_t count : e.confusion) {
    if (count < 0) fail(ErrorKind::input, "{}: /confusion counts {}", file.name(), count);
  }
  const bool two = file.has("streams/appearance") && file.has("streams/motion");
  if (two) {
    e.bars.push_back({"appearance", accuracy_at(file, "streams/appearance")});
    e.bars.push_back({"motion", accuracy_at(file, "streams/motion")});
  }
  std::string what = two ? "both" : "";
  if (!two && file.has_attribute("summary", "streams")) {
    what = file.get_string("summary", "streams");
  }
  e.bars.push_back({what, accuracy_at(file, "summary")});
  return e;
}

std::string evaluation_script(const std::vector<Evaluated>& all, const EvaluationPlot& plot,
                              Format format, const std::string& style) {
  const std::string head =
      terminal(format, plot.size) + style + (style.ends_with('\n') ? "" : "\n");
  if (plot.chart == EvaluationChart::accuracy) return head + accuracy_script(all, plot);
  require_one(all);
  return head + confusion_script(all.front(), plot);
}

std::string evaluation_table(const std::vector<Evaluated>& all, EvaluationChart chart) {
  if (chart == EvaluationChart::accuracy) {
    io::Table table("name", "scores", "accuracy_percent");
    for (const Evaluated& e : all) {
      for (const auto& bar : e.bars) {
        table.row(e.name, bar.what.empty() ? "all" : bar.what, fmt::format("{:.4f}", bar.accuracy));
      }
    }
    return table.str();
  }
  require_one(all);
  const Evaluated& e = all.front();
  io::Table table("label", "prediction", "count");
  for (std::size_t row = 0; row < e.classes.size(); ++row) {
    for (std::size_t k = 0; k < e.classes.size(); ++k) {
      table.row(e.classes[row], e.classes[k], e.confusion[row * e.classes.size() + k]);
    }
  }
  return table.str();
}

}  // namespace rn::plot
