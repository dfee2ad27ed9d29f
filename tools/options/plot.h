// The options of resnet-plot, and what they mean to the library.
#pragma once

#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "cli/run_tool.h"
#include "cli/share.h"
#include "io/file.h"
#include "plot/gnuplot.h"

namespace rn::tools {

struct PlotTool {
  cli::CommonOptions common;
  std::vector<std::string> files, labels, show;
  std::string title, format, range, size, style;
  bool log = false, table = false, emit = false;
};

inline void bind(CLI::App& app, PlotTool& o) {
  app.add_option("FILE", o.files,
                 "Models from resnet-train, results of resnet-eval, video-twostream, "
                 "resnet-lesion, resnet-paths, revnet-memprof, resnet-geometry; - is stdin")
      ->type_name("FILE")
      ->required();
  app.add_option(
         "--show", o.show,
         "Models: panels, error (the default), loss, lr. Lesions: error, loss, flips or "
         "confidence. Paths: lengths, sampled, effective, weights, damage; of tables also "
         "boundaries, branches. Memory: depth (the default), timeline, cost, angle; of "
         "tables also peaks, reconstruction, fits, limits. Geometry: layers, ellipses, "
         "trajectories, spectrum, rank, converge, path, eigenvectors. Evaluations: accuracy (the "
         "default), confusion")
      ->type_name("WHAT")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember(
          {"error",   "loss",      "lr",      "flips",        "confidence",   "lengths",
           "sampled", "effective", "weights", "damage",       "boundaries",   "branches",
           "depth",   "timeline",  "cost",    "angle",        "peaks",        "reconstruction",
           "fits",    "limits",    "layers",  "ellipses",     "trajectories", "spectrum",
           "rank",    "converge",  "path",    "eigenvectors", "accuracy",     "confusion"}));
  app.add_option("--label", o.labels,
                 "Name of a model or study in the legend; once for each, in order")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  app.add_option("--title", o.title, "Title of the picture")->type_name("TEXT");
  app.add_flag("--log", o.log, "Logarithmic axis");
  app.add_option("--range", o.range, "Range of the (first panel's) values")->type_name("LOW:HIGH");
  app.add_option("--size", o.size,
                 "Size in 1/96 inch, by default 480x320; a PNG has 2 dots for each")
      ->type_name("WxH");
  app.add_option("--style", o.style, "Draw with this file instead of share/figures/*.gp")
      ->type_name("FILE");
  cli::add_common(app, o.common, {cli::Common::output});
  app.add_option(
         "--format", o.format,
         "svg, png, pdf or gif (geometry: an animation); otherwise by the suffix of the output")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"svg", "png", "pdf", "gif"}));
  app.add_flag("--table", o.table, "Print the numbers on stdout, as TSV, and draw nothing");
  app.add_flag("--emit-gnuplot", o.emit, "Print the gnuplot script on stdout, and draw nothing");
}

// Whether and how to draw. Errors (usage): nowhere to draw, an output that is there.
inline plot::Format picture_format(const PlotTool& o, const cli::Invocation& call) {
  const std::string& output = o.common.output;
  if (!o.emit && !o.table && output.empty()) {
    fail(ErrorKind::usage, "nowhere to draw: give -o FILE.svg, .png or .pdf; or --table");
  }
  if (!o.emit && output == "-" && o.format.empty()) {
    fail(ErrorKind::usage, "-o - needs --format svg, png, pdf or gif");
  }
  const std::string suffix = std::filesystem::path(output).extension().string();
  const bool named = suffix == ".svg" || suffix == ".png" || suffix == ".pdf" || suffix == ".gif";
  if (named && cli::was_given(call, "format") && suffix != "." + o.format) {
    fail(ErrorKind::usage, "-o {}: its name is not one for --format {}", output, o.format);
  }
  const auto format = named                             ? plot::format_of(output)
                      : !o.format.empty()               ? plot::parse_format(o.format)
                      : output.empty() || output == "-" ? plot::Format::svg
                                                        : plot::format_of(output);
  if (!o.emit && !o.table) io::check_output(output, o.common.force);
  return format;
}

inline std::string style_text(const PlotTool& o, const std::string& standard) {
  const std::string path = o.style.empty() ? cli::find_shared("figures/" + standard) : o.style;
  if (path.empty()) {
    fail(ErrorKind::failed, "figures/{} is not beside this tool; give one with --style", standard);
  }
  const io::Bytes bytes = io::read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What stands in the legend for the things shown, read from `files`.
inline std::vector<std::string> labels_of(const PlotTool& o, const std::vector<std::string>& files,
                                          const char* things) {
  if (!o.labels.empty() && o.labels.size() != files.size()) {
    fail(ErrorKind::usage, "{} --label for {} {}: give one for each", o.labels.size(), files.size(),
         things);
  }
  if (!o.labels.empty()) return o.labels;
  std::vector<std::string> labels;
  for (const std::string& file : files) {
    labels.push_back(file == "-" ? "stdin" : std::filesystem::path(file).stem().string());
  }
  return labels;
}

// The parts that plots of all kinds have.
template <class Plot>
void set_common(const PlotTool& o, Plot& plot) {
  plot.title = o.title;
  plot.log = o.log;
  if (!o.size.empty()) plot.size = plot::parse_size(o.size);
  if (!o.range.empty()) std::tie(plot.low, plot.high) = plot::parse_range(o.range);
}

}  // namespace rn::tools
