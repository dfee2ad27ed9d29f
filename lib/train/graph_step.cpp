#include "train/graph_step.h"

#include <cmath>
#include <cstring>

#include "base/log.h"
#include "ops/flagged.h"
#include "ops/loss.h"
#include "ops/reduce.h"

namespace rn::train {
namespace {

constexpr int most_attempts = 3;  // to record a step

// What went wrong, by the flag: numbers of a parameter and of a norm's update; the loss.
enum Flag { bad_parameter, bad_state, bad_loss, flag_count };

struct Told {
  double report[2];
  std::int32_t flags[flag_count];
  double rate;
};

}  // namespace

GraphStep::GraphStep(models::Network& network, Optimizer& optimizer, const StepOptions& options,
                     const MemoryMode& memory, TensorPool& pool)
    : network_(network),
      optimizer_(optimizer),
      options_(options),
      memory_(memory),
      pool_(pool),
      device_(network.store().device()),
      stream_(default_stream(device_)),
      copies_(device_),
      report_({2}, Dtype::f64, Tag::workspace, device_),
      flags_({flag_count}, Dtype::i32, Tag::workspace, device_),
      rate_({1}, Dtype::f64, Tag::workspace, device_),
      told_(sizeof(Told), device_) {
  Tensor none({flag_count}, Dtype::i32, Tag::workspace);
  for (std::int32_t& flag : none.span<std::int32_t>()) flag = ops::unflagged;
  no_flags_ = none.on(device_);
}

bool GraphStep::possible(const models::Network& network, const Optimizer& optimizer,
                         const StepOptions& options, const MemoryMode& memory) {
  if (memory.fixed_bits >= 0) return false;  // the host looks whether the grid suffices
  if (network.store().device().is_cpu() || options.dropout > 0 || options.draws ||
      options.micro_batch > 0) {
    return false;
  }
  for (std::int64_t i = 0; i < network.block_count(); ++i) {
    if (network.block(i).spec().survival != 1) return false;
  }
  return optimizer.flags();
}

bool GraphStep::takes(const data::Batch& batch) const {
  const Tensor& images = input_.images;
  return !images ||
         (batch.images.dim(0) >= images.dim(0) && images.dtype() == batch.images.dtype() &&
          input_.others.defined() == batch.others.defined());
}

void GraphStep::stage(const data::Batch& batch, Slot& slot) {
  const Tensor* from[] = {&batch.images, &batch.labels, &batch.others, &batch.shares};
  Tensor* to[] = {&slot.images, &slot.labels, &slot.others, &slot.shares};
  constexpr std::size_t align = 256;
  const auto room = [](const Tensor& x) { return x ? (x.bytes() + align - 1) / align * align : 0; };
  std::size_t bytes = 0;
  for (const Tensor* x : from) bytes += room(*x);
  if (slot.host.bytes() < bytes) slot.host = Pinned(bytes, device_);
  auto* at = static_cast<char*>(slot.host.data());
  for (std::size_t k = 0; k < std::size(from); ++k) {
    if (!*from[k]) {
      *to[k] = Tensor();
      continue;
    }
    to[k]->ensure(from[k]->shape(), from[k]->dtype(), Tag::input, device_);
    std::memcpy(at, from[k]->raw(), from[k]->bytes());
    copy_async(to[k]->raw(), device_, at, cpu, from[k]->bytes(), copies_);
    at += room(*from[k]);
  }
  slot.epoch = batch.epoch;
  slot.number = batch.number;
}

void GraphStep::step() {
  nn::Pass pass{.pool = pool_, .batch_statistics = true, .keep = true, .sampled_depth = true};
  apply(memory_, network_, pass);
  const std::int64_t count = input_.images.dim(0);
  copy_async(flags_.raw(), device_, no_flags_.raw(), device_, flags_.bytes(), stream_);
  network_.store().zero_gradients(stream_);
  const Tensor logits = network_.forward(input_.images, pass, saved_);
  losses_.ensure({count}, Dtype::f64, Tag::workspace, device_);
  d_logits_.ensure(logits.shape(), logits.dtype(), Tag::workspace, device_);
  ops::softmax_cross_entropy({.label_smoothing = options_.label_smoothing,
                              .scale = 1.0 / static_cast<double>(count),
                              .others = input_.others,
                              .shares = input_.shares},
                             logits, input_.labels, losses_, d_logits_, stream_);
  ops::tally({.logits = logits,
              .losses = losses_,
              .labels = input_.labels,
              .others = input_.others,
              .shares = input_.shares,
              .report = report_,
              .flags = flags_,
              .flag = bad_loss},
             stream_);
  network_.backward(d_logits_, pass, saved_);
  updates_ = network_.updates(saved_);
  ops::batch_norm_check(updates_, flags_, bad_state, stream_);
  optimizer_.step(rate_, flags_, stream_);
  ops::batch_norm_update(updates_, flags_, stream_);
  auto& told = *static_cast<Told*>(told_.data());
  copy_async(told.report, cpu, report_.raw(), device_, sizeof told.report, stream_);
  copy_async(told.flags, cpu, flags_.raw(), device_, sizeof told.flags, stream_);
}

StepResult GraphStep::run(const data::Batch& batch, double lr,
                          const std::function<const data::Batch*()>& meanwhile) {
  Slot& slot = slots_[next_];
  if (!slot.holds(batch)) stage(batch, slot);
  slot.epoch = slot.number = -1;
  copies_.synchronize();
  if (input_.images && input_.images.shape() != slot.images.shape()) {
    graph_ = Graph();
    attempts_ = 0;
  }
  Tensor* to[] = {&input_.images, &input_.labels, &input_.others, &input_.shares};
  const Tensor* from[] = {&slot.images, &slot.labels, &slot.others, &slot.shares};
  for (std::size_t k = 0; k < std::size(to); ++k) {
    if (!*from[k]) continue;
    to[k]->ensure(from[k]->shape(), from[k]->dtype(), Tag::input, device_);
    copy_async(to[k]->raw(), device_, from[k]->raw(), device_, from[k]->bytes(), stream_);
  }
  auto& told = *static_cast<Told*>(told_.data());
  told.rate = lr;
  copy_async(rate_.raw(), device_, &told.rate, cpu, sizeof told.rate, stream_);
  if (!graph_ && attempts_ > 0 && attempts_ <= most_attempts) record();
  if (graph_) {
    graph_.run(stream_);
  } else {
    step();  // allocates what it takes
    ++attempts_;
  }
  const std::int64_t images = input_.images.dim(0);
  next_ = 1 - next_;
  if (meanwhile) {
    const data::Batch* next = meanwhile();
    if (next && takes(*next)) stage(*next, slots_[next_]);
  }
  stream_.synchronize();
  StepResult result{.loss_sum = told.report[0],
                    .errors = static_cast<std::int64_t>(told.report[1]),
                    .images = images};
  result.diverged = what_failed();
  saved_.release();  // the graph knows its memory; a batch of another size may use it too
  return result;
}

void GraphStep::record() {
  try {
    graph_ = Graph(stream_, [this] { step(); });
  } catch (const Error& error) {
    // Memory that a first step did not take yet: once more, after a step that is not recorded.
    if (error.kind() != ErrorKind::device) throw;
    if (attempts_ == most_attempts) info("steps are launched op by op: {}", error.what());
  }
}

std::string GraphStep::what_failed() {
  const std::int32_t* flags = static_cast<const Told*>(told_.data())->flags;
  const auto set = [&](Flag flag) { return flags[flag] != ops::unflagged; };
  if (set(bad_loss) || set(bad_state)) {
    // Nothing was changed, so the same values come again: to see in which layer they go wrong.
    nn::Pass pass{.pool = pool_, .batch_statistics = true, .keep = true, .sampled_depth = true};
    apply(memory_, network_, pass);
    network_.forward(input_.images, pass, saved_);
    const std::string layer = network_.first_nonfinite(saved_);
    if (!layer.empty()) return layer;
    if (set(bad_loss)) return "the loss";
    const ops::BatchNormUpdate& update = updates_[static_cast<std::size_t>(flags[bad_state])];
    const bool mean =
        !ops::all_finite(update.moments.mean) || !ops::all_finite(update.running_mean);
    const Tensor& bad = mean ? update.running_mean : update.running_var;
    for (const nn::StatePtr& state : network_.store().states()) {
      if (state->value.raw() == bad.raw()) return state->name;
    }
    return "a running statistic";
  }
  return set(bad_parameter) ? "the update of " + optimizer_.name(flags[bad_parameter]) : "";
}

}  // namespace rn::train
