#include "plot/script.h"

#include <cmath>

namespace rn::plot {

std::string number(double value) { return std::isfinite(value) ? fmt::format("{}", value) : "nan"; }

std::string head(Format format, Size size, const std::string& style) {
  return terminal(format, size) + style + (style.ends_with('\n') ? "" : "\n");
}

std::string Script::rows(const std::string& name, const std::string& text) {
  data_ += fmt::format("${} << EOD\n{}EOD\n", name, text);
  return '$' + name;
}

std::string Script::rows(const std::string& text) {
  return rows(fmt::format("data{}", ++blocks_), text);
}

void Script::value_range(bool log, double low, double high, const std::string& otherwise) {
  if (log) set("set logscale y");
  if (low < high) {
    set("set yrange [{}:{}]", low, high);
  } else {
    set("set yrange {}", log ? "[*:*]" : otherwise);
  }
}

std::string Script::str(const std::string& title) const {
  const std::string plot = "plot \\\n" + parts_.str() + '\n';
  if (title.empty()) return data_ + settings + plot;
  // That of a multiplot stands above the legend.
  return data_ + fmt::format("set multiplot layout 1,1 title {}\n", quote(title)) + settings +
         plot + "unset multiplot\n";
}

}  // namespace rn::plot
