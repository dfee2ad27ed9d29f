#include "nn/parameter.h"

#include <cmath>

#include "base/rng.h"

namespace rn::nn {
namespace {

void fill(const Tensor& tensor, auto&& next) {
  const Tensor host =
      tensor.device().is_cpu() ? tensor : Tensor(tensor.shape(), tensor.dtype(), Tag::workspace);
  with_float(tensor.dtype(), "initialize", [&]<class T>() {
    for (T& x : host.span<T>()) x = static_cast<T>(next());
  });
  if (host.raw() != tensor.raw()) tensor.copy_from(host);
}

bool part_of(const Tensor& part, const Tensor& all) {
  const auto *at = static_cast<const char*>(part.raw()),
             *from = static_cast<const char*>(all.raw());
  return all && at >= from && at < from + all.bytes();
}

}  // namespace

ParameterPtr Store::parameter(const std::string& name, const Shape& shape, ParameterKind kind) {
  auto made = std::make_shared<Parameter>();
  made->name = prefix_ + name;
  made->kind = kind;
  made->value = Tensor::zeros(shape, dtype_, Tag::parameter, device_);
  parameters_.push_back(made);
  return made;
}

StatePtr Store::state(const std::string& name, const Shape& shape, double value) {
  auto made = std::make_shared<State>();
  made->name = prefix_ + name;
  made->value = Tensor(shape, dtype_, Tag::state, device_);
  fill(made->value, [value] { return value; });
  states_.push_back(made);
  return made;
}

void Store::share(const Store& other) {
  parameters_.insert(parameters_.end(), other.parameters_.begin(), other.parameters_.end());
  states_.insert(states_.end(), other.states_.begin(), other.states_.end());
}

std::int64_t Store::parameter_count() const {
  std::int64_t count = 0;
  for (const auto& parameter : parameters_) count += parameter->value.size();
  return count;
}

void Store::require_gradients() {
  // On a GPU side by side: one launch zeroes them.
  constexpr std::int64_t align = 64;
  const auto room = [](const Tensor& x) { return (x.size() + align - 1) / align * align; };
  std::int64_t size = 0;
  for (const auto& parameter : parameters_) {
    const Tensor& value = parameter->value;
    if (device_.is_cpu()) {
      parameter->gradient.ensure(value.shape(), value.dtype(), Tag::gradient, device_);
    } else if (!parameter->gradient) {
      size += room(value);
    }
  }
  if (size > 0) {
    all_gradients_ = Tensor({size}, dtype_, Tag::gradient, device_);
    std::int64_t at = 0;
    for (const auto& parameter : parameters_) {
      const Tensor& value = parameter->value;
      if (parameter->gradient) continue;
      parameter->gradient = all_gradients_.slice(at, at + value.size()).reshape(value.shape());
      at += room(value);
    }
  }
  zero_gradients();
}

void Store::zero_gradients(Stream& stream) {
  if (all_gradients_) all_gradients_.zero(stream);
  for (const auto& parameter : parameters_) {
    const Tensor& gradient = parameter->gradient;
    if (gradient && !part_of(gradient, all_gradients_)) gradient.zero(stream);
  }
}

void Store::initialize(std::uint64_t seed, double gain) {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter& parameter = *parameters_[i];
    const Shape& shape = parameter.value.shape();
    Rng rng(seed, RngPurpose::init, i);
    switch (parameter.kind) {
      case ParameterKind::conv_weight: {
        const double fan_out = static_cast<double>(shape[0] * shape[1] * shape[2]);
        const double sigma = gain * std::sqrt(2 / fan_out);
        fill(parameter.value, [&] { return sigma * rng.normal(); });
        break;
      }
      case ParameterKind::linear_weight: {
        const double bound = gain / std::sqrt(static_cast<double>(shape[1]));
        fill(parameter.value, [&] { return rng.uniform(-bound, bound); });
        break;
      }
      case ParameterKind::norm_scale: fill(parameter.value, [] { return 1.0; }); break;
      default: fill(parameter.value, [] { return 0.0; });
    }
  }
}

}  // namespace rn::nn
