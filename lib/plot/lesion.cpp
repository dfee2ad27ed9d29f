#include "plot/lesion.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"

namespace rn::plot {
namespace {

constexpr std::size_t colours = 7;
constexpr std::size_t few_trials = 5;  // of fewer, each is shown instead of a box

std::string number(double value) { return std::isfinite(value) ? fmt::format("{}", value) : "nan"; }

int style(std::size_t study, int part) { return 10 * static_cast<int>(study % colours + 1) + part; }

std::string with_unit(const LesionPlot& plot, double value) {
  return plot.unit == "%"     ? fmt::format("{:.2f} %", value)
         : plot.unit == "nat" ? fmt::format("{:.3f}", value)
                              : fmt::format("{:.4g}", value);
}

// A script under construction: data blocks, settings, and the parts of one plot command.
class Script {
 public:
  std::string settings, data;

  template <class... Args>
  void part(fmt::format_string<Args...> format, Args&&... args) {
    parts_ +=
        (parts_.empty() ? "  " : ", \\\n  ") + fmt::format(format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void set(fmt::format_string<Args...> format, Args&&... args) {
    settings += fmt::format(format, std::forward<Args>(args)...) + '\n';
  }
  // Rows of numbers under a name; empty ones are left out, and the plot must not ask for them.
  void rows(const std::string& name, const std::string& text) {
    data += fmt::format("${} << EOD\n{}EOD\n", name, text);
  }
  std::string str() const { return data + settings + "plot \\\n" + parts_ + '\n'; }

 private:
  std::string parts_;
};

void base_line(Script& script, const LesionPlot& plot, const std::vector<Lesions>& studies,
               double from, double to) {
  for (std::size_t i = 0; i < studies.size(); ++i) {
    const double intact = studies[i].intact;
    if (!std::isfinite(intact)) continue;
    script.rows(fmt::format("intact{}", i + 1),
                fmt::format("{} {}\n{} {}\n", from, intact, to, intact));
    if (studies.size() == 1) {
      script.part("$intact1 using 1:2 with lines linestyle 3 title {}",
                  quote("intact " + with_unit(plot, intact)));
    } else {
      script.part("$intact{} using 1:2 with lines linestyle {} notitle", i + 1, style(i, 3));
    }
  }
}

// "name (intact 8.27 %)", for the legend of several studies.
std::string full_label(const LesionPlot& plot, const Lesions& study) {
  return std::isfinite(study.intact)
             ? fmt::format("{} (intact {})", study.label, with_unit(plot, study.intact))
             : study.label;
}

// The plot's width without margins, about.
double inner_width(const LesionPlot& plot) { return std::max(60.0, plot.size.width - 75.0); }

void bars(Script& script, const Lesions& study) {
  std::string ordinary, down, spread;
  for (std::size_t b = 0; b < study.blocks.size(); ++b) {
    const std::string row = fmt::format("{} {}\n", b + 1, number(study.values[b]));
    (study.blocks.downsamples[b] ? down : ordinary) += row;
    if (!study.spread.empty()) {
      spread += fmt::format("{} {} {}\n", b + 1, number(study.values[b]), number(study.spread[b]));
    }
  }
  const std::string name = study.label.empty() ? "block" : study.label;
  if (!ordinary.empty()) {
    script.rows("bars", ordinary);
    script.part("$bars using 1:2 with boxes linestyle 1 title {}", quote(name));
  }
  if (!down.empty()) {
    script.rows("down", down);
    script.part("$down using 1:2 with boxes linestyle 2 title 'down-sampling'");
  }
  if (!spread.empty()) {
    script.rows("spread", spread);
    script.part(
        "$spread using 1:($2-$3):(0):(2*$3) with vectors heads size graph 0.006,90 linecolor rgb "
        "'#333333' linewidth 1 notitle");
  }
}

void points(Script& script, const LesionPlot& plot, const std::vector<Lesions>& studies) {
  bool any_down = false;
  for (std::size_t i = 0; i < studies.size(); ++i) {
    const Lesions& study = studies[i];
    std::string all, down;
    for (std::size_t b = 0; b < study.blocks.size(); ++b) {
      const double spread = study.spread.empty() ? 0 : study.spread[b];
      const std::string row =
          fmt::format("{} {} {}\n", b + 1, number(study.values[b]), number(spread));
      all += row;
      if (study.blocks.downsamples[b]) down += row;
    }
    script.rows(fmt::format("study{}", i + 1), all);
    script.part("$study{} using 1:2 with linespoints linestyle {} title {}", i + 1, style(i, 1),
                quote(full_label(plot, study)));
    if (!study.spread.empty()) {
      script.part(
          "$study{} using 1:($2-$3):(0):(2*$3) with vectors heads size graph 0.006,90 linestyle {} "
          "notitle",
          i + 1, style(i, 1));
    }
    if (down.empty()) continue;
    any_down = true;
    script.rows(fmt::format("down{}", i + 1), down);
    script.part("$down{} using 1:2 with points linestyle {} notitle", i + 1, style(i, 2));
  }
  if (any_down) script.part("1/0 with points linestyle 4 title 'down-sampling'");
}

void by_block(Script& script, const LesionPlot& plot, const std::vector<Lesions>& studies) {
  std::size_t most = 0;
  bool alike = true;
  for (const Lesions& study : studies) {
    most = std::max(most, study.blocks.size());
    alike = alike && study.blocks == studies.front().blocks;
  }
  script.set("set xrange [0.4:{}.6]", most);
  if (alike) {
    script.settings += block_axis('x', studies.front().blocks, inner_width(plot));
  } else {
    script.set("set xlabel 'Block'");
  }
  script.set("set xzeroaxis linetype 1 linewidth 0.8 linecolor rgb '#444444'");
  if (studies.size() == 1) {
    bars(script, studies.front());
  } else {
    points(script, plot, studies);
  }
  base_line(script, plot, studies, 0.4, static_cast<double>(most) + 0.6);
}

void sets(Script& script, const LesionPlot& plot, const std::vector<Lesions>& studies) {
  std::string rows, tics;
  std::size_t longest = 0;
  for (std::size_t i = 0; i < studies.size(); ++i) {
    rows += fmt::format("{} {} {}\n", i + 1, number(studies[i].values.front()),
                        number(studies[i].intact));
    tics += fmt::format("{}{} {}", i > 0 ? ", " : "", quote(studies[i].label), i + 1);
    longest = std::max(longest, studies[i].label.size());
  }
  const auto n = static_cast<double>(studies.size());
  const bool tight = static_cast<double>(longest) * 7 > inner_width(plot) / n;
  script.rows("sets", rows);
  script.set("set xrange [0.4:{}.6]", studies.size());
  script.set("set xtics ({}) scale 0{}", tics, tight ? " rotate by -25 left" : "");
  if (studies.size() < 4) script.set("set boxwidth 0.5 absolute");
  script.part("$sets using 1:2 with boxes linestyle 1 title 'lesioned'");
  script.part("$sets using ($1-0.42):3:(0.84):(0) with vectors nohead linestyle 3 title 'intact'");
}

struct Group {
  std::vector<double> values, tau;
};

std::map<std::int64_t, Group> by_k(const Lesions& study) {
  std::map<std::int64_t, Group> groups;
  for (std::size_t i = 0; i < study.values.size(); ++i) {
    if (!std::isfinite(study.values[i])) continue;
    Group& group = groups[study.k[i]];
    group.values.push_back(study.values[i]);
    if (!study.tau.empty()) group.tau.push_back(study.tau[i]);
  }
  return groups;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// Labels for the ks that leave room for each other.
void k_axis(Script& script, const LesionPlot& plot, const std::vector<std::int64_t>& ks) {
  const auto low = static_cast<double>(ks.front()), high = static_cast<double>(ks.back());
  const double unit = inner_width(plot) / (high - low + 1.2);
  std::string tics;
  double last = -1e300;
  for (const std::int64_t k : ks) {
    const double at = static_cast<double>(k) * unit;
    const double room = 8.0 * static_cast<double>(fmt::format("{}", k).size()) + 6;
    if (at - last < room) continue;
    tics += fmt::format("{}{}", tics.empty() ? "" : ", ", k);
    last = at;
  }
  script.set("set xtics ({})", tics);
  script.set("set xlabel {}", quote(plot.trials));
  script.set("set xrange [{}:{}]", low - 0.6, high + 0.6);
}

std::string mean_label(const LesionPlot& plot, const Lesions& study, bool alone) {
  if (!alone) return full_label(plot, study);
  return study.label.empty() ? "mean" : study.label + ", mean";
}

void boxes(Script& script, const LesionPlot& plot, const std::vector<Lesions>& studies) {
  std::vector<std::map<std::int64_t, Group>> groups;
  std::vector<std::int64_t> ks;
  for (const Lesions& study : studies) {
    groups.push_back(by_k(study));
    for (const auto& [k, group] : groups.back()) ks.push_back(k);
  }
  std::sort(ks.begin(), ks.end());
  ks.erase(std::unique(ks.begin(), ks.end()), ks.end());
  double gap = 1e9;
  for (std::size_t i = 1; i < ks.size(); ++i) {
    gap = std::min(gap, static_cast<double>(ks[i] - ks[i - 1]));
  }
  const double count = static_cast<double>(studies.size());
  const double width = ks.size() > 1 ? 0.75 * gap / count : 0.5 / count;
  k_axis(script, plot, ks);
  script.set("set boxwidth {} absolute", 0.85 * width);
  script.set("set style fill solid 0.25 border");
  for (std::size_t i = 0; i < studies.size(); ++i) {
    const double shift = (static_cast<double>(i) - (count - 1) / 2) * width;
    std::string box_rows, mean_rows, dots;
    for (const auto& [k, group] : groups[i]) {
      const double x = static_cast<double>(k) + shift;
      const Box box = box_of(group.values);
      mean_rows += fmt::format("{} {}\n", x, box.mean);
      if (group.values.size() < few_trials) {
        for (const double value : group.values) dots += fmt::format("{} {}\n", x, value);
        continue;
      }
      box_rows += fmt::format("{} {} {} {} {} {}\n", x, box.first, box.low, box.high, box.third,
                              box.median);
      for (const double value : box.outliers) dots += fmt::format("{} {}\n", x, value);
    }
    const std::size_t n = i + 1;
    if (!box_rows.empty()) {
      script.rows(fmt::format("boxes{}", n), box_rows);
      script.part(
          "$boxes{} using 1:2:3:4:5 with candlesticks whiskerbars 0.5 linestyle {} "
          "linewidth 1 notitle",
          n, style(i, 1));
      script.part("$boxes{} using 1:6:6:6:6 with candlesticks linestyle {} linewidth 2 notitle", n,
                  style(i, 1));
    }
    if (!dots.empty()) {
      script.rows(fmt::format("dots{}", n), dots);
      script.part("$dots{} using 1:2 with points linestyle {} notitle", n, style(i, 4));
    }
    script.rows(fmt::format("mean{}", n), mean_rows);
    script.part("$mean{} using 1:2 with linespoints linestyle {} title {}", n, style(i, 1),
                quote(mean_label(plot, studies[i], studies.size() == 1)));
  }
  base_line(script, plot, studies, static_cast<double>(ks.front()) - 0.6,
            static_cast<double>(ks.back()) + 0.6);
}

// Mean error over mean tau: of each tau, or of ten ranges of it where there are many.
std::string means_by_tau(const Lesions& study) {
  const auto [least, most] = std::minmax_element(study.tau.begin(), study.tau.end());
  std::map<double, Group> exact, ranges;
  for (std::size_t i = 0; i < study.values.size(); ++i) {
    if (!std::isfinite(study.values[i])) continue;
    const double range =
        std::floor(9.999 * (*most - study.tau[i]) / std::max(*most - *least, 1e-9));
    for (Group* group : {&exact[study.tau[i]], &ranges[range]}) {
      group->values.push_back(study.values[i]);
      group->tau.push_back(study.tau[i]);
    }
  }
  std::vector<std::pair<double, double>> line;
  for (const auto& [key, group] : exact.size() <= 12 ? exact : ranges) {
    line.emplace_back(mean(group.tau), mean(group.values));
  }
  std::sort(line.rbegin(), line.rend());
  std::string rows;
  for (const auto& [tau, value] : line) rows += fmt::format("{} {}\n", tau, value);
  return rows;
}

void order(Script& script, const LesionPlot& plot, const std::vector<Lesions>& studies) {
  double least = 1;
  for (const Lesions& study : studies) {
    for (const double tau : study.tau) least = std::min(least, tau);
  }
  const double edge = 0.02 * (1 - least) + 0.002, most = 1 + edge;
  least -= edge;
  script.set("set xlabel \"Kendall's tau of the order (1: as trained)\"");
  script.set("set xrange [{}:{}]", most, least);
  const bool alone = studies.size() == 1;
  for (std::size_t i = 0; i < studies.size(); ++i) {
    const Lesions& study = studies[i];
    std::string dots;
    for (std::size_t t = 0; t < study.values.size(); ++t) {
      dots += fmt::format("{} {}\n", number(study.tau[t]), number(study.values[t]));
    }
    const std::size_t n = i + 1;
    script.rows(fmt::format("dots{}", n), dots);
    script.rows(fmt::format("mean{}", n), means_by_tau(study));
    script.part("$dots{} using 1:2 with points linestyle {} {}", n, style(i, 4),
                alone ? "title 'trial'" : "notitle");
    script.part("$mean{} using 1:2 with linespoints linestyle {} title {}", n, style(i, 1),
                quote(mean_label(plot, study, alone)));
  }
  base_line(script, plot, studies, least, most);
}

void matrix(Script& script, const LesionPlot& plot, const Lesions& study) {
  const std::size_t n = study.blocks.size();
  std::string rows;
  double most = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      const double value = study.values[i * n + j];
      if (i == j || !std::isfinite(value)) continue;
      rows += fmt::format("{} {} {}\n", j + 1, i + 1, value);
      most = std::max(most, std::abs(value));
    }
  }
  if (most == 0) most = 1;
  script.rows("pairs", rows);
  const double side = std::max(60.0, std::min(plot.size.width - 150.0, plot.size.height - 85.0));
  script.settings += block_axis('x', study.blocks, side) + block_axis('y', study.blocks, side);
  script.set("set lmargin 11\nset rmargin 3");
  script.set("set size ratio 1\nset border 0\nunset grid");
  script.set("set xrange [0.5:{0}.5]\nset yrange [{0}.5:0.5]", n);
  script.set("set cblabel {} offset 0.3,0",
             quote(fmt::format("{} ({})", plot.quantity, plot.unit)));
  script.set(
      "set object 1 rectangle from graph 0, graph 0 to graph 1, graph 1 behind fillcolor rgb "
      "'#d9d9d9' fillstyle solid noborder");
  const bool given = plot.low < plot.high;
  script.set("set cbrange [{}:{}]", given ? plot.low : -most, given ? plot.high : most);
  script.part("$pairs using 1:2:(0.5):(0.5):3 with boxxyerror linecolor palette notitle");
  bool any_down = false;
  for (std::size_t b = 0; b < n; ++b) {
    if (!study.blocks.downsamples[b]) continue;
    any_down = true;
    script.set("set label '' at first {}, graph 1.02 point linestyle 4 pointtype 11", b + 1);
  }
  if (any_down) {
    script.part("1/0 with points linestyle 4 pointtype 11 title 'down-sampling'");
  }
}

void check(const std::vector<Lesions>& studies, const LesionPlot& plot) {
  if (studies.empty()) fail(ErrorKind::usage, "nothing to show");
  if (plot.chart == LesionChart::matrix && studies.size() > 1) {
    fail(ErrorKind::usage, "{} matrices: one at a time, please", studies.size());
  }
  for (const Lesions& study : studies) {
    const std::size_t n = study.values.size(), blocks = study.blocks.size();
    const bool trials = plot.chart == LesionChart::boxes || plot.chart == LesionChart::order;
    const bool fits = (plot.chart != LesionChart::blocks || (n == blocks && blocks > 0)) &&
                      (plot.chart != LesionChart::matrix || (n == blocks * blocks && blocks > 0)) &&
                      (!trials || study.k.size() == n) &&
                      (plot.chart != LesionChart::order || study.tau.size() == n) &&
                      (study.spread.empty() || study.spread.size() == n);
    require(fits, "lesion_script: {} values do not fit their blocks or trials", n);
    if (std::none_of(study.values.begin(), study.values.end(),
                     [](double value) { return std::isfinite(value); })) {
      fail(ErrorKind::usage, "nothing to show: {} has no number that is finite",
           study.label.empty() ? "the result" : study.label);
    }
  }
}

}  // namespace

Box box_of(std::vector<double> values) {
  require(!values.empty(), "box_of: no values");
  std::sort(values.begin(), values.end());
  const auto quantile = [&](double q) {
    const double at = q * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(at);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (at - static_cast<double>(below)) * (values[above] - values[below]);
  };
  Box box;
  box.first = quantile(0.25);
  box.median = quantile(0.5);
  box.third = quantile(0.75);
  box.mean = mean(values);
  const double reach = 1.5 * (box.third - box.first);
  box.low = box.first;
  box.high = box.third;
  for (const double value : values) {
    if (value < box.first - reach || value > box.third + reach) {
      box.outliers.push_back(value);
    } else {
      box.low = std::min(box.low, value);
      box.high = std::max(box.high, value);
    }
  }
  return box;
}

std::string lesion_script(const std::vector<Lesions>& studies, const LesionPlot& plot,
                          Format format, const std::string& style_text) {
  check(studies, plot);
  Script script;
  // As title of a multiplot it stands above the legend.
  if (!plot.title.empty()) script.set("set multiplot layout 1,1 title {}", quote(plot.title));
  script.set("set ylabel {}",
             quote(plot.unit.empty() ? plot.quantity : plot.quantity + " (" + plot.unit + ")"));
  const bool signs = std::any_of(studies.begin(), studies.end(), [](const Lesions& study) {
    bool below = false;
    for (std::size_t i = 0; i < study.values.size(); ++i) {
      below = below || study.values[i] - (study.spread.empty() ? 0 : study.spread[i]) < 0;
    }
    return below;
  });
  if (plot.log) script.set("set logscale y");
  if (plot.low < plot.high) {
    script.set("set yrange [{}:{}]", plot.low, plot.high);
  } else {
    script.set("set yrange [{}:*]", plot.log || signs ? "*" : "0");
  }
  if (studies.size() == 1) script.set("set key maxrows 1");
  switch (plot.chart) {
    case LesionChart::blocks: by_block(script, plot, studies); break;
    case LesionChart::sets: sets(script, plot, studies); break;
    case LesionChart::boxes: boxes(script, plot, studies); break;
    case LesionChart::order: order(script, plot, studies); break;
    case LesionChart::matrix: matrix(script, plot, studies.front()); break;
  }
  return terminal(format, plot.size) + style_text + (style_text.ends_with('\n') ? "" : "\n") +
         script.str() + (plot.title.empty() ? "" : "unset multiplot\n");
}

}  // namespace rn::plot
