#include "video/twostream_eval.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/parallel.h"
#include "io/table.h"
#include "video/clips.h"
#include "video/flow_field.h"
#include "video/picture.h"
#include "video/twostream_report.h"

namespace rn::video {
namespace {

// Five frames, and the flow there in colours below them; of a stream alone, its own.
Strip strip_of(const ClipStore& store, const TwoStreamModel& model) {
  constexpr int shown = 5;
  const ClipStore::Clip& clip = store.clips().front();
  const Chunk chunk = whole_chunk(shown, clip.frames, clip.height, clip.width, false);
  std::vector<Tensor> above, below;
  double longest = 0;
  for (const std::int64_t frame : chunk.frames) {
    std::vector<std::int64_t> pictures, fields;
    if (model.network.appearance()) pictures.push_back(frame);
    if (model.network.motion()) fields.push_back(std::min(frame, clip.fields() - 1));
    const Pixels pixels = store.read(0, pictures, fields);
    above.insert(above.end(), pixels.frames.begin(), pixels.frames.end());
    if (pixels.fields.empty()) continue;
    const Tensor flow({clip.height, clip.width, 2}, Dtype::f32, Tag::workspace);
    restore(pixels.fields.front().span<std::uint8_t>(), zero_byte, step_of(flow_bound),
            flow.span<float>());
    longest = std::max(longest, usual_length(flow));
    below.push_back(flow);
  }
  for (Tensor& flow : below) flow = colour(flow, longest);
  Strip strip{.width = clip.width * shown};
  for (const auto* pictures : {&above, &below}) {
    if (pictures->empty()) continue;
    for (std::int64_t y = 0; y < clip.height; ++y) {
      for (const Tensor& picture : *pictures) {
        const std::uint8_t* from = picture.data<std::uint8_t>() + y * clip.width * 3;
        strip.bytes.insert(strip.bytes.end(), from, from + clip.width * 3);
      }
    }
    strip.height += clip.height;
  }
  return strip;
}

// The best classes of every clip: rows of the text, and what the JSON says of each.
std::vector<io::Json> rank(const TwoStreamPredict& run, const TwoStreamModel& model,
                           const ClipStore& store, const ClipScores& scores,
                           TwoStreamReport& report) {
  const train::Evaluation& e = scores.fused;
  const auto classes = static_cast<std::size_t>(e.logits.dim(1));
  const std::size_t top = std::min(static_cast<std::size_t>(run.top), classes);
  const auto brief = [](double value) { return fmt::format("{:.4f}", value); };
  io::Table table;
  table.cells("clip", "rank", "class", "probability", "score");
  if (model.two()) table.cells("appearance", "motion");
  table.end();
  std::vector<io::Json> clips;
  for (std::size_t i = 0; i < e.index.size(); ++i) {
    const auto& clip = store.clips()[static_cast<std::size_t>(e.index[i])];
    const float* score = e.logits.data<float>() + i * classes;
    std::vector<std::size_t> order(classes);
    for (std::size_t k = 0; k < classes; ++k) order[k] = k;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return score[a] > score[b]; });
    double total = 0;
    for (std::size_t k = 0; k < classes; ++k) total += std::exp(double{score[k]} - score[order[0]]);
    std::vector<std::string> names;
    std::vector<double> probabilities;
    for (std::size_t rank = 0; rank < top; ++rank) {
      const std::size_t k = order[rank];
      const double p = std::exp(double{score[k]} - score[order[0]]) / total;
      names.push_back(model.file.common.class_names[k]);
      probabilities.push_back(p);
      table.cells(clip.named.name, rank + 1, names.back(), brief(p), brief(score[k]));
      if (model.two()) {
        table.cells(brief(scores.appearance->logits.data<float>()[i * classes + k]),
                    brief(scores.motion->logits.data<float>()[i * classes + k]));
      }
      table.end();
    }
    clips.push_back(io::Json()
                        .add("clip", clip.named.name)
                        .add("classes", std::span<const std::string>(names))
                        .add("probabilities", std::span<const double>(probabilities)));
    report.names = names;
    report.probabilities = probabilities;
  }
  report.text = table.str();
  return clips;
}

}  // namespace

