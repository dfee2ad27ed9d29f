#include "train/predict.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/pictures.h"
#include "io/table.h"
#include "train/evaluate.h"

namespace rn::train {

Predictions predict(const PredictRun& run) {
  const auto [file, network] = load_model(run.model, run.dtype, run.device);
  const models::NetworkSpec& spec = file.spec;
  if (spec.height != spec.width || spec.channels != 3) {
    fail(ErrorKind::input, "{}: takes images of {}x{}x{}; --predict makes square ones in colour",
         run.model, spec.height, spec.width, spec.channels);
  }
  const data::Pictures pictures(run.images, spec.height, run.resize, file.class_names);
  const Evaluation seen = evaluate(network, pictures, file.normalization,
                                   {.batch = run.batch,
                                    .ten_crop = run.ten_crop,
                                    .keep_samples = true,
                                    .what = "images",
                                    .progress = run.progress});
  const auto classes = static_cast<std::size_t>(spec.classes);
  const auto top = static_cast<std::size_t>(std::min<std::int64_t>(run.top, spec.classes));
  io::Table table;
  table.cells("image");
  for (std::size_t k = 1; k <= top; ++k) {
    table.cells(fmt::format("class{}", k), fmt::format("probability{}", k));
  }
  table.end();
  Predictions found{.images = pictures.info().count};
  std::vector<std::size_t> order(classes);
  for (std::size_t i = 0; i < seen.index.size(); ++i) {
    if (std::string problem = pictures.problem(seen.index[i]); !problem.empty()) {
      found.skipped.push_back(std::move(problem));
      continue;
    }
    const std::string name = pictures.sample_name(seen.index[i]);
    if (seen.prediction[i] < 0) {
      found.nonfinite.push_back(name);
      continue;
    }
    const auto logits = seen.logits.span<float>().subspan(i * classes, classes);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
    double total = 0;
    for (const float x : logits) total += std::exp(static_cast<double>(x - logits[order[0]]));
    table.cells(name);
    for (std::size_t k = 0; k < top; ++k) {
      const double p = std::exp(static_cast<double>(logits[order[k]] - logits[order[0]])) / total;
      table.cells(file.class_names[order[k]], fmt::format("{:.4f}", p));
    }
    table.end();
  }
  found.table = table.str();
  return found;
}

}  // namespace rn::train
