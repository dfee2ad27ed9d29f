// Lesion studies as resnet-plot draws them.
#pragma once

#include "options/plot.h"
#include "plot/lesion.h"
#include "study/lesion_studies.h"

namespace rn::tools {

inline plot::LesionChart chart_of(study::Study study) {
  using study::Study;
  switch (study) {
    case Study::delete_set:
    case Study::keep_only: return plot::LesionChart::sets;
    case Study::delete_random: return plot::LesionChart::boxes;
    case Study::shuffle: return plot::LesionChart::order;
    case Study::pairs: return plot::LesionChart::matrix;
    default: return plot::LesionChart::blocks;
  }
}

// What --show asks for, of a tally.
inline double shown(const std::string& what, const study::Tally& t) {
  if (what == "loss") return t.loss();
  if (what == "confidence") return 100 * t.confidence();
  if (what == "flips") {
    return t.count > 0 ? 100.0 * static_cast<double>(t.flips) / static_cast<double>(t.count) : 0;
  }
  return t.error();
}

inline plot::LesionPlot lesion_plot(const PlotTool& o, study::Study study) {
  plot::LesionPlot plot;
  plot.chart = chart_of(study);
  if (plot.chart == plot::LesionChart::matrix) plot.size = {480, 420};
  set_common(o, plot);
  const std::string what = o.show.empty() ? "error" : o.show.front();
  const bool known = what == "error" || what == "loss" || what == "flips" || what == "confidence";
  if (o.show.size() > 1 || !known) {
    fail(ErrorKind::usage, "lesions have one panel: --show error, loss, flips or confidence");
  }
  if (study == study::Study::shapley || study == study::Study::pairs) {
    if (!o.show.empty()) {
      fail(ErrorKind::usage, "--show {}: --{} is of the error only", what, to_string(study));
    }
    plot.quantity = study == study::Study::pairs ? "Interaction" : "Shapley value";
    plot.unit = "percentage points";
    return plot;
  }
  plot.quantity = what == "loss"         ? "Loss"
                  : what == "flips"      ? "Answers that change"
                  : what == "confidence" ? "Mean confidence"
                                         : "Error";
  plot.unit = what == "loss" ? "nat" : "%";
  return plot;
}

inline plot::Lesions lesions_to_draw(const study::LesionResult& r, const std::string& label,
                                     const std::string& what) {
  plot::Lesions out;
  out.label = label;
  for (const auto& block : r.blocks) {
    out.blocks.names.push_back(block.name);
    out.blocks.stages.push_back(block.stage);
    out.blocks.downsamples.push_back(block.downsamples);
  }
  if (r.options.study == study::Study::shapley) {
    for (const study::Shapley& s : study::shapley_values(r)) {
      out.values.push_back(s.value);
      out.spread.push_back(s.standard_error);
    }
    return out;
  }
  if (r.options.study == study::Study::pairs) {
    const Tensor matrix = study::pair_interactions(r);
    const auto values = matrix.span<double>();
    out.values.assign(values.begin(), values.end());
    return out;
  }
  if (what != "flips") out.intact = shown(what, r.tallies.front());
  for (std::size_t i = 1; i < r.lesions.size(); ++i) {
    out.values.push_back(shown(what, r.tallies[i]));
    out.k.push_back(r.lesions[i].k);
    out.tau.push_back(study::tau_of(r.lesions[i]));
  }
  return out;
}

// One table; of several studies with a first column that says which.
inline std::string lesion_table(const std::vector<study::NamedStudy>& studies,
                                const std::vector<std::string>& labels) {
  if (studies.size() == 1) return study::to_table(studies.front().result);
  std::string out;
  for (std::size_t s = 0; s < studies.size(); ++s) {
    std::string label = labels[s];
    std::replace_if(
        label.begin(), label.end(), [](unsigned char c) { return c < 0x20; }, ' ');
    const std::string table = study::to_table(studies[s].result);
    for (std::size_t at = 0, row = 0; at < table.size(); ++row) {
      const std::size_t end = table.find('\n', at) + 1;
      if (row > 0) out += label + '\t' + table.substr(at, end - at);
      if (row == 0 && s == 0) out += "study\t" + table.substr(at, end - at);
      at = end;
    }
  }
  return out;
}

inline std::vector<study::NamedStudy> read_studies(const PlotTool& o,
                                                   const std::vector<io::H5>& files) {
  std::vector<study::LesionResult> parts;
  for (const io::H5& file : files) parts.push_back(study::read_lesions(file));
  std::vector<study::NamedStudy> studies = study::studies_of(std::move(parts), o.files);
  for (const auto& study : studies) {
    const auto first = studies.front().result.options.study, other = study.result.options.study;
    // Sets and their opposites stand well side by side.
    const bool sets =
        chart_of(first) == plot::LesionChart::sets && chart_of(first) == chart_of(other);
    if (other != first && !sets) {
      fail(ErrorKind::usage, "{} is of --{} and {} of --{}: one kind of study in a picture",
           studies.front().files.front(), to_string(first), study.files.front(), to_string(other));
    }
  }
  return studies;
}

// The script, or the table.
inline std::string draw_lesions(const PlotTool& o, const std::vector<io::H5>& files,
                                plot::Format format) {
  const auto studies = read_studies(o, files);
  std::vector<std::string> names;
  for (const auto& study : studies) names.push_back(study.files.front());
  std::vector<std::string> labels = labels_of(o, names, "studies");
  if (o.table) return lesion_table(studies, labels);
  const study::Study study = studies.front().result.options.study;
  const plot::LesionPlot plot = lesion_plot(o, study);
  const bool named =
      !o.labels.empty() || studies.size() > 1 || plot.chart == plot::LesionChart::sets;
  std::vector<plot::Lesions> drawn;
  for (std::size_t i = 0; i < studies.size(); ++i) {
    drawn.push_back(lesions_to_draw(studies[i].result, named ? labels[i] : "",
                                    o.show.empty() ? "error" : o.show.front()));
  }
  return plot::lesion_script(drawn, plot, format, style_text(o, "lesion.gp"));
}

}  // namespace rn::tools
