#include <exception>

#include "train/depth.h"
#include "train/session.h"
#include "train/trainee.h"

namespace rn::train {
namespace {

StepOptions step_options(const TrainOptions& options) {
  StepOptions step = options.step;
  step.draws = options.keep_blocks > 0;
  return step;
}

class ImageTrainee : public Trainee {
 public:
  explicit ImageTrainee(Session& session)
      : s_(session),
        stepper_(*session.network, *session.optimizer, step_options(session.options),
                 session.options.memory),
        eval_pool_(session.network->store().device()) {}

  nn::Store& store() override { return s_.network->store(); }

  void begin(std::int64_t epoch, std::int64_t step_in_epoch) override {
    ahead_ = nullptr;
    batcher_.emplace(*s_.train, data::BatcherOptions{.indices = s_.subsets.train,
                                                     .batch = s_.options.batch,
                                                     .shuffle = true,
                                                     .augment = s_.options.augment,
                                                     .normalization = s_.file.normalization,
                                                     .dtype = s_.options.dtype,
                                                     .seed = s_.options.seed,
                                                     .first_epoch = epoch,
                                                     .first_batch = step_in_epoch,
                                                     .loaders = s_.options.loaders});
  }

  StepResult step(double lr, const StepAt& where) override {
    const TrainingState& state = s_.state();
    const TrainOptions& o = s_.options;
    if (failed_) std::rethrow_exception(std::exchange(failed_, nullptr));
    const data::Batch* batch = ahead_ ? std::exchange(ahead_, nullptr) : batcher_->next();
    require(batch && batch->epoch == state.epoch && batch->number == state.step_in_epoch,
            "train: the batches are out of step");
    StepAt at = where;
    if (o.keep_blocks > 0) draw_blocks(*s_.network, o.seed, state.step, o.keep_blocks);
    at.gates = [&](std::int64_t first, std::int64_t count) {
      if (o.keep_blocks > 0) return;
      draw_depth(*s_.network, o.seed, state.step, count, o.depth_mode, first);
    };
    StepResult result = stepper_.run(*batch, lr, at, [this] { return next(); });
    s_.network->reset_gates();
    return result;
  }

  Evaluation measure(bool validation, const EvaluateOptions& how) override {
    EvaluateOptions options = how;
    options.pool = &eval_pool_;
    if (validation) options.indices = s_.subsets.val;
    return evaluate(*s_.network, validation ? *s_.train : *s_.test, s_.file.normalization, options);
  }

  io::Bytes save(const ModelFile& file, bool volatile_provenance) const override {
    return save_model(*s_.network, file, volatile_provenance);
  }

  std::vector<std::string> smaller() const override {
    if (s_.options.memory.activations != Activations::stored) return {};
    return {s_.network->reversible() ? "--activations reversible" : "--activations checkpointed"};
  }

 private:
  // The batch after the one that a device is at, unless that is the last. An error is the next
  // step's.
  const data::Batch* next() {
    if (s_.state().step + 1 >= s_.total) return nullptr;
    try {
      ahead_ = batcher_->next();
    } catch (...) {
      failed_ = std::current_exception();
    }
    return ahead_;
  }

  Session& s_;
  Stepper stepper_;
  TensorPool eval_pool_;
  std::optional<data::Batcher> batcher_;
  const data::Batch* ahead_ = nullptr;  // the next batch, asked for already
  std::exception_ptr failed_;           // or what came of that
};

}  // namespace

std::unique_ptr<Trainee> image_trainee(Session& session) {
  return std::make_unique<ImageTrainee>(session);
}

}  // namespace rn::train
