#include "train/optimizer.h"

#include <algorithm>
#include <cmath>

#include "ops/clip.h"
#include "ops/reduce.h"

namespace rn::train {
namespace {

using Kind = nn::ParameterKind;

bool of_norm(Kind kind) { return kind == Kind::norm_scale || kind == Kind::norm_shift; }
bool is_bias(Kind kind) { return kind == Kind::conv_bias || kind == Kind::linear_bias; }

double decay_of(const OptimizerOptions& o, const nn::Parameter& parameter) {
  const double usual = o.decay == Decay::all || parameter.is_weight() ? o.weight_decay : 0;
  if (of_norm(parameter.kind)) return o.norm_decay.value_or(usual);
  if (is_bias(parameter.kind)) return o.bias_decay.value_or(usual);
  return usual;
}

double rate_of(const OptimizerOptions& o, Kind kind) {
  const bool head = kind == Kind::linear_weight || kind == Kind::linear_bias;
  return (of_norm(kind) ? o.norm_lr : 1) * (is_bias(kind) ? o.bias_lr : 1) * (head ? o.head_lr : 1);
}

// PyTorch's: no division by zero, and gradients that are short enough are left as they are.
double clip_scale(double norm, double longest) { return std::min(1.0, longest / (norm + 1e-6)); }

}  // namespace

OptimizerKind parse_optimizer(const std::string& text) {
  if (text == "sgd") return OptimizerKind::sgd;
  if (text == "adam") return OptimizerKind::adam;
  if (text == "adamw") return OptimizerKind::adamw;
  fail(ErrorKind::usage, "optimizer '{}' is unknown: sgd, adam or adamw", text);
}

Decay parse_decay(const std::string& text) {
  if (text == "all") return Decay::all;
  if (text == "weights") return Decay::weights;
  fail(ErrorKind::usage, "decay '{}' is unknown: all or weights", text);
}

Optimizer::Optimizer(const OptimizerOptions& options, nn::Store& store)
    : options_(options), device_(store.device()) {
  if (options.clip_norm > 0 && options.clip_value > 0) {
    fail(ErrorKind::usage, "--clip-norm and --clip-value both clip the gradients: one of them");
  }
  for (const nn::ParameterPtr& parameter : store.parameters()) {
    require(parameter->gradient.defined(), "Optimizer: {} has no gradient", parameter->name);
    const Tensor& value = parameter->value;
    const auto slot = [&] {
      return Tensor::zeros(value.shape(), value.dtype(), Tag::optimizer, value.device());
    };
    const double lr_scale = rate_of(options, parameter->kind);
    const double decay = decay_of(options, *parameter);
    names_.push_back(parameter->name);
    if (options.kind == OptimizerKind::sgd) {
      sgd_.push_back({value, parameter->gradient, slot(), lr_scale, decay});
    } else {
      adam_.push_back({value, parameter->gradient, slot(), slot(), lr_scale, decay});
    }
  }
}

void Optimizer::clip(Stream& stream) const {
  ops::Clip attr;
  std::vector<Tensor> gradients;
  for (const auto& p : sgd_) gradients.push_back(p.gradient);
  for (const auto& p : adam_) gradients.push_back(p.gradient);
  if (options_.clip_norm > 0) {
    double squares = 0;
    for (const Tensor& gradient : gradients) squares += ops::sum_squares(gradient, stream);
    attr.scale = clip_scale(std::sqrt(squares), options_.clip_norm);
    if (attr.scale == 1) return;
  } else {
    attr.limit = options_.clip_value;
  }
  for (const Tensor& gradient : gradients) ops::clip(attr, gradient, stream);
}

std::string Optimizer::step(double lr, std::int64_t number) {
  const OptimizerOptions& o = options_;
  Stream& stream = default_stream(device_);
  if (o.clip_norm > 0 || o.clip_value > 0) clip(stream);
  int bad = -1;
  if (o.kind == OptimizerKind::sgd) {
    bad = ops::sgd_step({.lr = lr, .momentum = o.momentum, .nesterov = o.nesterov}, sgd_, stream);
  } else {
    bad = ops::adam_step({.lr = lr,
                          .beta1 = o.beta1,
                          .beta2 = o.beta2,
                          .eps = o.eps,
                          .decoupled = o.kind == OptimizerKind::adamw,
                          .step = number},
                         adam_, stream);
  }
  return bad < 0 ? "" : names_[static_cast<std::size_t>(bad)];
}

bool Optimizer::flags() const {
  return !device_.is_cpu() && options_.kind == OptimizerKind::sgd && options_.clip_norm == 0 &&
         options_.clip_value == 0;
}

void Optimizer::step(const Tensor& rate, const Tensor& flags, Stream& stream) {
  ops::sgd_step({.momentum = options_.momentum, .nesterov = options_.nesterov, .rate = rate}, sgd_,
                flags, stream);
}

std::map<std::string, NamedTensors> Optimizer::slots() const {
  std::map<std::string, NamedTensors> named;
  for (std::size_t i = 0; i < sgd_.size(); ++i) named["momentum"][names_[i]] = sgd_[i].momentum;
  for (std::size_t i = 0; i < adam_.size(); ++i) {
    named["mean"][names_[i]] = adam_[i].mean;
    named["square"][names_[i]] = adam_[i].square;
  }
  return named;
}

void Optimizer::load(const std::map<std::string, NamedTensors>& slots) {
  for (const auto& [slot, tensors] : this->slots()) {
    const auto found = slots.find(slot);
    if (found == slots.end()) {
      fail(ErrorKind::input, "the optimizer's slot '{}' is missing", slot);
    }
    for (const auto& [name, own] : tensors) {
      const auto tensor = found->second.find(name);
      if (tensor == found->second.end() || tensor->second.shape() != own.shape() ||
          tensor->second.dtype() != own.dtype()) {
        fail(ErrorKind::input, "the optimizer's slot '{}' of {} is missing or of another shape",
             slot, name);
      }
      own.copy_from(tensor->second);
    }
  }
}

}  // namespace rn::train