TwoStreamReport evaluate_two_stream(const TwoStreamEval& run) {
  check_outputs(run);
  const TwoStreamModel model = open_model(run);
  // --no-provenance leaves out where things are.
  if (model.data.uri.find(':') == std::string::npos) {
    fail(ErrorKind::usage, "{}: does not say what it was trained on; --data says what to evaluate",
         model.name);
  }
  const auto store =
      open_store(model.data, run.split, model.network.appearance() != nullptr,
                 model.network.motion() != nullptr, run.limit, run.progress, run.stop);
  TwoStreamReport report{.skipped = store->skipped()};
  report.stopped = store->stopped();
  if (report.stopped) return report;
  const auto& theirs = store->set().class_names;
  const auto& ours = model.file.common.class_names;
  if (theirs != ours) {
    fail(ErrorKind::input, "{}: its classes are others than those of {} ({} and {} of them)",
         model.data.uri, model.name, theirs.size(), ours.size());
  }
  if (run.dry_run) {
    tell_plan(model, *store, "evaluate", report);
    return report;
  }
  warn_of_spacing(model, *store);
  const ChunkReader reader = reader_of(model, *store);
  ScoreOptions options = score_options(model, run);
  options.what = to_string(run.split);
  const ClipScores scores = score_clips(model.network, *store, reader, options);
  report.stopped = !scores.fused.complete;
  if (report.stopped) return report;
  const train::Evaluated done{
      model.name,     model.file.common,    model.network.store().parameter_count(),
      model.data.uri, to_string(run.split), scores.fused};
  if (!run.output.empty()) write_result(run, model, *store, scores, done);
  write_table(run, model, *store, scores, true);
  report.text = text_of(model, *store, scores, run);
  report.json = skipped_json(report.skipped, json_of(done, scores, run, model));
  report.clips = scores.fused.count;
  report.nonfinite = scores.fused.nonfinite;
  return report;
}

TwoStreamReport predict_two_stream(const TwoStreamPredict& run) {
  check_outputs(run.how);
  const TwoStreamModel model = open_model(run.how);
  ClipSet set{.uri = "these clips", .class_names = model.file.common.class_names};
  for (const ClipName& clip : find_clips(run.inputs)) {
    set.clips.push_back({.path = clip.path, .name = clip.name});
  }
  StoreOptions options{.frames = model.network.appearance() != nullptr,
                       .flow = model.network.motion() != nullptr,
                       .flow_folder = model.data.flow,
                       .short_side = model.data.short_side,
                       .cache_bytes = model.data.cache_bytes,
                       .strict = model.data.strict,
                       .loaders = model.data.loaders > 0 ? model.data.loaders : threads(),
                       .progress = run.how.progress,
                       .stop = run.how.stop};
  const ClipStore store(std::move(set), std::move(options));
  TwoStreamReport report{.skipped = store.skipped()};
  report.stopped = store.stopped();
  if (report.stopped) return report;
  if (run.strip && store.count() != 1) {
    fail(ErrorKind::usage, "--render draws one clip, not {}", store.count());
  }
  if (run.how.dry_run) {
    tell_plan(model, store, "predict with", report);
    return report;
  }
  warn_of_spacing(model, store);
  const ChunkReader reader = reader_of(model, store);
  const ClipScores scores =
      score_clips(model.network, store, reader, score_options(model, run.how));
  report.stopped = !scores.fused.complete;
  if (report.stopped) return report;
  const train::Evaluation& e = scores.fused;
  if (run.strip) report.strip = strip_of(store, model);
  const std::vector<io::Json> clips = rank(run, model, store, scores, report);
  report.json =
      skipped_json(report.skipped, io::Json().add("model", model.name).add("clips", clips));
  report.clips = e.count;
  report.nonfinite = e.nonfinite;
  write_table(run.how, model, store, scores, false);
  return report;
}

}  // namespace rn::video
