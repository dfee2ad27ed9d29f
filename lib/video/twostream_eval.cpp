#include "video/twostream_eval.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "base/parallel.h"
#include "io/file.h"
#include "io/schema.h"
#include "train/describe.h"
#include "video/clips.h"
#include "video/flow_field.h"
#include "video/picture.h"

namespace rn::video {
namespace {

// A model that is ready, and how it looks at clips.
struct Model {
  train::StModelFile file;
  models::StNetwork network;
  std::string name, digest;
  ClipData data;

  bool two() const { return network.appearance() && network.motion(); }
  const char* streams() const {
    return two() ? "two streams" : network.appearance() ? "appearance" : "motion";
  }
};

int number_of(const std::string& text, int otherwise) {
  int value = otherwise;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && value >= 0
             ? value
             : otherwise;
}

struct Opened {
  train::LoadedStModel loaded;
  std::string name, digest;
};

Opened open_file(const std::string& path, const TwoStreamEval& run) {
  io::Bytes bytes = io::read_file(path);
  const std::string digest = io::sha256(bytes);
  const std::string name = path == "-" ? "stdin" : path;
  const io::H5 h5 = io::H5::open_image(std::move(bytes), name,
                                       io::schema::expectation(io::schema::Format::model));
  if (!train::is_st_model(h5)) {
    fail(ErrorKind::input,
         "{}: is an image network; expected one of video-twostream train (resnet-eval evaluates "
         "image networks)",
         name);
  }
  return {train::load_st_model(h5, run.dtype, run.device), name, digest};
}

// One network of two that have a stream each.
Opened join(Opened first, Opened second, const TwoStreamEval& run) {
  const std::string name = first.name + " and " + second.name;
  if (!first.loaded.network.appearance()) std::swap(first, second);
  const train::StModelFile &a = first.loaded.file, &m = second.loaded.file;
  if (!a.spec.appearance || a.spec.motion || m.spec.appearance || !m.spec.motion) {
    fail(ErrorKind::usage,
         "--with: {} are not one model of an appearance stream and one of a motion stream", name);
  }
  if (a.common.class_names != m.common.class_names) {
    fail(ErrorKind::input, "{}: know other classes than each other", name);
  }
  train::StModelFile file = a;
  file.spec.motion = m.spec.motion;
  file.flow = m.flow;
  models::StNetwork network(file.spec, run.dtype, run.device);
  const auto copy = [&](const nn::Store& from) {
    for (const auto& p : network.store().parameters()) {
      for (const auto& q : from.parameters()) {
        if (p->name == q->name) p->value.copy_from(q->value);
      }
    }
    for (const auto& s : network.store().states()) {
      for (const auto& t : from.states()) {
        if (s->name == t->name) s->value.copy_from(t->value);
      }
    }
  };
  copy(first.loaded.network.store());
  copy(second.loaded.network.store());
  const std::string both = first.digest + second.digest;
  return {{std::move(file), std::move(network)}, name, io::sha256(std::as_bytes(std::span(both)))};
}

Model open_model(const TwoStreamEval& run) {
  Opened opened = open_file(run.model, run);
  if (!run.with.empty()) opened = join(std::move(opened), open_file(run.with, run), run);
  Model model{std::move(opened.loaded.file), std::move(opened.loaded.network), opened.name,
              opened.digest, run.data};
  model.file.common.spec.arch = model.file.spec.arch;
  const std::string recipe =
      model.file.common.training ? model.file.common.training->recipe : std::string();
  const ClipData standard;
  model.data.short_side =
      run.short_side.value_or(number_of(recipe_value(recipe, "short-side"), standard.short_side));
  model.data.test_frames =
      run.frames.value_or(number_of(recipe_value(recipe, "test-frames"), standard.test_frames));
  model.data.flip = run.flip.value_or(recipe_value(recipe, "flip") == "true");
  if (model.data.uri.empty()) model.data.uri = model.file.common.data_uri;
  model.network.outputs(model.data.test_frames);  // too few are an error before any work
  return model;
}

ChunkReader reader_of(const Model& model, const ClipStore& store) {
  return {store, static_cast<int>(model.network.spec().flow_stack()), model.file.frames,
          model.file.flow, model.network.dtype()};
}

void warn_of_spacing(const Model& model, const ClipStore& store) {
  if (!model.file.common.training) return;
  const std::string& recipe = model.file.common.training->recipe;
  const std::string stride = recipe_value(recipe, "stride");
  const std::size_t dash = stride.find('-');
  const int low = number_of(stride.substr(0, dash), 0),
            high = dash == std::string::npos ? low : number_of(stride.substr(dash + 1), 0);
  if (low < 1 || high < low) return;  // a recipe that tells of none
  check_spacing(model.network.spec(), store, model.data.test_frames,
                number_of(recipe_value(recipe, "frames"), 1), low, high);
}

ScoreOptions score_options(const Model& model, const TwoStreamEval& run) {
  return {.frames = model.data.test_frames,
          .flip = model.data.flip,
          .batch = model.data.test_batch,
          .keep_samples = true,
          .loaders = model.data.loaders > 0 ? model.data.loaders : threads(),
          .progress = run.progress,
          .should_stop = run.stop};
}

io::Json skipped_json(const std::vector<Skipped>& skipped, io::Json json) {
  std::vector<io::Json> bad;
  for (const Skipped& clip : skipped) {
    bad.push_back(io::Json().add("path", clip.path).add("why", clip.why));
  }
  return json.add("skipped", std::span<const io::Json>(bad));
}

std::string line_of(const char* what, const train::Evaluation& e) {
  return fmt::format("{}\t{:.2f}\t{:.2f}\t{:.2f}\t{:.4f}\n", what, 100 - e.error(), e.error(),
                     e.top_error(), e.loss());
}

std::string text_of(const Model& model, const ClipStore& store, const ClipScores& scores,
                    const TwoStreamEval& run) {
  const train::Evaluation& e = scores.fused;
  std::string text =
      fmt::format("{}: {} ({}, connection {}) on {} {}, {} clips of {} frames{}, {:.1f} clips/s\n",
                  model.name, train::printable(model.file.spec.arch), model.streams(),
                  to_string(model.file.spec.connection), train::printable(store.set().uri),
                  to_string(run.split), e.count, model.data.test_frames,
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
                 const Model& model) {
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

std::string cell(const std::string& text, char between) {
  const bool plain =
      text.find_first_of("\"\n\r") == std::string::npos && text.find(between) == std::string::npos;
  if (plain) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

// Clip by clip: name, predictions, the scores of all classes, and what is known of labels.
std::string table_of(const Model& model, const ClipStore& store, const ClipScores& scores,
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

void write_result(const TwoStreamEval& run, const Model& model, const ClipStore& store,
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

// Tables and results that cannot be written are told of before any work.
void check_outputs(const TwoStreamEval& run) {
  if (!run.output.empty()) io::check_output(run.output, run.force);
  if (run.table.empty()) return;
  if (!run.table.ends_with(".csv") && !run.table.ends_with(".tsv")) {
    fail(ErrorKind::usage, "--table {}: a .csv or a .tsv file", run.table);
  }
  if (run.table == run.output) fail(ErrorKind::usage, "{}: -o and --table at once", run.table);
  io::check_output(run.table, run.force);
}

void write_text(const std::string& path, const std::string& text) {
  io::write_file(path, std::as_bytes(std::span(text)));
}

// What would be done, of --dry-run.
void tell_plan(const Model& model, const ClipStore& store, const char* what,
               TwoStreamReport& report) {
  const std::int64_t parameters = model.network.store().parameter_count();
  report.clips = store.count();
  report.text =
      fmt::format("would {} {} ({}, {} parameters) on {}: {} clips of {} frames{}\n", what,
                  train::printable(model.file.spec.arch), model.streams(), parameters,
                  train::printable(store.set().uri), report.clips, model.data.test_frames,
                  model.data.flip ? " and their mirror images" : "");
  report.json =
      skipped_json(report.skipped, io::Json()
                                       .add("dry_run", true)
                                       .add("arch", model.file.spec.arch)
                                       .add("parameters", parameters)
                                       .add("count", report.clips)
                                       .add("frames", std::int64_t{model.data.test_frames}));
}

// Five frames, and the flow there in colours below them; of a stream alone, its own.
Strip strip_of(const ClipStore& store, const Model& model) {
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

}  // namespace

TwoStreamReport evaluate_two_stream(const TwoStreamEval& run) {
  check_outputs(run);
  const Model model = open_model(run);
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
  if (!run.table.empty()) write_text(run.table, table_of(model, *store, scores, run.table, true));
  report.text = text_of(model, *store, scores, run);
  report.json = skipped_json(report.skipped, json_of(done, scores, run, model));
  report.clips = scores.fused.count;
  report.nonfinite = scores.fused.nonfinite;
  return report;
}

TwoStreamReport predict_two_stream(const TwoStreamPredict& run) {
  check_outputs(run.how);
  const Model model = open_model(run.how);
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
  const auto classes = static_cast<std::size_t>(e.logits.dim(1));
  const std::size_t top = std::min(static_cast<std::size_t>(run.top), classes);
  report.text = "clip\trank\tclass\tprobability\tscore";
  if (model.two()) report.text += "\tappearance\tmotion";
  report.text += '\n';
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
      report.text += fmt::format("{}\t{}\t{}\t{:.4f}\t{:.4f}", clip.named.name, rank + 1,
                                 train::printable(names.back()), p, score[k]);
      if (model.two()) {
        report.text += fmt::format("\t{:.4f}\t{:.4f}",
                                   scores.appearance->logits.data<float>()[i * classes + k],
                                   scores.motion->logits.data<float>()[i * classes + k]);
      }
      report.text += '\n';
    }
    clips.push_back(io::Json()
                        .add("clip", clip.named.name)
                        .add("classes", std::span<const std::string>(names))
                        .add("probabilities", std::span<const double>(probabilities)));
    report.names = names;
    report.probabilities = probabilities;
  }
  report.json =
      skipped_json(report.skipped, io::Json().add("model", model.name).add("clips", clips));
  report.clips = e.count;
  report.nonfinite = e.nonfinite;
  if (!run.how.table.empty())
    write_text(run.how.table, table_of(model, store, scores, run.how.table, false));
  return report;
}

}  // namespace rn::video
