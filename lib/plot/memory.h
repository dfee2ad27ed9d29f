// Pictures of revnet-memprof's results: memory against depth by what is kept, the bytes along one
// step by what they are for, time against memory, and the angle between the gradients of stored and
// of reconstructed activations (Fig 4 of Gomez et al. 2017).
#pragma once

#include <string>
#include <vector>

#include "plot/gnuplot.h"

namespace rn::plot {

struct Memory {
  // One way of keeping activations, over several depths.
  struct Line {
    std::string name;
    std::vector<double> units, bytes;  // peak of activations
    std::vector<double> seconds;       // of a step; 0: not timed
  };
  std::vector<Line> lines;

  // One step of one network.
  struct Timeline {
    std::string name;
    std::vector<std::string> tags;           // from the lowest of the stack
    std::vector<std::vector<double>> bytes;  // by tag, then by point
    std::vector<std::string> phases;         // by point
  };
  std::vector<Timeline> timelines;

  struct Angle {
    std::string name;
    std::vector<double> step, degrees;
  };
  std::vector<Angle> angles;
};

enum class MemoryChart { depth, timeline, cost, angle };

struct MemoryPlot {
  MemoryChart chart = MemoryChart::depth;
  std::string title;
  bool log = false;
  double low = 0, high = 0;  // range of the values; equal: found from the data
  Size size;
};

// A gnuplot script with the numbers in it; `style` is the text of share/figures/memory.gp. Errors:
// usage (nothing to show).
std::string memory_script(const Memory& memory, const MemoryPlot& plot, Format format,
                          const std::string& style);

}  // namespace rn::plot
