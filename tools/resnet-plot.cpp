// resnet-plot: pictures and tables of learning curves and of lesion studies.
#include <fmt/format.h>

#include "io/provenance.h"
#include "io/schema.h"
#include "options/plot.h"
#include "options/plot_lesions.h"
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

// Whether a file is of a lesion study; otherwise it is a model.
bool is_lesion(const io::H5& file) {
  switch (schema::identify(file)) {
    case schema::Format::model: return false;
    case schema::Format::data:
      fail(ErrorKind::input, "{}: is a data set; models and lesion studies can be drawn",
           file.name());
    case schema::Format::result: break;
  }
  const std::string kind = file.get_string("/", schema::kind_attribute);
  if (kind != "lesion") {
    fail(ErrorKind::input,
         "{}: is a result of kind '{}', of which there is no picture; models and "
         "lesion studies can be drawn",
         file.name(), kind);
  }
  return true;
}

int run(const tools::PlotTool& o, const cli::Invocation&) {
  const plot::Format format = tools::picture_format(o);
  std::vector<io::H5> files;
  for (const std::string& path : o.files) files.push_back(io::H5::open(path));
  const bool lesion = is_lesion(files.front());
  for (const io::H5& file : files) {
    if (is_lesion(file) != lesion) {
      fail(ErrorKind::usage, "{} is a {} and {} a {}: one kind in a picture", files.front().name(),
           lesion ? "lesion study" : "model", file.name(), lesion ? "model" : "lesion study");
    }
  }
  const std::string text =
      lesion ? tools::draw_lesions(o, files, format) : draw_curves(o, files, format);
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
      {"resnet-plot", "Draw learning curves of models and lesion studies, or print them",
       libraries},
      tools::bind, run);
}
