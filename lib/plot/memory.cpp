#include "plot/memory.h"

#include <algorithm>

#include "base/error.h"
#include "plot/script.h"

namespace rn::plot {
namespace {

constexpr double mib = 0x1p20;

std::string pairs(const std::vector<double>& x, const std::vector<double>& y, double scale) {
  std::string rows;
  for (std::size_t i = 0; i < x.size(); ++i) {
    rows += fmt::format("{} {}\n", number(x[i]), number(y[i] * scale));
  }
  return rows;
}

[[noreturn]] void nothing(const char* what, const char* how) {
  fail(ErrorKind::usage, "nothing to show: the result has no {}; revnet-memprof {} makes them",
       what, how);
}

void depth(Script& script, const MemoryPlot& plot, const Memory& m) {
  bool several = false;
  for (const auto& line : m.lines) several = several || line.units.size() > 1;
  if (!several) nothing("networks of several depths", "--depths 3,9,27");
  script.value_range(plot.log, plot.low, plot.high, "[0:*]");
  if (plot.log) script.set("set logscale x");
  script.set("set xlabel 'Units of every stage'\nset ylabel 'Activations at the peak (MiB)'");
  script.set("set key above maxrows {}", (m.lines.size() + 1) / 2);
  int style = 0;
  for (const auto& line : m.lines) {
    const std::string rows = script.rows(pairs(line.units, line.bytes, 1 / mib));
    script.part("{} using 1:2 with linespoints linestyle {} title {}", rows, 1 + style++ % 6,
                quote(line.name));
  }
}

void cost(Script& script, const MemoryPlot& plot, const Memory& m) {
  script.value_range(plot.log, plot.low, plot.high, "[0:*]");
  script.set("set xlabel 'Activations at the peak (MiB)'\nset ylabel 'Time of a step (ms)'");
  script.set("set xrange [0:*]\nset offsets graph 0, graph 0.06, graph 0.06, 0");
  script.set("set key above maxrows {}", (m.lines.size() + 1) / 2);
  int style = 0;
  bool any = false;
  for (const auto& line : m.lines) {
    std::string rows;
    for (std::size_t i = 0; i < line.units.size(); ++i) {
      if (line.seconds[i] > 0) {
        rows += fmt::format("{} {}\n", line.bytes[i] / mib, 1e3 * line.seconds[i]);
      }
    }
    const int of = 1 + style++ % 6;
    if (rows.empty()) continue;
    any = true;
    script.part("{} using 1:2 with linespoints linestyle {} title {}", script.rows(rows), of,
                quote(line.name));
  }
  if (!any) nothing("times", "--steps 5");
}

void angle(Script& script, const MemoryPlot& plot, const Memory& m) {
  if (m.angles.empty()) nothing("angles", "of a reversible network");
  // An angle of zero has no logarithm: of streams on a grid.
  bool positive = true;
  for (const auto& line : m.angles) {
    for (const double x : line.degrees) positive = positive && x > 0;
  }
  script.value_range(plot.log && positive, plot.low, plot.high, "[0:*]");
  script.set("set xlabel 'Training step'\nset ylabel 'Angle between gradients (degrees)'");
  script.set("set key above maxrows {}", (m.angles.size() + 1) / 2);
  int style = 0;
  for (const auto& line : m.angles) {
    script.part("{} using 1:2 with linespoints linestyle {} title {}",
                script.rows(pairs(line.step, line.degrees, 1)), 1 + style++ % 6, quote(line.name));
  }
}

// One panel a network, all on one scale; the stack from below.
std::string timeline(Script& script, const MemoryPlot& plot, const Memory& m) {
  if (m.timelines.empty()) nothing("timelines", "-o");
  double most = 0;
  for (const auto& t : m.timelines) {
    for (std::size_t i = 0; i < t.phases.size(); ++i) {
      double sum = 0;
      for (const auto& tag : t.bytes) sum += tag[i];
      most = std::max(most, sum);
    }
  }
  const double high = plot.low < plot.high ? plot.high : 1.05 * most / mib;
  script.set("set yrange [{}:{}]", plot.low < plot.high ? plot.low : 0.0, high);
  script.set("set ylabel 'Memory (MiB)'\nunset xtics");
  std::string commands;
  bool first = true;
  for (const auto& t : m.timelines) {
    std::string rows;
    std::size_t turn = 0;
    for (std::size_t i = 0; i < t.phases.size(); ++i) {
      rows += fmt::format("{}", i);
      double sum = 0;
      for (const auto& tag : t.bytes) rows += fmt::format(" {}", (sum += tag[i]) / mib);
      rows += '\n';
      if (t.phases[i] == "forward") turn = i;
    }
    const std::string name = script.rows(rows);
    commands +=
        fmt::format("set title {}\nset xrange [0:{}]\n", quote(t.name), t.phases.size() - 1);
    commands += fmt::format(
        "set arrow 1 from first {0}, graph 0 to first {0}, graph 1 nohead linestyle 9\n"
        "set xlabel 'forward | backward, layer by layer'\n",
        static_cast<double>(turn) + 0.5);
    commands += "plot \\\n";
    for (std::size_t tag = t.tags.size(); tag-- > 0;) {  // the highest first, the others over it
      commands += fmt::format(
          "  {} using 1:{} with filledcurves y1=0 linestyle {} {}{}\n", name, tag + 2, 11 + tag,
          first ? "title " + quote(t.tags[tag]) : std::string("notitle"), tag == 0 ? "" : ", \\");
    }
    commands += "unset ylabel\nset format y ''\n";
    first = false;
  }
  return commands;
}

}  // namespace

std::string memory_script(const Memory& memory, const MemoryPlot& plot, Format format,
                          const std::string& style) {
  Script script;
  if (plot.chart == MemoryChart::timeline) {
    const std::string commands = timeline(script, plot, memory);
    return head(format, plot.size, style) + script.data() + script.settings +
           fmt::format("set multiplot layout 1,{} {}\n", memory.timelines.size(),
                       plot.title.empty() ? "" : "title " + quote(plot.title)) +
           commands + "unset multiplot\n";
  }
  switch (plot.chart) {
    case MemoryChart::depth: depth(script, plot, memory); break;
    case MemoryChart::cost: cost(script, plot, memory); break;
    default: angle(script, plot, memory); break;
  }
  return head(format, plot.size, style) + script.str(plot.title);
}

}  // namespace rn::plot
