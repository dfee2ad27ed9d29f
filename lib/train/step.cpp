#include "train/step.h"

#include <algorithm>
#include <cmath>

#include "ops/flagged.h"
#include "ops/loss.h"
#include "ops/reduce.h"
#include "train/graph_step.h"

namespace rn::train {
namespace {

// Images whose label has not the first of the largest logits.
std::int64_t count_errors(const Tensor& logits, const Tensor& labels, const Tensor& others,
                          const Tensor& shares) {
  return with_float(logits.dtype(), "train", [&]<class T>() {
    const std::int64_t count = logits.dim(0), classes = logits.dim(1);
    const T* row = logits.data<T>();
    std::int64_t errors = 0;
    for (std::int64_t n = 0; n < count; ++n, row += classes) {
      std::int64_t best = 0;
      for (std::int64_t k = 1; k < classes; ++k) {
        if (row[k] > row[best]) best = k;
      }
      const bool other = others && shares.data<double>()[n] < 0.5;
      errors += best != (other ? others : labels).data<std::int32_t>()[n];
    }
    return errors;
  });
}

Tensor rows(const Tensor& x, std::int64_t first, std::int64_t count) {
  return x ? x.slice(first, first + count) : x;
}

}  // namespace

Stepper::Stepper(models::Network& network, Optimizer& optimizer, StepOptions options,
                 const MemoryMode& memory)
    : network_(network),
      optimizer_(optimizer),
      options_(options),
      memory_(memory),
      pool_(network.store().device()) {
  if (GraphStep::possible(network, optimizer, options, memory)) {
    graph_ = std::make_unique<GraphStep>(network, optimizer, options, memory, pool_);
  }
  for (const nn::StatePtr& state : network.store().states()) {
    states_before_.push_back(state->value.clone());
  }
}

Stepper::~Stepper() = default;

StepResult Stepper::run(const data::Batch& batch, double lr, const StepAt& at,
                        const std::function<const data::Batch*()>& meanwhile) {
  if (graph_ && graph_->takes(batch)) return graph_->run(batch, lr, meanwhile);
  const std::int64_t images = batch.images.dim(0);
  const std::int64_t most = options_.micro_batch > 0 ? options_.micro_batch : images;
  const auto& states = network_.store().states();
  for (std::size_t i = 0; i < states.size(); ++i) states_before_[i].copy_from(states[i]->value);
  network_.store().zero_gradients();
  StepResult result{.images = images};
  for (std::int64_t first = 0; first < images && result.diverged.empty(); first += most) {
    result.diverged = part(batch, first, std::min(most, images - first), at, result);
  }
  if (result.diverged.empty()) {
    const std::string bad = optimizer_.step(lr, at.update);
    if (!bad.empty()) result.diverged = "the update of " + bad;
  }
  if (graph_) saved_.release();  // a recorded step may use its memory
  if (!result.diverged.empty()) {
    for (std::size_t i = 0; i < states.size(); ++i) states[i]->value.copy_from(states_before_[i]);
  }
  return result;
}

std::string Stepper::part(const data::Batch& batch, std::int64_t first, std::int64_t count,
                          const StepAt& at, StepResult& result) {
  if (at.gates) at.gates(first, count);
  const ops::Dropout dropout{options_.dropout, options_.seed, at.step, first};
  nn::Pass pass{.pool = pool_,
                .batch_statistics = true,
                .keep = true,
                .sampled_depth = true,
                .dropout = options_.dropout > 0 ? &dropout : nullptr};
  apply(memory_, network_, pass);
  const Tensor labels = rows(batch.labels, first, count), others = rows(batch.others, first, count),
               shares = rows(batch.shares, first, count);
  const Device device = network_.store().device();
  const ops::SoftmaxCrossEntropy loss{.label_smoothing = options_.label_smoothing,
                                      .scale = 1.0 / static_cast<double>(batch.images.dim(0)),
                                      .others = there(others, others_),
                                      .shares = there(shares, shares_)};
  const Tensor logits = network_.forward(rows(batch.images, first, count), pass, saved_);
  losses_.ensure({count}, Dtype::f64, Tag::workspace, device);
  d_logits_.ensure(logits.shape(), logits.dtype(), Tag::workspace, device);
  ops::softmax_cross_entropy(loss, logits, there(labels, labels_), losses_, d_logits_, pass.stream);

  if (device.is_cpu()) {
    result.errors += count_errors(logits, labels, others, shares);
    for (const double l : losses_.span<double>()) result.loss_sum += l;
  } else {
    tally(logits, loss, result, pass.stream);
  }
  if (!std::isfinite(result.loss_sum)) {
    const std::string layer = network_.first_nonfinite(saved_);
    return layer.empty() ? "the loss" : layer;
  }
  network_.backward(d_logits_, pass, saved_);
  network_.commit(saved_);
  return statistics();
}

// The sums that a recorded step makes, in the same order.
void Stepper::tally(const Tensor& logits, const ops::SoftmaxCrossEntropy& loss, StepResult& result,
                    Stream& stream) {
  report_.ensure({2}, Dtype::f64, Tag::workspace, logits.device());
  flags_.ensure({1}, Dtype::i32, Tag::workspace, logits.device());
  ops::tally({.logits = logits,
              .losses = losses_,
              .labels = labels_,
              .others = loss.others,
              .shares = loss.shares,
              .report = report_,
              .flags = flags_},
             stream);
  const Tensor report = report_.on(cpu);
  result.loss_sum += report.data<double>()[0];
  result.errors += static_cast<std::int64_t>(report.data<double>()[1]);
}

Tensor Stepper::there(const Tensor& x, Tensor& kept) const {
  const Device device = network_.store().device();
  if (!x || device.is_cpu()) return x;
  kept.ensure(x.shape(), x.dtype(), Tag::input, device);
  kept.copy_from(x);
  return kept;
}

std::string Stepper::statistics() {
  const auto& states = network_.store().states();
  std::vector<Tensor> values;
  for (const nn::StatePtr& state : states) values.push_back(state->value);
  const int bad = ops::first_not_finite(values);
  if (bad < 0) return {};
  const std::string layer = network_.first_nonfinite(saved_);
  return layer.empty() ? states[static_cast<std::size_t>(bad)]->name : layer;
}

}  // namespace rn::train
