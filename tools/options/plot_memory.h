// What resnet-plot makes of results of revnet-memprof.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "io/h5.h"
#include "options/plot.h"
#include "plot/memory.h"
#include "study/memory_result.h"

namespace rn::tools {

inline std::string kept_name(const std::string& arch, const std::string& activations,
                             const std::string& stream, const std::string& precision) {
  return fmt::format("{}, {}{}{}", arch, activations, stream == "float" ? "" : " " + stream,
                     precision == "fp32" ? "" : " " + precision);
}

inline plot::Memory memory_to_draw(const study::MemoryResult& r) {
  plot::Memory out;
  std::map<std::string, std::size_t> at;
  for (const auto& c : r.cases) {
    const std::string name = kept_name(c.arch, c.activations, c.stream, c.precision);
    if (!at.contains(name)) {
      at[name] = out.lines.size();
      out.lines.push_back({name, {}, {}, {}});
    }
    plot::Memory::Line& line = out.lines[at[name]];
    line.units.push_back(c.units_or_blocks());
    line.bytes.push_back(static_cast<double>(c.account.peak(Tag::activation)));
    line.seconds.push_back(c.step_seconds);
    // What is there all the time lies lowest; of activations, what somebody needs.
    plot::Memory::Timeline t;
    t.name = kept_name(c.arch, c.activations, c.stream, c.precision);
    if (c.units > 0) t.name += fmt::format(", {} units", c.units);
    for (const Tag tag : {Tag::parameter, Tag::gradient, Tag::optimizer, Tag::state,
                          Tag::statistics, Tag::activation, Tag::workspace, Tag::input}) {
      t.tags.push_back(rn::to_string(tag));
      std::vector<double> bytes;
      for (const auto& point : c.account.timeline) {
        bytes.push_back(static_cast<double>(
            tag == Tag::activation ? point.in_use
                                   : point.live[static_cast<std::size_t>(static_cast<int>(tag))]));
      }
      t.bytes.push_back(std::move(bytes));
    }
    for (const auto& point : c.account.timeline) t.phases.push_back(study::to_string(point.phase));
    out.timelines.push_back(std::move(t));
  }
  at.clear();
  for (const auto& a : r.angles) {
    std::string name =
        fmt::format("{}{}, {}", a.arch, a.stream == "float" ? "" : " " + a.stream, a.precision);
    if (a.units > 0) name += fmt::format(", {} units", a.units);
    if (!at.contains(name)) {
      at[name] = out.angles.size();
      out.angles.push_back({name, {}, {}});
    }
    out.angles[at[name]].step.push_back(static_cast<double>(a.step));
    out.angles[at[name]].degrees.push_back(a.degrees);
  }
  return out;
}

// The script, or the table. One result.
inline std::string draw_memory(const PlotTool& o, const std::vector<io::H5>& files,
                               plot::Format format) {
  using study::MemoryTable;
  if (files.size() != 1) fail(ErrorKind::usage, "of results of revnet-memprof one at a time");
  if (o.show.size() > 1) fail(ErrorKind::usage, "--show: one of a memory result at a time");
  const study::MemoryResult r = study::read_memory(files.front());
  struct Shown {
    MemoryTable table;
    bool drawn;
    plot::MemoryChart chart;
  };
  const std::map<std::string, Shown> known{
      {"depth", {MemoryTable::cases, true, plot::MemoryChart::depth}},
      {"timeline", {MemoryTable::timeline, true, plot::MemoryChart::timeline}},
      {"cost", {MemoryTable::cases, true, plot::MemoryChart::cost}},
      {"angle", {MemoryTable::angles, true, plot::MemoryChart::angle}},
      {"peaks", {MemoryTable::peaks, false, {}}},
      {"reconstruction", {MemoryTable::reconstruction, false, {}}},
      {"fits", {MemoryTable::fits, false, {}}},
      {"limits", {MemoryTable::limits, false, {}}}};
  const std::string what = o.show.empty() ? "depth" : o.show.front();
  const auto found = known.find(what);
  if (found == known.end()) {
    fail(ErrorKind::usage,
         "--show {}: a memory result has depth, timeline, cost and angle; as tables also peaks, "
         "reconstruction, fits and limits",
         what);
  }
  if (o.table) return study::to_table(r, found->second.table);
  if (!found->second.drawn) {
    fail(ErrorKind::usage, "--show {}: there is no picture of it, but a table: --table", what);
  }
  plot::MemoryPlot plot;
  plot.chart = found->second.chart;
  set_common(o, plot);
  if (plot.chart == plot::MemoryChart::timeline && o.size.empty()) {
    plot.size.width = 360 * static_cast<int>(std::max<std::size_t>(1, r.cases.size()));
  }
  return plot::memory_script(memory_to_draw(r), plot, format, style_text(o, "memory.gp"));
}

}  // namespace rn::tools
