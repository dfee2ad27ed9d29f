#include "study/memory_step.h"

#include <chrono>
#include <cmath>
#include <exception>
#include <numbers>
#include <thread>

#include "base/error.h"
#include "base/parallel.h"
#include "base/process_memory.h"
#include "base/rng.h"
#include "ops/loss.h"

namespace rn::study {
namespace {

TagBytes live_bytes() {
  TagBytes bytes{};
  for (int tag = 0; tag < tag_count; ++tag) {
    bytes[static_cast<std::size_t>(tag)] = Ledger::global().live(static_cast<Tag>(tag));
  }
  return bytes;
}

PhaseBytes phase_bytes() {
  const Ledger& ledger = Ledger::global();
  PhaseBytes bytes;
  bytes.live = live_bytes();
  for (int tag = 0; tag < tag_count; ++tag) {
    bytes.peak[static_cast<std::size_t>(tag)] = ledger.peak(static_cast<Tag>(tag));
  }
  bytes.peak_total = ledger.peak_total();
  return bytes;
}

class Timeline : public nn::Trace {
 public:
  Timeline(const TensorPool& pool, std::vector<TimelinePoint>& points)
      : pool_(pool), points_(points) {}
  void passed(const std::string& name, bool backward) override {
    points_.push_back(
        {backward ? Phase::backward : Phase::forward, name, live_bytes(), pool_.in_use()});
  }

