// SGD, Adam and AdamW as holders of named state slots, with groups of parameters and gradient
// clipping. The steps themselves are ops.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nn/parameter.h"
#include "ops/adam.h"
#include "ops/optimizer.h"
#include "train/model_file.h"

namespace rn::train {

enum class OptimizerKind { sgd, adam, adamw };
OptimizerKind parse_optimizer(const std::string& text);  // errors: usage

enum class Decay { all, weights };  // which parameters decay: all, or convolutions and linear ones
Decay parse_decay(const std::string& text);  // errors: usage

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::sgd;
  double momentum = 0.9;  // sgd
  bool nesterov = false;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;  // adam, adamw
  double weight_decay = 1e-4;
  Decay decay = Decay::all;
  // Of norms' scales and shifts, of biases; unset: as `decay` says.
  std::optional<double> norm_decay = {}, bias_decay = {};
  // Factors of the rate: of norms, biases, the last layer (its bias has both).
  double norm_lr = 1, bias_lr = 1, head_lr = 1;
  // Before decay: all gradients together to at most this Euclidean norm (PyTorch's
  // clip_grad_norm_), or each number to at most this magnitude. 0: not at all. One of them.
  double clip_norm = 0, clip_value = 0;
};

class Optimizer {
 public:
  // The store's parameters must have gradients. Slots start at zero. Errors: usage.
  Optimizer(const OptimizerOptions& options, nn::Store& store);

  // Updates all parameters and slots from the gradients, or none: then the name of the first
  // parameter that would not be finite is returned, else "". `number` counts the updates, from 1.
  // Clips the gradients in place.
  std::string step(double lr, std::int64_t number);

  // Whether it has the other step: one that needs nothing of the host.
  bool flags() const;
  // On a GPU, without waiting: the rate is f64 [1] there; flags as in ops/optimizer.h.
  void step(const Tensor& rate, const Tensor& flags, Stream& stream);
  const std::string& name(std::int64_t parameter) const {
    return names_.at(static_cast<std::size_t>(parameter));
  }

  // Slots by name ("momentum", or "mean" and "square"), sharing memory.
  std::map<std::string, NamedTensors> slots() const;
  // Other slots are passed over. Errors (input): a slot is missing or of another shape.
  void load(const std::map<std::string, NamedTensors>& slots);

 private:
  void clip(Stream& stream) const;

  OptimizerOptions options_;
  Device device_;
  std::vector<std::string> names_;
  std::vector<ops::SgdParameter> sgd_;  // one of the two is in use
  std::vector<ops::AdamParameter> adam_;
};

}  // namespace rn::train
