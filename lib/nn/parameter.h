// Parameters and states of a network, by dotted name ("stage2.block3.conv1.weight").
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace rn::nn {

enum class ParameterKind {
  conv_weight,
  conv_bias,
  norm_scale,
  norm_shift,
  linear_weight,
  linear_bias
};

struct Parameter {
  std::string name;
  ParameterKind kind;
  Tensor value;
  Tensor gradient;          // undefined until Store::require_gradients
  bool is_weight() const {  // the group that "decay weights only" means
    return kind == ParameterKind::conv_weight || kind == ParameterKind::linear_weight;
  }
};

struct State {  // what is learnt without gradients: running statistics
  std::string name;
  Tensor value;
};

using ParameterPtr = std::shared_ptr<Parameter>;
using StatePtr = std::shared_ptr<State>;

// Makes and lists them, in the order of construction (the order of files and of initialisation).
class Store {
 public:
  // `prefix` goes before every name.
  explicit Store(Dtype dtype, Device device = cpu, std::string prefix = {})
      : dtype_(dtype), device_(device), prefix_(std::move(prefix)) {}
  Dtype dtype() const { return dtype_; }
  Device device() const { return device_; }
  const std::string& prefix() const { return prefix_; }

  ParameterPtr parameter(const std::string& name, const Shape& shape, ParameterKind kind);
  StatePtr state(const std::string& name, const Shape& shape, double fill);
  // Lists what the other has behind its own: the same parameters, by two stores.
  void share(const Store& other);

  const std::vector<ParameterPtr>& parameters() const { return parameters_; }
  const std::vector<StatePtr>& states() const { return states_; }
  std::int64_t parameter_count() const;

  void require_gradients();  // allocates and zeroes them
  void zero_gradients() { zero_gradients(default_stream(device_)); }
  void zero_gradients(Stream& stream);
  // Convolutions N(0, 2 / (KH * KW * O)) (He et al. 2015, fan-out), linear weights
  // U(+-1/sqrt(F)), norm scales 1, shifts and biases 0; drawn from (seed, parameter's number).
  void initialize(std::uint64_t seed, double gain = 1);  // weights times gain

 private:
  Dtype dtype_;
  Device device_;
  std::string prefix_;
  std::vector<ParameterPtr> parameters_;
  std::vector<StatePtr> states_;
  Tensor all_gradients_;  // on a GPU: those of this store, which the parameters' own are parts of
};

}  // namespace rn::nn
