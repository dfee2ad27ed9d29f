#include "train/step.h"

#include <cmath>

#include "ops/loss.h"
#include "ops/reduce.h"

namespace rn::train {
namespace {

// Images whose label has not the first of the largest logits.
std::int64_t count_errors(const Tensor& logits, const Tensor& labels) {
  return with_float(logits.dtype(), "train", [&]<class T>() {
    const std::int64_t count = logits.dim(0), classes = logits.dim(1);
    const T* row = logits.data<T>();
    std::int64_t errors = 0;
    for (std::int64_t n = 0; n < count; ++n, row += classes) {
      std::int64_t best = 0;
      for (std::int64_t k = 1; k < classes; ++k) {
        if (row[k] > row[best]) best = k;
      }
      errors += best != labels.data<std::int32_t>()[n];
    }
    return errors;
  });
}

}  // namespace

Stepper::Stepper(models::Network& network, Sgd& optimizer, const MemoryMode& memory)
    : network_(network), optimizer_(optimizer), memory_(memory), pool_(network.store().device()) {
  for (const nn::StatePtr& state : network.store().states()) {
    states_before_.push_back(state->value.clone());
  }
}

StepResult Stepper::run(const data::Batch& batch, double lr) {
  nn::Pass pass{.pool = pool_, .batch_statistics = true, .keep = true, .sampled_depth = true};
  apply(memory_, network_, pass);
  const Tensor logits = network_.forward(batch.images, pass, saved_);
  const std::int64_t count = logits.dim(0);
  losses_.ensure({count}, Dtype::f64, Tag::workspace);
  d_logits_.ensure(logits.shape(), logits.dtype(), Tag::workspace);
  ops::softmax_cross_entropy({.scale = 1.0 / static_cast<double>(count)}, logits, batch.labels,
                             losses_, d_logits_, pass.stream);

  StepResult result{.errors = count_errors(logits, batch.labels), .images = count};
  for (const double loss : losses_.span<double>()) result.loss_sum += loss;
  if (!std::isfinite(result.loss_sum)) {
    result.diverged = network_.first_nonfinite(saved_);
    if (result.diverged.empty()) result.diverged = "the loss";
    return result;
  }
  network_.store().zero_gradients(pass.stream);
  network_.backward(d_logits_, pass, saved_);
  result.diverged = commit(lr);
  return result;
}

std::string Stepper::commit(double lr) {
  const auto& states = network_.store().states();
  for (std::size_t i = 0; i < states.size(); ++i) states_before_[i].copy_from(states[i]->value);
  network_.commit(saved_);
  std::string bad;
  for (const nn::StatePtr& state : states) {
    if (!ops::all_finite(state->value)) {
      bad = network_.first_nonfinite(saved_);
      if (bad.empty()) bad = state->name;
      break;
    }
  }
  if (bad.empty()) {
    bad = optimizer_.step(lr);
    if (!bad.empty()) bad = "the update of " + bad;
  }
  if (!bad.empty()) {
    for (std::size_t i = 0; i < states.size(); ++i) states[i]->value.copy_from(states_before_[i]);
  }
  return bad;
}

}  // namespace rn::train
