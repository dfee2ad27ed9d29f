#include "video/twostream_model.h"

#include <charconv>

#include "base/error.h"
#include "base/parallel.h"
#include "io/file.h"
#include "io/schema.h"

namespace rn::video {
namespace {

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
  const io::schema::Digested opened = io::schema::open_digested(path, io::schema::Format::model);
  const io::H5& h5 = opened.file;
  if (!train::is_st_model(h5)) {
    fail(ErrorKind::input,
         "{}: is an image network; expected one of video-twostream train (resnet-eval evaluates "
         "image networks)",
         h5.name());
  }
  return {train::load_st_model(h5, run.dtype, run.device), h5.name(), opened.digest};
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

}  // namespace

TwoStreamModel open_model(const TwoStreamEval& run) {
  Opened opened = open_file(run.model, run);
  if (!run.with.empty()) opened = join(std::move(opened), open_file(run.with, run), run);
  TwoStreamModel model{std::move(opened.loaded.file), std::move(opened.loaded.network), opened.name,
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

ChunkReader reader_of(const TwoStreamModel& model, const ClipStore& store) {
  return {store, static_cast<int>(model.network.spec().flow_stack()), model.file.frames,
          model.file.flow, model.network.dtype()};
}

void warn_of_spacing(const TwoStreamModel& model, const ClipStore& store) {
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

ScoreOptions score_options(const TwoStreamModel& model, const TwoStreamEval& run) {
  return {.frames = model.data.test_frames,
          .flip = model.data.flip,
          .batch = model.data.test_batch,
          .keep_samples = true,
          .loaders = model.data.loaders > 0 ? model.data.loaders : threads(),
          .progress = run.progress,
          .should_stop = run.stop};
}

}  // namespace rn::video
