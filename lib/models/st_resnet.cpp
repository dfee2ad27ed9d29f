#include "models/st_resnet.h"

#include <utility>

#include "base/error.h"

namespace rn::models {

void StSaved::release() {
  for (Saved* stream : {&appearance, &motion}) {
    stream->release();
    for (nn::Tie& tie : stream->ties) tie.value = tie.d_value = tie.raw = Tensor();
  }
}

StNetwork::StNetwork(StSpec spec, Dtype dtype, Device device)
    : spec_(std::move(spec)),
      dtype_(dtype),
      store_(std::make_unique<nn::Store>(wide(dtype), device)) {
  check(spec_);
  const auto make = [&](const std::optional<NetworkSpec>& of, const char* prefix) {
    if (!of) return std::unique_ptr<Network>();
    auto network = std::make_unique<Network>(*of, dtype, device, prefix);
    store_->share(network->store());
    return network;
  };
  appearance_ = make(spec_.appearance, "appearance.");
  motion_ = make(spec_.motion, "motion.");
  if (spec_.connection != Connection::none) units_ = second_units(*spec_.appearance);
  gates.assign(units_.size(), spec_.gate);
}

void StNetwork::initialize(std::uint64_t seed, double gain) {
  store_->initialize(seed, gain);
  for (Network* stream : {appearance_.get(), motion_.get()}) {
    if (stream) average_taps(*stream);
  }
}

std::int64_t StNetwork::outputs(std::int64_t frames) const {
  const HeadSpec& head = spec_.any().head;
  if (head.temporal_pool == TemporalPool::none) return frames;
  if (frames < head.pool_size) {
    fail(ErrorKind::usage, "a clip of {} frames, but the network pools over {} of them", frames,
         head.pool_size);
  }
  return (frames - head.pool_size) / head.pool_stride + 1;
}

StLogits StNetwork::forward(const StInput& input, const nn::Pass& pass, StSaved& saved) const {
  const auto frames_of = [&](const Tensor& x, const char* what) {
    require(x.defined() && x.rank() == 4 && input.clips >= 1 && x.dim(0) >= input.clips &&
                x.dim(0) % input.clips == 0,
            "spatiotemporal network '{}': {} {} of {} clips", spec_.arch, what, x, input.clips);
    return x.dim(0) / input.clips;
  };
  saved.frames = frames_of(motion_ ? input.flow : input.frames, motion_ ? "flow" : "frames");
  nn::Pass own = pass;
  own.frames = saved.frames;
  own.any_size = true;
  StLogits logits;
  saved.appearance.ties.clear();
  saved.motion.ties.clear();
  if (motion_) {  // first: appearance reads it
    tie(saved.motion, nn::Tie::Kind::lends);
    logits.motion = motion_->forward(input.flow, own, saved.motion);
  }
  if (appearance_) {
    require(frames_of(input.frames, "frames") == saved.frames,
            "spatiotemporal network '{}': frames {} beside flow {}", spec_.arch, input.frames,
            input.flow);
    tie(saved.appearance,
        spec_.connection == Connection::additive ? nn::Tie::Kind::adds : nn::Tie::Kind::multiplies);
    for (const std::int64_t unit : units_) {
      const auto at = static_cast<std::size_t>(unit);
      saved.appearance.ties[at].value = saved.motion.ties[at].value;
    }
    own.unfolded = spec_.before_relu;
    logits.appearance = appearance_->forward(input.frames, own, saved.appearance);
  }
  if (!pass.keep) saved.release();
  return logits;
}

void StNetwork::tie(Saved& saved, nn::Tie::Kind kind) const {
  if (units_.empty()) return;
  saved.ties.resize(spec_.any().blocks.size());
  for (std::size_t k = 0; k < units_.size(); ++k) {
    if (gates.at(k) == 0) continue;
    nn::Tie& tie = saved.ties[static_cast<std::size_t>(units_[k])];
    tie.kind = kind;
    tie.gate = gates[k];
    tie.before_relu = spec_.before_relu;
  }
}

void StNetwork::backward(const StLogits& d_logits, const nn::Pass& pass, StSaved& saved) const {
  nn::Pass own = pass;
  own.frames = saved.frames;
  own.any_size = true;
  if (appearance_ && d_logits.appearance) {
    appearance_->backward(d_logits.appearance, own, saved.appearance);
    for (const std::int64_t unit : units_) {
      const auto at = static_cast<std::size_t>(unit);
      saved.motion.ties[at].d_value = std::exchange(saved.appearance.ties[at].d_value, Tensor());
    }
  }
  if (!motion_) return;
  const bool connected = d_logits.appearance && !units_.empty();
  if (d_logits.motion) {
    motion_->backward(d_logits.motion, own, saved.motion);
  } else if (connected) {
    const Tensor zero = pass.pool.take({saved.motion.features.dim(0), spec_.classes()},
                                       saved.motion.features.dtype());
    zero.zero(pass.stream);
    motion_->backward(zero, own, saved.motion);
  }
  for (nn::Tie& tie : saved.motion.ties) tie.d_value = Tensor();
}

void StNetwork::commit(const StSaved& saved, std::optional<double> momentum) const {
  if (appearance_) appearance_->commit(saved.appearance, momentum);
  if (motion_) motion_->commit(saved.motion, momentum);
}

std::string StNetwork::first_nonfinite(const StSaved& saved) const {
  // Motion runs first, and appearance reads it.
  if (motion_) {
    const std::string name = motion_->first_nonfinite(saved.motion);
    if (!name.empty()) return "motion." + name;
  }
  if (!appearance_) return {};
  const std::string name = appearance_->first_nonfinite(saved.appearance);
  return name.empty() ? name : "appearance." + name;
}

void StNetwork::set_checkpoints(const Checkpoints& checkpoints) {
  if (appearance_) appearance_->checkpoints = checkpoints;
  if (motion_) motion_->checkpoints = checkpoints;
}

}  // namespace rn::models
