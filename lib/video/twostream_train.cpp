#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/log.h"
#include "base/parallel.h"
#include "io/file.h"
#include "io/schema.h"
#include "train/initial.h"
#include "train/trainer.h"
#include "video/clip_trainee.h"
#include "video/picture.h"

namespace rn::video {
namespace {

using train::Session;

// What training starts from: a file's network of either kind.
struct Initial {
  std::string path;
  std::optional<train::LoadedModel> image;
  std::optional<train::LoadedStModel> clips;

  const std::string& arch() const { return image ? image->file.spec.arch : clips->file.spec.arch; }
  // The network that a stream starts from; null: none.
  const models::Network* stream(bool appearance) const {
    if (image) return &image->network;
    return appearance ? clips->network.appearance() : clips->network.motion();
  }
};

std::vector<Initial> load_all(const TwoStreamTrain& o, train::ModelFile& file) {
  std::vector<Initial> all;
  for (const std::string& path : o.init_from) {
    const io::schema::Digested opened = io::schema::open_digested(path, io::schema::Format::model);
    const io::H5& h5 = opened.file;
    file.provenance.inputs.push_back({path, opened.digest});
    Initial initial{.path = path};
    if (train::is_st_model(h5)) {
      initial.clips.emplace(train::load_st_model(h5, o.train.dtype));
    } else {
      initial.image.emplace(train::load_model(h5, o.train.dtype));
    }
    all.push_back(std::move(initial));
  }
  return all;
}

void take_initial(const std::vector<Initial>& all, models::StNetwork& network,
                  ChunkNormalization& normalization) {
  for (const bool appearance : {true, false}) {
    models::Network* stream = appearance ? network.appearance() : network.motion();
    if (!stream) continue;
    const char* name = appearance ? "appearance" : "motion";
    bool taken = false;
    for (const Initial& initial : all) {
      const models::Network* from = initial.stream(appearance);
      if (!from) continue;
      try {
        const std::vector<std::string> changed = models::take_image_network(*from, *stream);
        info("{}: from {}{}", name, initial.path,
             changed.empty()
                 ? ""
                 : fmt::format(
                       ", changed to fit: {}{}", changed.front(),
                       changed.size() > 1 ? fmt::format(" and {} more", changed.size() - 1) : ""));
      } catch (const Error& error) {
        fail(error.kind(), "{}: does not fit the {} stream: {}", initial.path, name, error.what());
      }
      taken = true;
      data::Normalization& own = appearance ? normalization.frames : normalization.flow;
      if (initial.clips) {
        own = appearance ? initial.clips->file.frames : initial.clips->file.flow;
      } else if (appearance && !initial.image->file.normalization.mean_image) {
        own = initial.image->file.normalization;
      }
    }
    if (!taken && !all.empty()) warn("{}: nothing of --init-from is for this stream", name);
  }
}

models::StSpec spec_of(const TwoStreamTrain& o, const std::vector<Initial>& initial,
                       std::int64_t classes) {
  models::StOptions network = o.network;
  network.height = network.width = o.chunk.side;
  network.classes = classes;
  network.base_width = o.train.width;
  std::string arch = o.train.arch;
  if (arch.empty()) arch = initial.empty() ? "resnet18" : initial.front().arch();
  models::StSpec spec = models::make_st_spec(arch, network);
  for (auto* stream : {&spec.appearance, &spec.motion}) {
    if (!*stream) continue;
    for (auto& block : (*stream)->blocks) {
      block.bn_momentum = o.train.bn_momentum.value_or(block.bn_momentum);
      block.bn_eps = o.train.bn_eps.value_or(block.bn_eps);
    }
    (*stream)->bn_momentum = o.train.bn_momentum.value_or((*stream)->bn_momentum);
    (*stream)->bn_eps = o.train.bn_eps.value_or((*stream)->bn_eps);
  }
  return spec;
}

// The same training? Then `found` may be gone on with. Errors (usage).
void check_same(train::StModelFile& found, const models::StSpec& spec, const Session& s,
                const std::string& name, bool warns) {
  if (found.spec != spec) {
    fail(ErrorKind::usage,
         "{}: is of another network than the one that is asked for; give the options it was made "
         "with to go on, or --force without --resume to start over",
         name);
  }
  found.common.spec = s.file.spec;
  train::check_same_run(found.common, s.file, name, warns);
}

// The first `limit` clips, when classes take turns; in their own order.
std::vector<SetClip> first_of_each(const ClipSet& set, std::size_t limit) {
  std::vector<std::pair<std::size_t, std::size_t>> turns;  // of its class, place
  std::vector<std::size_t> seen(set.class_names.size());
  for (std::size_t i = 0; i < set.clips.size(); ++i) {
    turns.emplace_back(seen[static_cast<std::size_t>(set.clips[i].label)]++, i);
  }
  std::sort(turns.begin(), turns.end());
  turns.resize(std::min(limit, turns.size()));
  std::sort(turns.begin(), turns.end(),
            [](const auto& a, const auto& b) { return a.second < b.second; });
  std::vector<SetClip> clips;
  for (const auto& [turn, place] : turns) clips.push_back(set.clips[place]);
  return clips;
}

class Preparation {
 public:
  explicit Preparation(TwoStreamTrain options) : o_(std::move(options)) {}

