#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "plot/lesion_parts.h"

namespace rn::plot {
namespace {

constexpr std::size_t few_trials = 5;  // of fewer, each is shown instead of a box

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

void draw_boxes(Script& script, const LesionPlot& plot, const std::vector<Lesions>& studies) {
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
          n, line_style(i, 1));
      script.part("$boxes{} using 1:6:6:6:6 with candlesticks linestyle {} linewidth 2 notitle", n,
                  line_style(i, 1));
    }
    if (!dots.empty()) {
      script.rows(fmt::format("dots{}", n), dots);
      script.part("$dots{} using 1:2 with points linestyle {} notitle", n, line_style(i, 4));
    }
    script.rows(fmt::format("mean{}", n), mean_rows);
    script.part("$mean{} using 1:2 with linespoints linestyle {} title {}", n, line_style(i, 1),
                quote(mean_label(plot, studies[i], studies.size() == 1)));
  }
  base_line(script, plot, studies, static_cast<double>(ks.front()) - 0.6,
            static_cast<double>(ks.back()) + 0.6);
}

void draw_order(Script& script, const LesionPlot& plot, const std::vector<Lesions>& studies) {
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
    script.part("$dots{} using 1:2 with points linestyle {} {}", n, line_style(i, 4),
                alone ? "title 'trial'" : "notitle");
    script.part("$mean{} using 1:2 with linespoints linestyle {} title {}", n, line_style(i, 1),
                quote(mean_label(plot, study, alone)));
  }
  base_line(script, plot, studies, least, most);
}

}  // namespace rn::plot
