#include "video/twostream_report.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "io/file.h"
#include "video/clips.h"
#include "video/picture.h"

namespace rn::video {
namespace {

std::string line_of(const char* what, const train::Evaluation& e) {
  return fmt::format("{}\t{:.2f}\t{:.2f}\t{:.2f}\t{:.4f}\n", what, 100 - e.error(), e.error(),
                     e.top_error(), e.loss());
}

std::string cell(const std::string& text, char between) {
  const bool plain =
      text.find_first_of("\"\n\r") == std::string::npos && text.find(between) == std::string::npos;
  if (plain) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string table_of(const TwoStreamModel& model, const ClipStore& store, const ClipScores& scores,
                     const std::string& path, bool labelled) {
  const char between = path.ends_with(".csv") ? ',' : '\t';
  const auto& names = model.file.common.class_names;
  std::string text;
  const auto put = [&](const std::string& value, bool last = false) {
    text += cell(value, between) + (last ? '\n' : between);
  };
  put("clip");
  if (labelled) put("label");
  put("prediction");
  if (scores.appearance) put("appearance");
  if (scores.motion) put("motion");
  if (labelled) put("loss");
  for (std::size_t k = 0; k < names.size(); ++k) put("score " + names[k], k + 1 == names.size());
  const train::Evaluation& e = scores.fused;
  const auto name = [&](std::int64_t k) {
    return k < 0 ? std::string("none") : names.at(static_cast<std::size_t>(k));
  };
  const std::int64_t classes = e.logits.dim(1);
  for (std::size_t i = 0; i < e.index.size(); ++i) {
    put(store.clips()[static_cast<std::size_t>(e.index[i])].named.name);
    if (labelled) put(name(e.label[i]));
    put(name(e.prediction[i]));
    if (scores.appearance) put(name(scores.appearance->prediction[i]));
    if (scores.motion) put(name(scores.motion->prediction[i]));
    if (labelled) put(fmt::format("{:.6g}", e.losses[i]));
    for (std::int64_t k = 0; k < classes; ++k) {
      put(fmt::format("{:.6g}", e.logits.data<float>()[static_cast<std::int64_t>(i) * classes + k]),
          k + 1 == classes);
    }
  }
  return text;
}

}  // namespace

io::Json skipped_json(const std::vector<Skipped>& skipped, io::Json json) {
  std::vector<io::Json> bad;
  for (const Skipped& clip : skipped) {
    bad.push_back(io::Json().add("path", clip.path).add("why", clip.why));
  }
  return json.add("skipped", std::span<const io::Json>(bad));
}

std::string text_of(const TwoStreamModel& model, const ClipStore& store, const ClipScores& scores,
                    const TwoStreamEval& run) {
  const train::Evaluation& e = scores.fused;
  std::string text = fmt::format(
      "{}: {} ({}, connection {}) on {} {}, {} clips of {} frames{}, {:.1f} clips/s\n", model.name,
      printable(model.file.spec.arch), model.streams(), to_string(model.file.spec.connection),
      printable(store.set().uri), to_string(run.split), e.count, model.data.test_frames,
      model.data.flip ? " and their mirror images" : "",
      e.seconds > 0 ? static_cast<double>(e.count) / e.seconds : 0);
  text += fmt::format("scores\taccuracy\terror\ttop-{} error\tloss\n", e.top_k);
  if (scores.appearance) text += line_of("appearance", *scores.appearance);
  if (scores.motion) text += line_of("motion", *scores.motion);
  text += line_of(model.two() ? "both" : model.streams(), e);
  if (!run.report.per_class && !run.report.confusion) return text;
  // The tables are those of image networks, behind their two lines.
  const train::Evaluated done{model.name, model.file.common, 0, "", "", e};
  const std::string all = to_text(done, run.report);
  return text + all.substr(all.find('\n', all.find('\n') + 1) + 1);
}

io::Json json_of(const train::Evaluated& done, const ClipScores& scores, const TwoStreamEval& run,
                 const TwoStreamModel& model) {
  io::Json json = to_json(done, run.report);
  json.add("connection", to_string(model.file.spec.connection))
      .add("frames", std::int64_t{model.data.test_frames})
      .add("flip", model.data.flip);
  const auto add = [&](const char* stream, const std::optional<train::Evaluation>& e) {
    if (!e) return;
    json.add(stream, io::Json()
                         .add("errors", e->errors)
                         .add("error", e->error())
                         .add("top5_error", e->top_error())
                         .add("loss", e->loss()));
  };
  add("appearance", scores.appearance);
  add("motion", scores.motion);
  return json;
}

void check_outputs(const TwoStreamEval& run) {
  if (!run.output.empty()) io::check_output(run.output, run.force);
  if (run.table.empty()) return;
  if (!run.table.ends_with(".csv") && !run.table.ends_with(".tsv")) {
    fail(ErrorKind::usage, "--table {}: a .csv or a .tsv file", run.table);
  }
  if (run.table == run.output) fail(ErrorKind::usage, "{}: -o and --table at once", run.table);
  io::check_output(run.table, run.force);
}

void write_result(const TwoStreamEval& run, const TwoStreamModel& model, const ClipStore& store,
                  const ClipScores& scores, const train::Evaluated& done) {
  const std::lock_guard lock(hdf5_mutex());
  io::H5 result = to_result(done);
  std::vector<std::string> names;
  for (const std::int64_t index : scores.fused.index) {
    names.push_back(store.clips()[static_cast<std::size_t>(index)].named.name);
  }
  result.write_column("samples/name", names);
  result.set("summary", "connection", to_string(model.file.spec.connection));
  result.set("summary", "streams", model.streams());
  result.set("summary", "temporal_convs",
             std::int64_t{std::ranges::any_of(model.file.spec.any().blocks,
                                              [](const auto& b) { return b.temporal > 1; })});
  result.set("summary", "temporal_pool", to_string(model.file.spec.any().head.temporal_pool));
  result.set("summary", "frames", std::int64_t{model.data.test_frames});
  result.set("summary", "flip", std::int64_t{model.data.flip});
  result.set("summary", "skipped", static_cast<std::int64_t>(store.skipped().size()));
  const auto stream = [&](const char* name, const std::optional<train::Evaluation>& e) {
    if (!e) return;
    const std::string at = std::string("streams/") + name;
    result.set(at, "errors", e->errors);
    result.set(at, "error", e->error());
    result.set(at, "loss", e->loss());
    result.write(at + "/logits", e->logits);
    result.write_column(at + "/prediction", e->prediction);
  };
  stream("appearance", scores.appearance);
  stream("motion", scores.motion);
  io::Provenance provenance = run.provenance;
  train::add_backend(provenance, run.dtype);
  for (const auto& library : libraries()) provenance.libraries.push_back(library);
  if (model.file.common.training) provenance.seed = model.file.common.training->seed;
  provenance.inputs = {{model.name, model.digest}, {store.set().uri, store.digest()}};
  io::write(result, provenance, run.volatile_provenance);
  io::write_file(run.output, result.image());
}

void write_table(const TwoStreamEval& run, const TwoStreamModel& model, const ClipStore& store,
                 const ClipScores& scores, bool labelled) {
  if (run.table.empty()) return;
  const std::string text = table_of(model, store, scores, run.table, labelled);
  io::write_file(run.table, std::as_bytes(std::span(text)));
}

void tell_plan(const TwoStreamModel& model, const ClipStore& store, const char* what,
               TwoStreamReport& report) {
  const std::int64_t parameters = model.network.store().parameter_count();
  report.clips = store.count();
  report.text = fmt::format("would {} {} ({}, {} parameters) on {}: {} clips of {} frames{}\n",
                            what, printable(model.file.spec.arch), model.streams(), parameters,
                            printable(store.set().uri), report.clips, model.data.test_frames,
                            model.data.flip ? " and their mirror images" : "");
  report.json =
      skipped_json(report.skipped, io::Json()
                                       .add("dry_run", true)
                                       .add("arch", model.file.spec.arch)
                                       .add("parameters", parameters)
                                       .add("count", report.clips)
                                       .add("frames", std::int64_t{model.data.test_frames}));
}

}  // namespace rn::video
