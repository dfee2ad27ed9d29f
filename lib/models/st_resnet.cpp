#include "models/st_resnet.h"

#include "base/error.h"

namespace rn::models {

void StSaved::release() {
  appearance.release();
  motion.release();
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

void StNetwork::initialize(std::uint64_t seed, double gain) { store_->initialize(seed, gain); }

std::int64_t StNetwork::outputs(std::int64_t frames) const {
  const HeadSpec& head = spec_.any().head;
  if (head.temporal_pool == TemporalPool::none) return frames;
  if (frames < head.pool_size) {
    fail(ErrorKind::usage, "a clip of {} frames, but the network pools over {} of them", frames,
         head.pool_size);
  }
  return (frames - head.pool_size) / head.pool_stride + 1;
}

StLogits StNetwork::forward(const StInput&, const nn::Pass&, StSaved&) const {
  fail(ErrorKind::usage, "StNetwork: forward is not there yet");
}

void StNetwork::backward(const StLogits&, const nn::Pass&, StSaved&) const {
  fail(ErrorKind::usage, "StNetwork: backward is not there yet");
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

std::vector<std::string> take_image_network(const Network&, Network&) {
  fail(ErrorKind::usage, "take_image_network is not there yet");
}

}  // namespace rn::models
