#include "video/clip_trainee.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "data/batcher.h"
#include "ops/loss.h"
#include "ops/reduce.h"

namespace rn::video {
namespace {

int loaders_of(const ClipData& data) { return data.loaders > 0 ? data.loaders : threads(); }

// Scores of a stream [n, K] to the sum of its losses, and to the gradient of its logits.
struct StreamLoss {
  Tensor scores, d_logits;
  double sum = 0;
};

StreamLoss loss_of(const Tensor& logits, const Tensor& labels, double smoothing, double scale,
                   Device device) {
  StreamLoss loss;
  if (!logits) return loss;
  const std::int64_t clips = labels.dim(0);
  loss.scores = clip_means(logits, clips);
  const Tensor losses({clips}, Dtype::f64, Tag::workspace),
      d_scores(loss.scores.shape(), loss.scores.dtype(), Tag::workspace);
  ops::softmax_cross_entropy({.label_smoothing = smoothing, .scale = scale}, loss.scores, labels,
                             losses, d_scores);
  for (const double l : losses.span<double>()) loss.sum += l;
  loss.d_logits = clip_means_backward(d_scores, logits.dim(0) / clips).on(device);
  return loss;
}

std::int64_t count_errors(const Tensor& a, const Tensor& b, const Tensor& labels) {
  std::int64_t errors = 0;
  const Tensor& any = a ? a : b;
  with_float(any.dtype(), "train", [&]<class T>() {
    const std::int64_t classes = any.dim(1);
    std::vector<T> sum(static_cast<std::size_t>(classes));
    for (std::int64_t n = 0; n < any.dim(0); ++n) {
      for (std::int64_t k = 0; k < classes; ++k) {
        sum[static_cast<std::size_t>(k)] =
            (a ? a.data<T>()[n * classes + k] : T{0}) + (b ? b.data<T>()[n * classes + k] : T{0});
      }
      const auto best = std::max_element(sum.begin(), sum.end()) - sum.begin();
      errors += best != labels.data<std::int32_t>()[n];
    }
  });
  return errors;
}

}  // namespace

ClipTrainee::ClipTrainee(train::Session& session, const TwoStreamTrain& options,
                         std::unique_ptr<models::StNetwork> network,
                         std::unique_ptr<ClipStore> train, std::unique_ptr<ClipStore> test,
                         ChunkNormalization normalization)
    : s_(session),
      options_(options),
      network_(std::move(network)),
      train_(std::move(train)),
      test_(std::move(test)),
      normalization_(std::move(normalization)),
      pool_(network_->store().device()),
      eval_pool_(network_->store().device()) {
  const auto reader = [&](const std::unique_ptr<ClipStore>& store) {
    return store ? std::make_unique<ChunkReader>(*store, options_.chunk.flow_stack,
                                                 normalization_.frames, normalization_.flow,
                                                 network_->dtype())
                 : nullptr;
  };
  train_reader_ = reader(train_);
  test_reader_ = reader(test_);
  for (const nn::StatePtr& state : network_->store().states()) {
    states_before_.push_back(state->value.clone());
  }
}

ClipTrainee::~ClipTrainee() = default;

void ClipTrainee::begin(std::int64_t epoch, std::int64_t step_in_epoch) {
  ChunkBatcherOptions batches;
  batches.frames = network_->appearance() != nullptr;
  batches.flow = network_->motion() != nullptr;
  batches.flow_stack = options_.chunk.flow_stack;
  batches.dtype = network_->dtype();
  batches.first = epoch * s_.per_epoch + step_in_epoch;
  batches.loaders = loaders_of(options_.data);
  batches.jobs = [this](std::int64_t number) {
    const std::int64_t at = number / s_.per_epoch;
    if (at != ordered_) order_ = data::epoch_order(s_.subsets.train, s_.options.seed, at);
    ordered_ = at;
    const auto count = static_cast<std::int64_t>(order_.size());
    const std::int64_t begin = number % s_.per_epoch * s_.options.batch;
    std::vector<ChunkJob> jobs;
    for (std::int64_t i = begin; i < std::min(begin + s_.options.batch, count); ++i) {
      const std::int64_t index = order_[static_cast<std::size_t>(i)];
      const auto& clip = train_->clips()[static_cast<std::size_t>(index)];
      jobs.push_back({index, draw_chunk(options_.chunk, s_.options.seed, at, index, clip.frames,
                                        clip.height, clip.width)});
    }
    return jobs;
  };
  batcher_ = std::make_unique<ChunkBatcher>(*train_, *train_reader_, std::move(batches));
}

train::StepResult ClipTrainee::step(double lr, const train::StepAt& at) {
  const ChunkBatch* batch = batcher_->next();
  const train::TrainingState& state = s_.state();
  require(batch && batch->number == state.epoch * s_.per_epoch + state.step_in_epoch,
          "train: the batches are out of step");
  const auto clips = static_cast<std::int64_t>(batch->clips.size());
  const std::int64_t micro = s_.options.step.micro_batch, most = micro > 0 ? micro : clips;
  const auto& states = network_->store().states();
  for (std::size_t i = 0; i < states.size(); ++i) states_before_[i].copy_from(states[i]->value);
  network_->store().zero_gradients();
  train::StepResult result{.images = clips};
  for (std::int64_t first = 0; first < clips && result.diverged.empty(); first += most) {
    result.diverged = part(*batch, first, std::min(most, clips - first), at, result);
  }
  if (result.diverged.empty()) {
    const std::string bad = s_.optimizer->step(lr, at.update);
    if (!bad.empty()) result.diverged = "the update of " + bad;
  }
  if (!result.diverged.empty()) {
    for (std::size_t i = 0; i < states.size(); ++i) states[i]->value.copy_from(states_before_[i]);
  }
  return result;
}

std::string ClipTrainee::part(const ChunkBatch& batch, std::int64_t first, std::int64_t count,
                              const train::StepAt& at, train::StepResult& result) {
  const train::StepOptions& o = s_.options.step;
  const std::int64_t frames = options_.chunk.frames;
  const auto rows = [&](const Tensor& x) {
    return x ? x.slice(first * frames, (first + count) * frames) : x;
  };
  const Tensor labels({count}, Dtype::i32, Tag::input);
  std::copy_n(batch.labels.begin() + first, count, labels.data<std::int32_t>());
  const ops::Dropout dropout{o.dropout, o.seed, at.step, first * frames};
  const nn::Pass pass{.pool = pool_,
                      .batch_statistics = true,
                      .keep = true,
                      .dropout = o.dropout > 0 ? &dropout : nullptr};
  const models::StLogits logits =
      network_->forward({rows(batch.frames), rows(batch.flow), count}, pass, saved_);
  const double scale = 1.0 / static_cast<double>(batch.clips.size());
  const Device device = network_->store().device();
  const StreamLoss appearance =
                       loss_of(logits.appearance, labels, o.label_smoothing, scale, device),
                   motion = loss_of(logits.motion, labels, o.label_smoothing, scale, device);
  result.errors += count_errors(appearance.scores, motion.scores, labels);
  // Each stream learns from its own loss; what is told is their mean.
  const int streams = (logits.appearance ? 1 : 0) + (logits.motion ? 1 : 0);
  result.loss_sum += (appearance.sum + motion.sum) / streams;
  if (!std::isfinite(result.loss_sum)) {
    const std::string layer = network_->first_nonfinite(saved_);
    return layer.empty() ? "the loss" : layer;
  }
  network_->backward({appearance.d_logits, motion.d_logits}, pass, saved_);
  network_->commit(saved_);
  std::vector<Tensor> values;
  for (const nn::StatePtr& state : network_->store().states()) values.push_back(state->value);
  const int bad = values.empty() ? -1 : ops::first_not_finite(values);
  if (bad < 0) return {};
  const std::string layer = network_->first_nonfinite(saved_);
  return layer.empty() ? network_->store().states()[static_cast<std::size_t>(bad)]->name : layer;
}

train::Evaluation ClipTrainee::measure(bool validation, const train::EvaluateOptions& how) {
  ScoreOptions options{.frames = options_.data.test_frames,
                       .flip = options_.data.flip,
                       .batch = options_.data.test_batch,
                       .loaders = loaders_of(options_.data),
                       .what = how.what,
                       .progress = how.progress,
                       .should_stop = how.should_stop,
                       .pool = &eval_pool_};
  if (validation) options.clips = s_.subsets.val;
  return score_clips(*network_, validation ? *train_ : *test_,
                     validation ? *train_reader_ : *test_reader_, options)
      .fused;
}

io::Bytes ClipTrainee::save(const train::ModelFile& file, bool volatile_provenance) const {
  train::StModelFile all{.spec = network_->spec(),
                         .frames = normalization_.frames,
                         .flow = normalization_.flow,
                         .common = file};
  const std::lock_guard lock(hdf5_mutex());
  return train::save_st_model(*network_, all, volatile_provenance);
}

}  // namespace rn::video
