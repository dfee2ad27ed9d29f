#include "plot/paths.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "base/error.h"
#include "plot/script.h"

namespace rn::plot {
namespace {

std::string by_length(const std::vector<double>& values, double scale) {
  std::string rows;
  for (std::size_t k = 0; k < values.size(); ++k) {
    rows += fmt::format("{} {}\n", k, number(scale * values[k]));
  }
  return rows;
}

// A name as a word in rows of data.
std::string word(std::string name) {
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '_' && c != '-') c = '?';
  }
  return name;
}

void value_range(Script& script, const PathsPlot& plot, const std::string& otherwise) {
  if (plot.log) script.set("set format y '1e%T'");
  script.value_range(plot.log, plot.low, plot.high, otherwise);
}

void length_axis(Script& script, std::size_t longest) {
  script.set("set xlabel 'Path length (branches)'");
  script.set("set xrange [-0.8:{}.8]", longest);
}

void lengths(Script& script, const PathsPlot& plot, const Paths& p) {
  length_axis(script, p.paths.size() - 1);
  value_range(script, plot, "[0:*]");
  script.set("set ylabel 'Paths (%)'");
  script.rows("paths", by_length(p.paths, 100));
  script.part("$paths using 1:2 with boxes linestyle 1 title {}",
              quote(fmt::format("2^{} paths", p.paths.size() - 1)));
}

void sampled(Script& script, const PathsPlot& plot, const Paths& p) {
  std::string rows;
  double longest = 0;
  for (std::size_t i = 0; i < p.length.size(); ++i) {
    rows += fmt::format("{} {} {} {} {}\n", p.length[i], p.first[i], p.median[i], p.third[i],
                        p.mean[i]);
    longest = std::max(longest, p.length[i]);
  }
  PathsPlot log = plot;
  log.log = true;
  length_axis(script, static_cast<std::size_t>(longest));
  value_range(script, log, "[*:*]");
  script.set("set ylabel 'Gradient norm at the input'\nset lmargin 9.5");  // 1e-40
  script.rows("sampled", rows);
  script.part("$sampled using 1:2:4 with filledcurves linestyle 5 title 'quartiles'");
  script.part("$sampled using 1:3 with linespoints linestyle 1 title 'median'");
  script.part("$sampled using 1:5 with points linestyle 6 title 'mean'");
}

void effective(Script& script, const PathsPlot& plot, const Paths& p) {
  length_axis(script, p.paths.size() - 1);
  const bool below =
      std::any_of(p.exact.begin(), p.exact.end(), [](double x) { return x < -0.002; });
  value_range(script, plot, below ? "[*:*]" : "[0:*]");
  script.set("set ylabel 'Share (%)'\nset key maxrows 1");
  int at = 0;
  for (const auto& [name, range] : p.ranges) {
    // Under the top edge, one below the other.
    const double height = 0.985 - 0.035 * at++;
    script.set(
        "set arrow from first {0}, graph {2} to first {1}, graph {2} heads size screen "
        "0.006,90 linestyle {3}",
        range.first, range.second, height, name == "counted" ? 21 : 31);
  }
  script.rows("paths", by_length(p.paths, 100));
  script.part("$paths using 1:2 with lines linestyle 4 title 'paths'");
  if (!p.counted.empty()) {
    script.rows("counted", by_length(p.counted, 100));
    script.part("$counted using 1:2 with linespoints linestyle 21 title 'paths x norm'");
  }
  if (!p.exact.empty()) {
    script.rows("exact", by_length(p.exact, 100));
    script.part("$exact using 1:2 with linespoints linestyle 31 title 'exact'");
  }
}

void weights(Script& script, const PathsPlot& plot, const Paths& p) {
  std::string rows;
  double least = 1e300, most = 0;
  std::size_t longest = 0;
  for (std::size_t b = 0; b < p.blocks.size(); ++b) {
    for (std::size_t k = 0; k < p.lengths; ++k) {
      const double value = p.weights[b * p.lengths + k];
      if (!(value > 0)) continue;
      rows += fmt::format("{} {} {}\n", b + 1, k, value);
      least = std::min(least, value);
      most = std::max(most, value);
      longest = std::max(longest, k);
    }
  }
  if (rows.empty()) fail(ErrorKind::usage, "nothing to show: the weights have no gradient");
  script.rows("weights", rows);
  script.settings += block_axis('x', p.blocks, std::max(60.0, plot.size.width - 170.0));
  script.set("set ylabel 'Branches behind the block'\nset yrange [-0.5:{}.5]", longest);
  script.set("set xrange [0.5:{}.5]\nset rmargin 13\nset border 0\nunset grid", p.blocks.size());
  script.set(
      "set logscale cb\nset format cb '1e%T'\nset cblabel 'Norm of the weights'' "
      "gradient' offset 0.6,0");
  // Far below the largest nothing is to be seen.
  const bool given = plot.low < plot.high;
  script.set("set cbrange [{}:{}]", given ? plot.low : std::max(least, most * 1e-6),
             given ? plot.high : most);
  script.part("$weights using 1:2:(0.5):(0.5):3 with boxxyerror linecolor palette notitle");
}

