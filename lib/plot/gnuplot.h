// Pictures through gnuplot, which runs as a program of its own: a script goes in, bytes come out.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "io/h5.h"

namespace rn::plot {

enum class Format { svg, png, pdf, gif };      // gif: an animation
Format parse_format(const std::string& text);  // errors: usage
// By the suffix of a file name. Errors: usage, for a suffix that is none of ours.
Format format_of(const std::string& path);

struct Size {
  int width = 480, height = 320;  // CSS pixels, 1/96 inch; PNG has twice as many dots each way
};
Size parse_size(const std::string& text);                        // "480x320"; errors: usage
std::pair<double, double> parse_range(const std::string& text);  // "0:20"; errors: usage

// The line that chooses the kind of picture. Text is taken as it is ("noenhanced").
std::string terminal(Format format, Size size);

// `text` as a gnuplot string, whatever is in it: quotes doubled, line ends and control characters
// replaced, broken UTF-8 too.
std::string quote(std::string_view text);

// Runs the script and returns the picture. Errors (failed): no gnuplot in PATH, or what it said.
io::Bytes render(const std::string& script);

}  // namespace rn::plot
