// Weight files of other tools: named tensors, whatever the container. Everything is hostile: sizes
// and offsets are checked before anything is allocated or read, and nothing in a file is executed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "io/h5.h"
#include "tensor/tensor.h"

namespace rn::io {

using rn::to_string;

enum class WeightFormat {
  safetensors,
  torch_zip,     // PyTorch >= 1.6
  torch_legacy,  // PyTorch < 1.6
  keras_h5,      // Keras' HDF5: layer_names and weight_names (weights only, or a whole model)
  keras3_h5,     // Keras 3 `.weights.h5`: layers/<name>/vars/<i>
};
const char* to_string(WeightFormat format);  // "safetensors", "PyTorch (zip)", ...

struct Weight {
  std::string name;    // "layer1.0.conv1.weight"; Keras: "conv1_conv/kernel"
  std::string stored;  // dtype in the file: "f32", "f16", "bf16", "f64", "i64", ...
  Tensor value;        // f32 (f16 and bf16 widen exactly), f64, or i64 for every integer type
};

struct WeightFile {
  std::string name;  // the path, or "stdin": for messages
  WeightFormat format = WeightFormat::safetensors;
  std::string nesting;          // what the state dict lay under ("state_dict"), or empty
  std::string prefix;           // what was cut off every name ("module."), or empty
  std::vector<Weight> weights;  // in the order of the file
  // Other entries of a checkpoint, by name: "epoch", "optimizer".
  std::vector<std::string> ignored;
  // safetensors: __metadata__; Keras: "model_config" (JSON), "keras_version", "backend".
  std::map<std::string, std::string> metadata;
};

// `path`, or stdin for "-"; the container is told from the bytes, not from the name. Errors
// (input): not a weight file, damaged, over the limits; the message is one line that names the file
// and the offending field. `entry`: of a PyTorch checkpoint, what to read ("model"); empty:
// averaged weights before others ("state_dict_ema", "model_ema", "state_dict", "model", ...).
WeightFile read_weights(const std::string& path, const std::string& entry = {});

// The same from bytes, called `name` in messages.
WeightFile read_weights(Bytes bytes, const std::string& name, const std::string& entry = {});

}  // namespace rn::io
