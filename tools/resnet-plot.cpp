// resnet-plot: pictures and tables of result files. First kind: learning curves of models.
#include <fmt/format.h>

#include <filesystem>
#include <tuple>

#include "cli/run_tool.h"
#include "cli/share.h"
#include "io/file.h"
#include "io/provenance.h"
#include "plot/curves.h"

using namespace rn;

namespace {

struct Options {
  cli::CommonOptions common;
  std::vector<std::string> models, labels;
  std::vector<std::string> show{"error"};
  std::string title, format, range, size = "480x320", style;
  bool log = false, table = false, emit = false;
};

void bind(CLI::App& app, Options& o) {
  app.add_option("MODEL", o.models, "Model files from resnet-train; - is stdin")->required();
  app.add_option("--show", o.show, "Panels, from top to bottom: error, loss, lr")
      ->type_name("PANEL")
      ->delimiter(',')
      ->check(CLI::IsMember({"error", "loss", "lr"}));
  app.add_option("--label", o.labels, "Name of a model in the legend; once for each, in order")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  app.add_option("--title", o.title, "Title of the picture")->type_name("TEXT");
  app.add_flag("--log", o.log, "Logarithmic axis");
  app.add_option("--range", o.range, "Range of the first panel's axis")->type_name("LOW:HIGH");
  app.add_option("--size", o.size, "Size in 1/96 inch; a PNG has 2 dots for each")
      ->type_name("WxH");
  app.add_option("--style", o.style, "Draw with this file instead of share/figures/curves.gp")
      ->type_name("FILE");
  cli::add_common(app, o.common, {cli::Common::output});
  app.add_option("--format", o.format, "svg, png or pdf; otherwise by the suffix of the output")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"svg", "png", "pdf"}));
  app.add_flag("--table", o.table, "Print the numbers on stdout, as TSV, and draw nothing");
  app.add_flag("--emit-gnuplot", o.emit, "Print the gnuplot script on stdout, and draw nothing");
}

plot::CurvesOptions curves_options(const Options& o) {
  plot::CurvesOptions options;
  options.title = o.title;
  options.log = o.log;
  options.size = plot::parse_size(o.size);
  options.panels.clear();
  for (const auto& panel : o.show) {
    options.panels.push_back(panel == "error"  ? plot::Panel::error
                             : panel == "loss" ? plot::Panel::loss
                                               : plot::Panel::lr);
  }
  if (!o.range.empty()) std::tie(options.low, options.high) = plot::parse_range(o.range);
  return options;
}

std::vector<plot::Curves> read_models(const Options& o) {
  if (!o.labels.empty() && o.labels.size() != o.models.size()) {
    fail(ErrorKind::usage, "{} --label for {} models: give one for each", o.labels.size(),
         o.models.size());
  }
  std::vector<plot::Curves> models;
  for (std::size_t i = 0; i < o.models.size(); ++i) {
    const std::string& path = o.models[i];
    const std::string name = path == "-" ? "stdin" : std::filesystem::path(path).stem().string();
    models.push_back(plot::read_curves(io::H5::open(path), o.labels.empty() ? name : o.labels[i]));
  }
  return models;
}

std::string style_text(const Options& o) {
  const std::string path = o.style.empty() ? cli::find_shared("figures/curves.gp") : o.style;
  if (path.empty()) {
    fail(ErrorKind::failed, "figures/curves.gp is not beside this tool; give one with --style");
  }
  const io::Bytes bytes = io::read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

int run(const Options& o, const cli::Invocation&) {
  const auto options = curves_options(o);
  const std::string& output = o.common.output;
  if (o.table) {
    fmt::print("{}", plot::curves_table(read_models(o)));
    return 0;
  }
  if (!o.emit && output.empty()) {
    fail(ErrorKind::usage, "nowhere to draw: give -o FILE.svg, .png or .pdf; or --table");
  }
  if (!o.emit && output == "-" && o.format.empty()) {
    fail(ErrorKind::usage, "-o - needs --format svg, png or pdf");
  }
  const auto format = !o.format.empty()                 ? plot::parse_format(o.format)
                      : output.empty() || output == "-" ? plot::Format::svg
                                                        : plot::format_of(output);
  if (!o.emit) io::check_output(output, o.common.force);
  const std::string script = plot::curves_script(read_models(o), options, format, style_text(o));
  if (o.emit) {
    fmt::print("{}", script);
    return 0;
  }
  io::write_file(output, plot::render(script));
  return 0;
}

std::vector<std::string> libraries() { return {"HDF5 " + io::hdf5_version()}; }

}  // namespace

int main(int argc, char** argv) {
  return cli::run_tool<Options>(
      argc, argv, {"resnet-plot", "Draw the learning curves of models, or print them", libraries},
      bind, run);
}
