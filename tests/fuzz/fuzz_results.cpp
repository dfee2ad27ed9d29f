// Results of studies by structure, as resnet-info tells them, resnet-plot draws them and --merge
// puts them together: hostile numbers in sound tables, one shard of a study hostile and the other
// sound.
#include "fuzz/h5_readers.h"
#include "fuzz/result_images.h"
#include "options/plot_lesions.h"
#include "options/plot_paths.h"

using namespace rn;

namespace {

// There may be nothing to draw.
template <class F>
void draws(F&& draw) {
  try {
    draw();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::usage) fuzz::check_message(error);
  }
}

void use(const study::PathsResult& r) {
  using study::PathsTable;
  study::to_h5(r);
  study::to_text(r, 0.95);
  study::to_json(r, 0.5);
  for (const PathsTable table : {PathsTable::lengths, PathsTable::sampled, PathsTable::spectrum,
                                 PathsTable::boundaries, PathsTable::weights, PathsTable::blocks}) {
    draws([&] { study::to_table(r, table); });
  }
  using plot::PathsChart;
  for (const PathsChart chart :
       {PathsChart::lengths, PathsChart::sampled, PathsChart::effective, PathsChart::weights}) {
    draws([&] {
      plot::PathsPlot plot;
      plot.chart = chart;
      plot::paths_script(tools::paths_to_draw(r), plot, plot::Format::svg, "");
    });
  }
  // Beside a lesion study of the same network.
  draws([&] {
    plot::Paths drawn = tools::paths_to_draw(r);
    drawn.damage = tools::damage_of(r, fuzz::lesion_result(study::Study::delete_each));
    if (!drawn.share.empty()) tools::damage_table(drawn);
    plot::PathsPlot plot;
    plot.chart = plot::PathsChart::damage;
    plot::paths_script(drawn, plot, plot::Format::svg, "");
  });
}

void use(const study::LesionResult& r) {
  study::to_h5(r);
  study::to_text(r);
  study::to_table(r);
  study::to_json(r);
  draws([&] {
    const plot::LesionPlot plot = tools::lesion_plot({}, r.options.study);
    plot::lesion_script({tools::lesions_to_draw(r, "", "error")}, plot, plot::Format::svg, "");
  });
  if (r.options.study != study::Study::delete_each) return;
  draws([&] {
    const study::PathsResult paths = fuzz::paths_result();
    plot::Paths drawn = tools::paths_to_draw(paths);
    drawn.damage = tools::damage_of(paths, r);
  });
}

template <class Result>
void merged(Result r, Result other) {
  const std::vector<std::string> names = {"fuzz", "sound"};
  fuzz::holds([&] {
    const Result alone = study::merge({r}, {"fuzz"});
    if (alone.whole()) use(alone);
  });
  fuzz::holds([&] { use(study::merge({r, other}, names)); });
  fuzz::holds([&] { use(study::merge({std::move(other), std::move(r)}, names)); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool quiet = (spdlog::set_level(spdlog::level::off), true);
  static_cast<void>(quiet);
  fuzz::Choices choices(data, size);
  const io::Bytes image = fuzz::hostile_result(choices);
  if (image.empty()) return 0;
  fuzz::holds([&] {
    const io::H5 file = io::H5::open_image(image, "fuzz");
    fuzz::holds([&] { study::describe_text(file); });
    fuzz::holds([&] { study::describe_json(file); });
    fuzz::holds([&] {
      study::PathsResult r = study::read_paths(file);
      use(r);
      merged(std::move(r), fuzz::paths_result({0, 2}));
    });
    fuzz::holds([&] {
      study::LesionResult r = study::read_lesions(file);
      const study::Study kind = r.options.study;
      const bool made = kind == study::Study::delete_each || kind == study::Study::pairs ||
                        kind == study::Study::delete_random || kind == study::Study::shuffle ||
                        kind == study::Study::shapley;
      fuzz::holds([&] { study::studies_of({r}, {"fuzz"}); });
      if (r.whole()) use(r);
      if (made) merged(std::move(r), fuzz::lesion_result(kind, {0, 2}));
    });
  });
  return 0;
}
