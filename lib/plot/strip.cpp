#include "plot/strip.h"

#include <algorithm>

#include "base/error.h"

namespace rn::plot {

std::string strip_script(const StripPlot& plot, Format format, const std::string& style) {
  require(plot.height > 0 && plot.width > 0 && plot.names.size() == plot.shares.size() &&
              static_cast<std::int64_t>(plot.rgb.size()) == 3 * plot.height * plot.width,
          "strip_script: {} bytes of {} x {}, {} names of {} shares", plot.rgb.size(), plot.width,
          plot.height, plot.names.size(), plot.shares.size());
  constexpr std::int64_t most_columns = 640;
  const std::int64_t step = (plot.width + most_columns - 1) / most_columns;
  std::string pixels, bars, tics;
  for (std::int64_t y = 0; y < plot.height; y += step) {
    for (std::int64_t x = 0; x < plot.width; x += step) {
      const std::uint8_t* at = plot.rgb.data() + 3 * (y * plot.width + x);
      pixels += fmt::format("{} {} {} {} {}\n", x / step, y / step, at[0], at[1], at[2]);
    }
  }
  for (std::size_t i = 0; i < plot.names.size(); ++i) {
    bars += fmt::format("{} {}\n", i, plot.shares[i]);
    tics += fmt::format("{}{} {}", i == 0 ? "" : ", ", quote(plot.names[i]), i);
  }
  const auto count = static_cast<double>(plot.names.size());
  const std::int64_t rows = (plot.height + step - 1) / step,
                     columns = (plot.width + step - 1) / step;
  // Room for the longest name, in pixels.
  std::size_t longest = 4;
  for (const std::string& name : plot.names) longest = std::max(longest, name.size());
  const int left = 24 + 8 * static_cast<int>(std::min<std::size_t>(longest, 32));
  // Screen: title, pictures, bars of 24 pixels each, axis.
  const int picture = static_cast<int>((620 - left) * rows / columns),
            bar = static_cast<int>(24 * count);
  const Size size{.width = 640, .height = 34 + picture + 12 + bar + 48};
  const double high = size.height;
  std::string out = terminal(format, size) + style + (style.ends_with('\n') ? "" : "\n");
  out += "$pixels << EOD\n" + pixels + "EOD\n$bars << EOD\n" + bars + "EOD\n";
  out += fmt::format(
      "set multiplot\nset lmargin at screen {:.4f}\nset rmargin at screen {:.4f}\n"
      "set tmargin at screen {:.4f}\nset bmargin at screen {:.4f}\nunset border\nunset tics\n"
      "unset grid\nset title {}\nset xrange [-0.5:{}]\nset yrange [{}:-0.5]\n"
      "plot $pixels using 1:2:3:4:5 with rgbimage notitle\n",
      left / 640.0, 620 / 640.0, 1 - 34 / high, (60 + bar) / high, quote(plot.title),
      static_cast<double>(columns) - 0.5, static_cast<double>(rows) - 0.5);
  out += fmt::format(
      "unset title\nset tmargin at screen {:.4f}\nset bmargin at screen {:.4f}\nset border 1\n"
      "set xrange [0:1]\nset yrange [{}:-0.6]\nset xtics 0.25 nomirror out\n"
      "set ytics ({}) nomirror scale 0\nset xlabel 'Probability' offset 0,0.6\n"
      "plot $bars using (column(2) / 2):1:(column(2) / 2):(0.38) with boxxyerror linestyle 1 "
      "notitle\nunset multiplot\n",
      (48 + bar) / high, 48 / high, count - 0.4, tics);
  return out;
}

}  // namespace rn::plot
