// SGD as a holder of named state slots. The step itself is an op.
#pragma once

#include <string>
#include <vector>

#include "nn/parameter.h"
#include "ops/optimizer.h"
#include "train/model_file.h"

namespace rn::train {

enum class Decay { all, weights };  // which parameters decay: all, or convolutions and linear ones
Decay parse_decay(const std::string& text);  // errors: usage

struct SgdOptions {
  double momentum = 0.9;
  bool nesterov = false;
  double weight_decay = 1e-4;
  Decay decay = Decay::all;
};

class Sgd {
 public:
  static constexpr const char* slot = "momentum";

  // The store's parameters must have gradients. Slots start at zero.
  Sgd(const SgdOptions& options, nn::Store& store);

  // Updates all parameters and slots from the gradients, or none: then the name of the first
  // parameter that would not be finite is returned, else "".
  std::string step(double lr, Stream& stream = cpu_stream());

  // Slots by name, sharing memory.
  std::map<std::string, NamedTensors> slots() const;
  // Errors (input): a slot is missing or of another shape.
  void load(const std::map<std::string, NamedTensors>& slots);

 private:
  SgdOptions options_;
  std::vector<std::string> names_;
  std::vector<ops::SgdParameter> parameters_;
};

}  // namespace rn::train