 private:
  const TensorPool& pool_;
  std::vector<TimelinePoint>& points_;
};

}  // namespace

const char* to_string(Phase phase) {
  static constexpr const char* names[] = {"forward", "backward", "update"};
  return names[static_cast<int>(phase)];
}

std::int64_t StepAccount::peak(Tag tag) const {
  std::int64_t most = 0;
  for (const PhaseBytes& phase : phases) {
    most = std::max(most, phase.peak[static_cast<std::size_t>(tag)]);
  }
  return most;
}

std::int64_t StepAccount::peak_total() const {
  std::int64_t most = 0;
  for (const PhaseBytes& phase : phases) most = std::max(most, phase.peak_total);
  return most;
}

MemoryStep::MemoryStep(const models::NetworkSpec& spec, Dtype dtype, const train::MemoryMode& mode,
                       std::int64_t batch, std::uint64_t seed, Device device)
    : pool_(device), network_(spec, dtype, device), mode_(mode) {
  check(mode, spec);
  network_.initialize(seed);
  network_.store().require_gradients();
  sgd_.emplace(train::OptimizerOptions{.weight_decay = 2e-4, .decay = train::Decay::weights},
               network_.store());
  images_ = Tensor({batch, spec.height, spec.width, spec.channels}, dtype, Tag::input);
  labels_ = Tensor({batch}, Dtype::i32, Tag::input);
  Rng rng(seed, RngPurpose::test);
  with_activation(dtype, "memory", [&]<class T>() {
    for (T& x : images_.span<T>()) x = T(rng.normal());
  });
  for (std::int32_t& label : labels_.span<std::int32_t>()) {
    label = static_cast<std::int32_t>(rng.below(static_cast<std::uint32_t>(spec.classes)));
  }
  images_ = images_.on(device);
  labels_ = labels_.on(device);
}

void MemoryStep::forward_backward(const train::MemoryMode& mode, const Tensor& images,
                                  const Tensor& labels, nn::Trace* trace,
                                  const std::function<void(Phase)>& done) {
  nn::Pass pass{.pool = pool_, .batch_statistics = true, .keep = true};
  apply(mode, network_, pass);
  pass.trace = trace;
  const Tensor logits = network_.forward(images, pass, saved_);
  const std::int64_t count = logits.dim(0);
  losses_.ensure({count}, Dtype::f64, Tag::workspace, pool_.device());
  d_logits_.ensure(logits.shape(), logits.dtype(), Tag::workspace, pool_.device());
  ops::softmax_cross_entropy({.scale = 1.0 / static_cast<double>(count)}, logits,
                             labels.on(pool_.device()), losses_, d_logits_, pass.stream);
  loss_ = 0;
  const Tensor losses = losses_.on(cpu);
  for (const double loss : losses.span<double>()) loss_ += loss / static_cast<double>(count);
  done(Phase::forward);
  network_.store().zero_gradients(pass.stream);
  network_.backward(d_logits_, pass, saved_);
  pass.stream.synchronize();
  done(Phase::backward);
}

std::array<double, phase_count> MemoryStep::run() {
  using Clock = std::chrono::steady_clock;
  std::array<double, phase_count> seconds{};
  Clock::time_point before = Clock::now();
  const auto done = [&](Phase phase) {
    const Clock::time_point now = Clock::now();
    seconds[static_cast<std::size_t>(phase)] = std::chrono::duration<double>(now - before).count();
    before = now;
  };
  forward_backward(mode_, images_, labels_, nullptr, done);
  network_.commit(saved_);
  sgd_->step(1e-3, 1);
  done(Phase::update);
  return seconds;
}

StepAccount MemoryStep::account() {
  StepAccount account;
  account.parameters = network_.store().parameter_count();
  account.blocks = network_.block_count();
  Timeline timeline(pool_, account.timeline);
  Ledger::global().reset_peaks();
  const auto done = [&](Phase phase) {
    account.phases[static_cast<std::size_t>(phase)] = phase_bytes();
    Ledger::global().reset_peaks();
  };
  forward_backward(mode_, images_, labels_, &timeline, done);
  network_.commit(saved_);
  sgd_->step(1e-3, 1);
  done(Phase::update);
  account.timeline.push_back({Phase::update, "optimizer", live_bytes(), pool_.in_use()});
  return account;
}

std::vector<double> MemoryStep::gradient(const train::MemoryMode& mode, const Tensor& images,
                                         const Tensor& labels) {
  forward_backward(mode, images ? images : images_, labels ? labels : labels_, nullptr,
                   [](Phase) {});
  std::vector<double> all;
  for (const auto& parameter : network_.store().parameters()) {
    with_float(parameter->gradient.dtype(), "gradient", [&]<class T>() {
      const Tensor gradient = parameter->gradient.on(cpu);
      for (const T x : gradient.span<T>()) all.push_back(static_cast<double>(x));
    });
  }
  return all;
}

std::vector<MemoryStep::Reconstruction> MemoryStep::reconstruct() {
  train::MemoryMode stored = mode_;
  stored.activations = train::Activations::stored;
  nn::Pass pass{.pool = pool_, .batch_statistics = true, .keep = true};
  apply(stored, network_, pass);
  std::vector<Tensor> states{network_.enter(images_, pass, saved_)};
  for (std::int64_t i = 0; i < network_.block_count(); ++i) {
    states.push_back(network_.forward(states.back(), i, i + 1, pass, saved_));
  }
  std::vector<Reconstruction> found;
  Tensor y = states.back();
  for (std::int64_t i = network_.block_count() - 1; i >= 0; --i) {
    const Tensor& x = states[static_cast<std::size_t>(i)];
    const nn::Residual& block = network_.block(i);
    if (!block.spec().invertible()) {  // it was kept
      y = x;
      continue;
    }
    y = block.inverse(y, pass, saved_.blocks[static_cast<std::size_t>(i)]);
    Reconstruction at{block.spec().name};
    const Tensor was = x.on(cpu), is = y.on(cpu);
    with_float(x.dtype(), "reconstruct", [&]<class T>() {
      double difference = 0, whole = 0;
      for (std::int64_t k = 0; k < x.size(); ++k) {
        const auto a = static_cast<double>(was.data<T>()[k]);
        const double d = static_cast<double>(is.data<T>()[k]) - a;
        difference += d * d;
        whole += a * a;
        at.largest = std::max(at.largest, std::abs(d));
      }
      at.relative = whole > 0 ? std::sqrt(difference / whole) : 0;
    });
    found.insert(found.begin(), at);
  }
  saved_.release();
  return found;
}

void on_fresh_threads(const std::function<void()>& body) {
  set_threads(threads());  // others, without what these keep
  std::exception_ptr failure;
  std::thread([&] {
    try {
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

double angle_between(const std::vector<double>& a, const std::vector<double>& b) {
  require(a.size() == b.size(), "angle_between: {} and {} numbers", a.size(), b.size());
  double aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  if (aa == 0 || bb == 0) return aa == bb ? 0 : 90;
  const double of_a = std::sqrt(aa), of_b = std::sqrt(bb);
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = a[i] / of_a - b[i] / of_b;
    squares += d * d;
  }
  return 2 * std::asin(std::min(1.0, std::sqrt(squares) / 2)) * 180 / std::numbers::pi;
}

}  // namespace rn::study
