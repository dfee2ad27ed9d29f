#include "train/optimizer.h"

namespace rn::train {

Decay parse_decay(const std::string& text) {
  if (text == "all") return Decay::all;
  if (text == "weights") return Decay::weights;
  fail(ErrorKind::usage, "decay '{}' is unknown: all or weights", text);
}

Sgd::Sgd(const SgdOptions& options, nn::Store& store) : options_(options) {
  for (const nn::ParameterPtr& parameter : store.parameters()) {
    require(parameter->gradient.defined(), "Sgd: {} has no gradient", parameter->name);
    const bool decays = options.decay == Decay::all || parameter->is_weight();
    names_.push_back(parameter->name);
    parameters_.push_back(
        {.value = parameter->value,
         .gradient = parameter->gradient,
         .momentum = Tensor::zeros(parameter->value.shape(), parameter->value.dtype(),
                                   Tag::optimizer, parameter->value.device()),
         .weight_decay = decays ? options.weight_decay : 0});
  }
}

std::string Sgd::step(double lr, Stream& stream) {
  const ops::Sgd attr{.lr = lr, .momentum = options_.momentum, .nesterov = options_.nesterov};
  const int bad = ops::sgd_step(attr, parameters_, stream);
  return bad < 0 ? "" : names_[static_cast<std::size_t>(bad)];
}

std::map<std::string, NamedTensors> Sgd::slots() const {
  NamedTensors named;
  for (std::size_t i = 0; i < names_.size(); ++i) named[names_[i]] = parameters_[i].momentum;
  return {{slot, named}};
}

void Sgd::load(const std::map<std::string, NamedTensors>& slots) {
  const auto found = slots.find(slot);
  if (found == slots.end()) {
    fail(ErrorKind::input, "the optimizer's slot '{}' is missing", slot);
  }
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const auto tensor = found->second.find(names_[i]);
    const Tensor& own = parameters_[i].momentum;
    if (tensor == found->second.end() || tensor->second.shape() != own.shape() ||
        tensor->second.dtype() != own.dtype()) {
      fail(ErrorKind::input, "the optimizer's slot '{}' of {} is missing or of another shape", slot,
           names_[i]);
    }
    own.copy_from(tensor->second);
  }
}

}  // namespace rn::train
