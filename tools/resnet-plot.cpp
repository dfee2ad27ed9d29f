// resnet-plot: pictures and tables of learning curves, evaluations, lesion studies, paths, memory
// and geometry.
#include <fmt/format.h>

#include "io/provenance.h"
#include "io/schema.h"
#include "options/plot.h"
#include "options/plot_evaluation.h"
#include "options/plot_geometry.h"
#include "options/plot_lesions.h"
#include "options/plot_memory.h"
#include "options/plot_paths.h"
#include "plot/curves.h"

namespace {

using namespace rn;
namespace schema = io::schema;

// The script, or the table.
std::string draw_curves(const tools::PlotTool& o, const std::vector<io::H5>& files,
                        plot::Format format) {
  plot::CurvesOptions options;
  tools::set_common(o, options);
  if (!o.show.empty()) options.panels.clear();
  for (const auto& panel : o.show) {
    if (panel != "error" && panel != "loss" && panel != "lr") {
      fail(ErrorKind::usage, "--show {}: models have error, loss and lr", panel);
    }
    options.panels.push_back(panel == "error"  ? plot::Panel::error
                             : panel == "loss" ? plot::Panel::loss
                                               : plot::Panel::lr);
  }
  const auto labels = tools::labels_of(o, o.files, "models");
  std::vector<plot::Curves> models;
  for (std::size_t i = 0; i < files.size(); ++i) {
    models.push_back(plot::read_curves(files[i], labels[i]));
  }
  return o.table ? plot::curves_table(models)
                 : plot::curves_script(models, options, format, tools::style_text(o, "curves.gp"));
}

enum class Kind { model, evaluation, lesion, paths, memory, geometry };

const char* to_string(Kind kind) {
  switch (kind) {
    case Kind::model: return "model";
    case Kind::evaluation: return "result of an evaluation";
    case Kind::lesion: return "lesion study";
    case Kind::paths: return "paths result";
    case Kind::memory: return "memory result";
    case Kind::geometry: return "geometry result";
  }
  return "?";
}

Kind kind_of(const io::H5& file) {
  switch (schema::identify(file)) {
    case schema::Format::model: return Kind::model;
    case schema::Format::data:
      fail(ErrorKind::input, "{}: is a data set; models and results of studies can be drawn",
           file.name());
    case schema::Format::result: break;
  }
  const std::string kind = file.get_string("/", schema::kind_attribute);
  if (kind == "evaluation") return Kind::evaluation;
  if (kind == "lesion") return Kind::lesion;
  if (kind == "paths") return Kind::paths;
  if (kind == "memory") return Kind::memory;
  if (kind == "geometry") return Kind::geometry;
  if (kind == "flow") {
    fail(ErrorKind::input, "{}: is optical flow, which video-flow --render draws", file.name());
  }
  fail(ErrorKind::input,
       "{}: is a result of kind '{}', of which there is no picture; models, evaluations, lesion "
       "studies, paths, memory and geometry can be drawn",
       file.name(), kind);
}

// Paths may have a lesion study of the same network beside them.
std::string draw(const tools::PlotTool& o, const std::vector<io::H5>& files, plot::Format format) {
  std::vector<const io::H5*> paths, lesions;
  std::vector<std::string> path_names, lesion_names;
  bool others = false;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const Kind kind = kind_of(files[i]);
    if (kind != Kind::paths && kind != Kind::lesion) {
      others = true;
      continue;
    }
    (kind == Kind::paths ? paths : lesions).push_back(&files[i]);
    (kind == Kind::paths ? path_names : lesion_names).push_back(o.files[i]);
  }
  if (!others && !paths.empty()) {
    return tools::draw_paths(o, paths, path_names, lesions, lesion_names, format);
  }
  const Kind first = kind_of(files.front());
  for (const io::H5& file : files) {
    if (kind_of(file) != first) {
      fail(ErrorKind::usage, "{} is a {} and {} a {}: one kind in a picture", files.front().name(),
           to_string(first), file.name(), to_string(kind_of(file)));
    }
  }
  switch (first) {
    case Kind::model: return draw_curves(o, files, format);
    case Kind::evaluation: return tools::draw_evaluations(o, files, format);
    case Kind::memory: return tools::draw_memory(o, files, format);
    case Kind::geometry: return tools::draw_geometry(o, files, format);
    default: return tools::draw_lesions(o, files, format);
  }
}

int run(const tools::PlotTool& o, const cli::Invocation& call) {
  const plot::Format format = tools::picture_format(o, call);
  std::vector<io::H5> files;
  for (const std::string& path : o.files) files.push_back(io::H5::open(path));
  const std::string text = draw(o, files, format);
  if (o.emit || o.table) {
    fmt::print("{}", text);
  } else {
    io::write_file(o.common.output, plot::render(text));
  }
  return 0;
}

std::vector<std::string> libraries() { return {"HDF5 " + io::hdf5_version()}; }

}  // namespace

int main(int argc, char** argv) {
  return cli::run_tool<tools::PlotTool>(
      argc, argv,
      {"resnet-plot", "Draw learning curves of models and results of studies", libraries},
      tools::bind, run);
}
