// What gnuplot scripts of all charts are made of.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "plot/gnuplot.h"

namespace rn::plot {

// As gnuplot reads it: what is not finite is left out of the picture.
std::string number(double value);

// What a script begins with: the kind of picture, and the lines that readers may change.
std::string head(Format format, Size size, const std::string& style);

// The parts of one plot command, a line each.
class Parts {
 public:
  void add(const std::string& part) { text_ += (text_.empty() ? "  " : ", \\\n  ") + part; }
  bool empty() const { return text_.empty(); }
  const std::string& str() const { return text_; }

 private:
  std::string text_;
};

// Data blocks, settings and one plot command.
class Script {
 public:
  std::string settings;

  template <class... Args>
  void set(fmt::format_string<Args...> format, Args&&... args) {
    settings += fmt::format(format, std::forward<Args>(args)...) + '\n';
  }
  template <class... Args>
  void part(fmt::format_string<Args...> format, Args&&... args) {
    parts_.add(fmt::format(format, std::forward<Args>(args)...));
  }
  // Rows of numbers under a name, or under one of their own, which is returned: "$data1". Empty
  // ones must be left out.
  std::string rows(const std::string& name, const std::string& text);
  std::string rows(const std::string& text);

  // The vertical axis: from low to high where that is a range, else `otherwise`, such as "[0:*]",
  // or with a logarithm all there is.
  void value_range(bool log, double low, double high, const std::string& otherwise);

  const std::string& data() const { return data_; }
  // All but the head. A title stands above the legend.
  std::string str(const std::string& title) const;

 private:
  std::string data_;
  Parts parts_;
  int blocks_ = 0;
};

}  // namespace rn::plot