  TwoStreamOutcome run() {
    if (!begin()) return stopped();
    if (complete_already()) {
      s_.trainee = std::make_unique<ClipTrainee>(s_, o_, std::move(network_), std::move(train_),
                                                 nullptr, measured());
    } else {
      make_trainee();
    }
    outcome_.train = train::train(s_);
    return std::move(outcome_);
  }

  TwoStreamOutlook plan() {
    const bool nowhere = o_.train.output.empty();
    if (nowhere) o_.train.output = "/dev/null";
    if (!begin()) return {.stopped = stopped().train.message};
    const bool complete = complete_already();
    if (!complete) make_trainee();
    TwoStreamOutlook outlook{.plan = train::plan_of(s_), .skipped = outcome_.skipped};
    train::Plan& plan = outlook.plan;
    plan.item = "clips";
    plan.blocks = static_cast<std::int64_t>(spec_.any().blocks.size());
    if (nowhere) plan.output.clear();
    if (!complete) measure(plan);
    return outlook;
  }

 private:
  // Up to where the network is made. False: asked to stop.
  bool begin() {
    s_.options = o_.train;
    const train::TrainOptions& t = s_.options;
    train::check_options(t);
    s_.checkpoint = train::checkpoint_path(t);
    train::check_files(t, s_.checkpoint);
    s_.eval_on = t.eval_on.value_or(t.val > 0 ? train::EvalOn::val : train::EvalOn::test);
    models::make_st_spec(t.arch.empty() ? "resnet18" : t.arch, network_options());  // bad options
    if (!open_data()) return false;
    describe();
    return true;
  }

  void make_trainee() {
    make_network();
    if (test_) {
      check_spacing(spec_, *test_, o_.data.test_frames, o_.chunk.frames, o_.chunk.stride_low,
                    o_.chunk.stride_high);
    }
    s_.trainee = std::make_unique<ClipTrainee>(s_, o_, std::move(network_), std::move(train_),
                                               std::move(test_), std::move(normalization_));
  }

  // Two steps of a few clips, of a session that nobody keeps; what a step needs is taken to grow
  // with its clips.
  void measure(train::Plan& plan) {
    constexpr std::int64_t sample = 4;
    const std::int64_t batch = std::min(plan.batch, plan.train_images),
                       micro = s_.options.step.micro_batch,
                       few = std::min(micro > 0 ? std::min(micro, batch) : batch, sample);
    plan.parameters = s_.trainee->store().parameter_count();
    s_.options.batch = few;
    s_.per_epoch = plan.train_images;
    s_.state().epoch = s_.state().step_in_epoch = 0;
    s_.trainee->begin(0, 0);
    s_.trainee->step(0, {});  // the first one makes primitives and memory
    s_.state().step_in_epoch = 1;
    const auto begin = std::chrono::steady_clock::now();
    s_.trainee->step(0, {});
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const double clip_seconds = seconds / static_cast<double>(few);
    plan.step_seconds = clip_seconds * static_cast<double>(batch);
    plan.memory = train::scaled_peak(
        static_cast<double>(micro > 0 ? std::min(micro, batch) : batch) / static_cast<double>(few));
    s_.per_epoch = plan.steps_per_epoch;
    // Forward alone is a third of a step's work, or a little more.
    train::set_seconds(plan, s_, clip_seconds * 0.4 * o_.data.test_frames / o_.chunk.frames);
  }

  models::StOptions network_options() const {
    models::StOptions network = o_.network;
    network.height = network.width = o_.chunk.side;
    network.classes = 2;
    network.base_width = o_.train.width;
    return network;
  }