// From 0, or the least, to a little more than the largest.
struct Span {
  double low = 0, high = 0;
  double size() const { return high - low; }
};

Span span_of(const std::vector<double>& values, double unit) {
  Span span;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    span.low = std::min(span.low, unit * value);
    span.high = std::max(span.high, unit * value);
  }
  if (span.size() <= 0 || !std::isfinite(span.size())) return {0, 1};
  const double more = 0.06 * span.size();
  return {span.low < 0 ? span.low - more : 0, span.high + more};
}

void damage(Script& script, const PathsPlot& plot, const Paths& p) {
  constexpr std::size_t named = 1;  // of those that keep the shape, the one that costs most
  std::vector<double> largest;
  for (std::size_t b = 0; b < p.blocks.size(); ++b) {
    if (std::isfinite(p.damage[b]) && !p.blocks.downsamples[b]) largest.push_back(p.damage[b]);
  }
  std::sort(largest.rbegin(), largest.rend());
  std::string ordinary, down, names;
  double named_at = 0;
  for (std::size_t b = 0; b < p.blocks.size(); ++b) {
    if (!std::isfinite(p.share[b]) || !std::isfinite(p.damage[b])) continue;
    const std::string row = fmt::format("{} {}", 100 * p.share[b], p.damage[b]);
    const bool marked = p.blocks.downsamples[b];
    (marked ? down : ordinary) += row + '\n';
    if (!marked && p.damage[b] >= largest[std::min(named, largest.size()) - 1]) {
      names += row + ' ' + word(p.blocks.names[b]) + '\n';
      named_at = 100 * p.share[b];
    }
  }
  const Span x = span_of(p.share, 100), y = span_of(p.damage, 1);
  value_range(script, plot, fmt::format("[{}:{}]", y.low - 0.04 * y.size(), y.high));
  script.set("set xrange [{}:{}]", x.low, x.high);
  script.set("set xlabel 'Gradient through the block''s branch (%)'");
  script.set("set ylabel 'Error without the block: more by (points)'");
  if (!ordinary.empty()) {
    script.rows("blocks", ordinary);
    script.part("$blocks using 1:2 with points linestyle 3 title 'block'");
  }
  if (!down.empty()) {
    script.rows("down", down);
    script.part("$down using 1:2 with points linestyle 2 title 'down-sampling'");
  }
  if (ordinary.empty() && down.empty()) {
    fail(ErrorKind::usage, "nothing to show: no block has both a share and a damage");
  }
  if (names.empty()) return;
  script.rows("names", names);
  // Beside its point, where there is room.
  const bool right = named_at > x.low + 0.7 * x.size();
  script.part("$names using 1:2:3 with labels {} offset {},0 textcolor rgb '#444444' notitle",
              right ? "right" : "left", right ? -0.7 : 0.7);
}

void check(const Paths& p, PathsChart chart) {
  const auto demand = [](bool there) {
    if (!there) fail(ErrorKind::usage, "nothing to show: the result does not have it");
  };
  const std::size_t n = p.blocks.size(), m = p.length.size();
  switch (chart) {
    case PathsChart::lengths: demand(!p.paths.empty()); break;
    case PathsChart::sampled:
      demand(m > 0);
      require(
          p.first.size() == m && p.median.size() == m && p.third.size() == m && p.mean.size() == m,
          "paths_script: quartiles do not fit the lengths");
      break;
    case PathsChart::effective:
      demand(!p.paths.empty() && !(p.counted.empty() && p.exact.empty()));
      break;
    case PathsChart::weights:
      demand(!p.weights.empty());
      require(p.weights.size() == n * p.lengths, "paths_script: weights do not fit the blocks");
      break;
    case PathsChart::damage:
      demand(!p.share.empty() && !p.damage.empty());
      require(p.share.size() == n && p.damage.size() == n, "paths_script: {} blocks", n);
      break;
  }
}

}  // namespace

std::string paths_script(const Paths& paths, const PathsPlot& plot, Format format,
                         const std::string& style) {
  check(paths, plot.chart);
  Script script;
  switch (plot.chart) {
    case PathsChart::lengths: lengths(script, plot, paths); break;
    case PathsChart::sampled: sampled(script, plot, paths); break;
    case PathsChart::effective: effective(script, plot, paths); break;
    case PathsChart::weights: weights(script, plot, paths); break;
    case PathsChart::damage: damage(script, plot, paths); break;
  }
  return head(format, plot.size, style) + script.str(plot.title);
}

}  // namespace rn::plot
