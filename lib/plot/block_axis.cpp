#include "plot/block_axis.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "plot/gnuplot.h"

namespace rn::plot {
namespace {

struct Stage {
  std::string name;
  std::size_t begin, end;
};

std::vector<Stage> stages_of(const Blocks& blocks) {
  std::vector<Stage> stages;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (i == 0 || blocks.stages[i] != blocks.stages[i - 1]) {
      stages.push_back({blocks.stages[i], i, i});
    }
    stages.back().end = i + 1;
  }
  return stages;
}

// "17" of "stage2.block17", "in" of "input", "out" of "head", otherwise the position in the stage.
std::string short_name(const std::string& name, std::size_t position) {
  std::size_t begin = name.size();
  while (begin > 0 && std::isdigit(static_cast<unsigned char>(name[begin - 1]))) --begin;
  const std::string digits = name.substr(begin);
  if (name == "input") return "in";
  if (name == "head") return "out";
  return digits.empty() || digits.size() > 4 ? fmt::format("{}", position) : digits;
}

// Every so many blocks have a label: the first of 1, 2, 5, 10, ... that leaves room.
std::size_t step_of(double pixels_per_block, double label) {
  std::size_t step = 1;
  for (std::size_t i = 0; static_cast<double>(step) * pixels_per_block < label && step < 1000000;
       ++i) {
    step = i % 3 == 1 ? step / 2 * 5 : step * 2;
  }
  return step;
}

}  // namespace

std::string block_axis(char axis, const Blocks& blocks, double pixels) {
  const bool x = axis == 'x';
  const std::size_t n = blocks.size();
  require(n > 0 && blocks.stages.size() == n && blocks.downsamples.size() == n,
          "block_axis: {} names, {} stages, {} marks", n, blocks.stages.size(),
          blocks.downsamples.size());
  const double each = pixels / static_cast<double>(n);
  const std::size_t step = step_of(each, x ? 17 : 13);
  const std::vector<Stage> stages = stages_of(blocks);
  const bool grouped = stages.size() > 1 && stages.size() <= 20;

  std::string tics;
  std::string rest;
  for (const Stage& stage : stages) {
    const std::size_t size = stage.end - stage.begin;
    for (std::size_t i = 0; i < size; ++i) {
      // 1, 5, 10, ... or 1, 3, 5, ...; none that would touch the 1 of the next stage.
      const bool shown = step <= 2 ? i % step == 0 : i == 0 || (i + 1) % step == 0;
      const bool crowded = i > 0 && 2 * (size - i) <= step;
      if (!shown || crowded) continue;
      const std::size_t block = stage.begin + i;
      tics += fmt::format("{}{} {}", tics.empty() ? "" : ", ",
                          quote(short_name(blocks.names[block], i + 1)), block + 1);
    }
    if (!grouped) continue;
    const double middle = (static_cast<double>(stage.begin + stage.end) + 1) / 2;
    const bool fits =
        x ? each * static_cast<double>(size) >= 6.5 * static_cast<double>(stage.name.size())
          : each * static_cast<double>(size) >= 14;
    if (fits && x) {
      rest += fmt::format(
          "set label {} at first {}, graph 0 center offset character 0,-2.2 textcolor rgb "
          "'#444444'\n",
          quote(stage.name), middle);
    } else if (fits) {
      rest += fmt::format(
          "set label {} at graph 0, first {} center rotate by 90 offset character -4.6,0 textcolor "
          "rgb '#444444'\n",
          quote(stage.name), middle);
    }
    if (stage.end == n) continue;
    const double edge = static_cast<double>(stage.end) + 0.5;
    const double below = each >= 12 ? -0.06 : 0;  // between the labels, if there is room
    rest +=
        x ? fmt::format("set arrow from first {0}, graph {1} to first {0}, graph 1", edge, below)
          : fmt::format("set arrow from graph {1}, first {0} to graph 1, first {0}", edge, below);
    rest += " nohead linestyle 9 front\n";
  }
  std::string out = fmt::format("set {}tics ({}) scale 0\n", axis, tics);
  out +=
      x ? fmt::format("set xlabel 'Block' offset 0,{}\n", grouped ? -0.9 : 0.3) : "set ylabel ''\n";
  if (x && grouped) out += "set bmargin 4.8\n";
  return out + rest;
}

}  // namespace rn::plot