  // False: asked to stop.
  bool open_data() {
    const train::TrainOptions& t = s_.options;
    const auto stop = [&] { return t.stop && !t.stop().empty(); };
    const auto open = [&](data::Split split, std::int64_t limit) {
      auto store = open_store(o_.data, split, o_.network.appearance, o_.network.motion, limit,
                              t.progress, stop);
      for (const Skipped& skipped : store->skipped()) outcome_.skipped.push_back(skipped);
      return store;
    };
    train_ = open(data::Split::train, t.limit_train);
    if (train_->stopped()) return false;
    if (s_.eval_on != train::EvalOn::none) {
      const auto splits = clip_splits(o_.data.uri);
      if (std::find(splits.begin(), splits.end(), data::Split::test) == splits.end()) {
        fail(ErrorKind::input, "{}: has no test clips; --eval-on none trains without", o_.data.uri);
      }
      test_ = open(data::Split::test, t.limit_test);
      if (test_->stopped()) return false;
      s_.test_count = test_->count();
    }
    if (t.val > 0 && t.val >= train_->count()) {
      fail(ErrorKind::usage, "--val {}: there are {} training clips", t.val, train_->count());
    }
    s_.subsets = data::split_validation(train_->count(), t.val, t.seed);
    if (t.batch == 0) s_.options.batch = static_cast<std::int64_t>(s_.subsets.train.size());
    return true;
  }

  void describe() {
    const train::TrainOptions& t = s_.options;
    train::ModelFile& file = s_.file;
    file.provenance = t.provenance;
    train::add_backend(file.provenance, t.dtype);
    for (const auto& library : libraries()) file.provenance.libraries.push_back(library);
    file.provenance.seed = t.seed;
    file.provenance.inputs = {{o_.data.uri + " train", train_->digest()}};
    if (test_) file.provenance.inputs.push_back({o_.data.uri + " test", test_->digest()});
    initial_ = load_all(o_, file);
    spec_ = spec_of(o_, initial_, static_cast<std::int64_t>(train_->set().class_names.size()));
    file.spec.arch = spec_.arch;
    file.dtype = wide(t.dtype);
    file.class_names = train_->set().class_names;
    file.data_uri = o_.data.uri;
    file.data_digest = train_->digest();
    file.lanes = lanes();
    train::TrainingState state;
    state.seed = t.seed;
    state.precision = t.dtype;
    state.batch = t.batch;
    state.source_images = train_->count();
    state.val_images = t.val;
    state.recipe = t.recipe;
    file.training = std::move(state);
    train::set_length(s_, static_cast<std::int64_t>(s_.subsets.train.size()));
  }

  bool complete_already() {
    const train::TrainOptions& t = s_.options;
    if (!t.resume || t.output == "-" || !train::is_file(t.output)) return false;
    try {
      train::StModelFile found =
          train::read_st_model_file(io::schema::open(t.output, io::schema::Format::model));
      check_same(found, spec_, s_, t.output, false);
      if (!found.common.training->complete) {
        fail(ErrorKind::usage, "{}: holds an unfinished training", t.output);
      }
      s_.file = std::move(found.common);
    } catch (const Error& error) {
      if (t.force) return false;
      const std::string text = error.what();
      const bool told = text.find("--force") != std::string::npos;
      fail(ErrorKind::usage, "{}{}", text, told ? "" : "; --force replaces it");
    }
    s_.complete_already = true;
    network_ = std::make_unique<models::StNetwork>(spec_, t.dtype);
    return true;
  }

  ChunkNormalization measured() const {
    ChunkNormalization plain;
    if (spec_.appearance) plain.frames = {{0, 0, 0}, {1, 1, 1}};
    const auto channels = static_cast<std::size_t>(2 * spec_.flow_stack());
    if (spec_.motion) {
      plain.flow = {std::vector<double>(channels, 0), std::vector<double>(channels, 1)};
    }
    return plain;
  }

