#include "plot/lesion.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "plot/lesion_parts.h"

namespace rn::plot {
namespace {

std::string with_unit(const LesionPlot& plot, double value) {
  return plot.unit == "%"     ? fmt::format("{:.2f} %", value)
         : plot.unit == "nat" ? fmt::format("{:.3f}", value)
                              : fmt::format("{:.4g}", value);
}

}  // namespace

int line_style(std::size_t study, int part) {
  constexpr std::size_t colours = 7;
  return 10 * static_cast<int>(study % colours + 1) + part;
}

std::string full_label(const LesionPlot& plot, const Lesions& study) {
  return std::isfinite(study.intact)
             ? fmt::format("{} (intact {})", study.label, with_unit(plot, study.intact))
             : study.label;
}

double inner_width(const LesionPlot& plot) { return std::max(60.0, plot.size.width - 75.0); }

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
      script.part("$intact{} using 1:2 with lines linestyle {} notitle", i + 1, line_style(i, 3));
    }
  }
}

namespace {

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
    script.part("$study{} using 1:2 with linespoints linestyle {} title {}", i + 1,
                line_style(i, 1), quote(full_label(plot, study)));
    if (!study.spread.empty()) {
      script.part(
          "$study{} using 1:($2-$3):(0):(2*$3) with vectors heads size graph 0.006,90 linestyle {} "
          "notitle",
          i + 1, line_style(i, 1));
    }
    if (down.empty()) continue;
    any_down = true;
    script.rows(fmt::format("down{}", i + 1), down);
    script.part("$down{} using 1:2 with points linestyle {} notitle", i + 1, line_style(i, 2));
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

std::string lesion_script(const std::vector<Lesions>& studies, const LesionPlot& plot,
                          Format format, const std::string& style_text) {
  check(studies, plot);
  Script script;
  script.set("set ylabel {}",
             quote(plot.unit.empty() ? plot.quantity : plot.quantity + " (" + plot.unit + ")"));
  const bool signs = std::any_of(studies.begin(), studies.end(), [](const Lesions& study) {
    bool below = false;
    for (std::size_t i = 0; i < study.values.size(); ++i) {
      below = below || study.values[i] - (study.spread.empty() ? 0 : study.spread[i]) < 0;
    }
    return below;
  });
  script.value_range(plot.log, plot.low, plot.high, signs ? "[*:*]" : "[0:*]");
  if (studies.size() == 1) script.set("set key maxrows 1");
  switch (plot.chart) {
    case LesionChart::blocks: by_block(script, plot, studies); break;
    case LesionChart::sets: sets(script, plot, studies); break;
    case LesionChart::boxes: draw_boxes(script, plot, studies); break;
    case LesionChart::order: draw_order(script, plot, studies); break;
    case LesionChart::matrix: matrix(script, plot, studies.front()); break;
  }
  return head(format, plot.size, style_text) + script.str(plot.title);
}

}  // namespace rn::plot
