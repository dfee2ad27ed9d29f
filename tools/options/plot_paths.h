// Results of resnet-paths as resnet-plot draws them.
#pragma once

#include "io/table.h"
#include "options/plot.h"
#include "plot/paths.h"
#include "study/paths_result.h"

namespace rn::tools {

inline study::PathsResult read_path_study(const std::vector<const io::H5*>& files,
                                          const std::vector<std::string>& names) {
  std::vector<study::PathsResult> parts;
  for (const io::H5* file : files) parts.push_back(study::read_paths(*file));
  return study::merge(std::move(parts), names);
}

inline std::string shown_of(const PlotTool& o, const study::PathsResult& r, bool lesions) {
  if (o.show.size() > 1) fail(ErrorKind::usage, "paths have one panel: one --show");
  if (!o.show.empty()) return o.show.front();
  if (lesions) return "damage";
  const bool shares = !r.batches.empty() || !study::counted_shares(r).empty();
  return o.table ? "" : shares ? "effective" : !r.sampled.empty() ? "sampled" : "lengths";
}

inline plot::PathsChart paths_chart(const std::string& what) {
  using plot::PathsChart;
  if (what == "lengths") return PathsChart::lengths;
  if (what == "sampled") return PathsChart::sampled;
  if (what == "effective") return PathsChart::effective;
  if (what == "weights") return PathsChart::weights;
  if (what == "damage") return PathsChart::damage;
  fail(ErrorKind::usage, "--show {}: of paths lengths, sampled, effective, weights or damage",
       what);
}

inline study::PathsTable paths_table(const std::string& what, const study::PathsResult& r) {
  using study::PathsTable;
  if (what.empty()) return study::main_table(r);
  if (what == "lengths") return PathsTable::lengths;
  if (what == "sampled") return PathsTable::sampled;
  if (what == "effective") return PathsTable::spectrum;
  if (what == "boundaries") return PathsTable::boundaries;
  if (what == "weights") return PathsTable::weights;
  if (what == "branches") return PathsTable::blocks;
  fail(ErrorKind::usage,
       "--table --show {}: of paths lengths, sampled, effective, boundaries, weights, branches or "
       "damage",
       what);
}

// The errors without each block less the intact one, for the blocks of a paths result, by name.
inline std::vector<double> damage_of(const study::PathsResult& r,
                                     const study::LesionResult& lesion) {
  if (lesion.options.study != study::Study::delete_each || !lesion.whole()) {
    fail(ErrorKind::usage, "--show damage needs a whole study of resnet-lesion --delete-each");
  }
  if (lesion.model_digest != r.model_digest) {
    fail(ErrorKind::usage, "the two results are of different models ({} and {})", r.arch,
         lesion.arch);
  }
  std::vector<double> damage;
  for (const auto& block : r.blocks) {
    double value = std::numeric_limits<double>::quiet_NaN();
    for (std::size_t i = 1; i < lesion.lesions.size(); ++i) {
      if (lesion.lesions[i].name == block.name) {
        value = lesion.tallies[i].error() - lesion.tallies.front().error();
      }
    }
    damage.push_back(value);
  }
  return damage;
}

inline std::string damage_table(const plot::Paths& p) {
  io::Table table("block", "stage", "downsampling", "share", "damage");
  for (std::size_t b = 0; b < p.blocks.size(); ++b) {
    table.row(p.blocks.names[b], p.blocks.stages[b], bool{p.blocks.downsamples[b]}, p.share[b],
              p.damage[b]);
  }
  return table.str();
}

inline plot::Paths paths_to_draw(const study::PathsResult& r) {
  plot::Paths out;
  out.paths = study::path_shares(r.n());
  for (const auto& block : r.blocks) {
    out.blocks.names.push_back(block.name);
    out.blocks.stages.push_back(block.stage);
    out.blocks.downsamples.push_back(block.downsamples);
  }
  for (const study::SampleSummary& s : study::summarize(r.sampled)) {
    out.length.push_back(static_cast<double>(s.length));
    out.first.push_back(s.first);
    out.median.push_back(s.median);
    out.third.push_back(s.third);
    out.mean.push_back(s.mean);
  }
  out.counted = study::counted_shares(r);
  if (!r.batches.empty()) {
    const study::SpectrumSummary s = study::summarize_spectrum(r);
    out.exact = s.shares;
    out.weights = s.weights.norms;
    out.lengths = static_cast<std::size_t>(s.weights.lengths);
    out.share = s.blocks.shares;
  }
  const study::Effective most = study::effective_lengths(r, 0.95);
  const auto mark = [&](const char* name, const std::optional<study::LengthRange>& range) {
    if (!range || range->size() < 1) return;
    out.ranges.push_back(
        {name, {static_cast<double>(range->first), static_cast<double>(range->last)}});
  };
  mark("exact", most.exact);
  mark("counted", most.counted);
  return out;
}

// The script, or the table. `lesions`: of the same network, or none.
inline std::string draw_paths(const PlotTool& o, const std::vector<const io::H5*>& files,
                              const std::vector<std::string>& names,
                              const std::vector<const io::H5*>& lesions,
                              const std::vector<std::string>& lesion_names, plot::Format format) {
  const study::PathsResult r = read_path_study(files, names);
  const std::string what = shown_of(o, r, !lesions.empty());
  if ((what == "damage") != !lesions.empty()) {
    fail(ErrorKind::usage,
         "--show damage takes a result of resnet-paths --branches and one of resnet-lesion");
  }
  plot::Paths drawn = paths_to_draw(r);
  if (what == "damage") {
    std::vector<study::LesionResult> parts;
    for (const io::H5* file : lesions) parts.push_back(study::read_lesions(*file));
    drawn.damage = damage_of(r, study::merge(std::move(parts), lesion_names));
    if (drawn.share.empty()) {
      fail(ErrorKind::usage, "{} has no branches; resnet-paths --spectrum --branches makes them",
           names.front());
    }
    if (o.table) return damage_table(drawn);
  }
  if (o.table) return study::to_table(r, paths_table(what, r));
  plot::PathsPlot plot;
  plot.chart = paths_chart(what);
  set_common(o, plot);
  return plot::paths_script(drawn, plot, format, style_text(o, "paths.gp"));
}

}  // namespace rn::tools