  void make_network() {
    const train::TrainOptions& t = s_.options;
    if (t.resume && train::is_file(s_.checkpoint)) {
      train::LoadedStModel loaded = train::load_st_model(s_.checkpoint, t.dtype, t.device);
      check_same(loaded.file, spec_, s_, s_.checkpoint, true);
      train::check_position(s_, *loaded.file.common.training);
      network_ = std::make_unique<models::StNetwork>(std::move(loaded.network));
      normalization_ = {loaded.file.frames, loaded.file.flow};
      s_.file.curves = std::move(loaded.file.common.curves);
      s_.file.training = std::move(loaded.file.common.training);
      s_.resumed = true;
    } else {
      network_ = std::make_unique<models::StNetwork>(spec_, t.dtype, t.device);
      network_->initialize(t.seed, t.init_gain);
      normalization_ = measure_chunks(*train_, spec_.appearance.has_value(),
                                      spec_.motion.has_value(), o_.chunk.flow_stack);
      take_initial(initial_, *network_, normalization_);
    }
    initial_.clear();
    train::prepare_optimizer(s_, network_->store());
    if (!s_.resumed) s_.state().micro_batch = t.step.micro_batch;
    s_.options.step.micro_batch = s_.state().micro_batch;
    s_.options.step.seed = t.seed;
  }

  TwoStreamOutcome stopped() {
    outcome_.train.ended = train::Ended::stopped;
    outcome_.train.message = fmt::format(
        "stopped by {} while clips were looked at; run the same command again", s_.options.stop());
    return std::move(outcome_);
  }

  TwoStreamTrain o_;
  Session s_;
  models::StSpec spec_;
  std::vector<Initial> initial_;
  std::unique_ptr<ClipStore> train_, test_;
  std::unique_ptr<models::StNetwork> network_;
  ChunkNormalization normalization_;
  TwoStreamOutcome outcome_;
};

}  // namespace

std::unique_ptr<ClipStore> open_store(const ClipData& data, data::Split split, bool frames,
                                      bool flow, std::int64_t limit, Progress* progress,
                                      const std::function<bool()>& stop) {
  ClipSet set = open_clips(data.uri, split);
  if (limit >= 0) set.clips = first_of_each(set, static_cast<std::size_t>(limit));
  StoreOptions options{.frames = frames,
                       .flow = flow,
                       .flow_folder = data.flow,
                       .short_side = data.short_side,
                       .cache_bytes = data.cache_bytes,
                       .strict = data.strict,
                       .loaders = data.loaders > 0 ? data.loaders : threads(),
                       .progress = progress,
                       .stop = stop};
  return std::make_unique<ClipStore>(std::move(set), std::move(options));
}

void check_spacing(const models::StSpec& spec, const ClipStore& store, int test_frames, int frames,
                   int low, int high) {
  const bool in_time =
      spec.any().head.temporal_pool != models::TemporalPool::none ||
      std::ranges::any_of(spec.any().blocks, [](const auto& block) { return block.temporal > 1; });
  if (!in_time || frames < 2 || test_frames < 2 || store.count() == 0) return;
  std::vector<std::int64_t> lengths;
  for (const auto& clip : store.clips()) lengths.push_back(clip.frames);
  const auto middle = lengths.begin() + static_cast<std::ptrdiff_t>(lengths.size() / 2);
  std::nth_element(lengths.begin(), middle, lengths.end());
  const auto last = static_cast<double>(*middle - 1);
  // Short clips had the stride shortened in training.
  const double most = std::max(1.0, last / (frames - 1)), least = std::min<double>(low, most),
               largest = std::min<double>(high, most), between = last / (test_frames - 1);
  if (between > 0.9 * least && between < 1.1 * largest) return;
  warn(
      "testing looks at {} frames of a clip, {:.1f} pictures apart where it has {}; trained {} "
      "apart: --test-frames {} is nearer to that",
      test_frames, between, *middle,
      low == high ? fmt::format("{}", low) : fmt::format("{} to {}", low, high),
      std::max(2LL, 1 + std::llround(2 * last / (least + largest))));
}

std::string recipe_value(const std::string& recipe, const std::string& key) {
  const std::string begin = key + " = ";
  for (std::size_t from = 0; from < recipe.size();) {
    const std::size_t end = std::min(recipe.find('\n', from), recipe.size());
    const std::string line = recipe.substr(from, end - from);
    if (line.starts_with(begin)) {
      const std::string value = line.substr(begin.size());
      const bool quoted = value.size() > 1 && value.front() == '"' && value.back() == '"';
      return quoted ? value.substr(1, value.size() - 2) : value;
    }
    from = end + 1;
  }
  return {};
}

TwoStreamOutlook plan_two_stream(TwoStreamTrain options) {
  return Preparation(std::move(options)).plan();
}

TwoStreamOutcome train_two_stream(TwoStreamTrain options) {
  return Preparation(std::move(options)).run();
}

}  // namespace rn::video
