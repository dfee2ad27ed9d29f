// Keras' HDF5 files. Values are as stored: kernels [height, width, in, out], dense [in, out].
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/h5.h"
#include "io/weights.h"

namespace rn::io {

// Either layout: `layer_names` and `weight_names` (weights alone, or below model_weights of a whole
// model), or Keras 3's <path>/vars/<i>. Weights are called "<layer>/<weight>", such as
// "conv1_conv/kernel"; those of a model inside a model "<inner>/<layer>/<weight>". Their order is
// that of the lists. Keras 3 keeps no order of layers: there they come kind by kind (conv2d,
// conv2d_1, ...), each in the order in which Keras made them. Errors (input): not of Keras, a name
// that is not there, over the limits.
WeightFile read_keras(const H5& file);

// A .keras archive (zip): config.json and model.weights.h5.
bool looks_like_keras_archive(std::span<const std::byte> bytes);
WeightFile read_keras_archive(std::span<const std::byte> bytes, const std::string& name);

struct KerasLayer {
  std::string name;             // "conv1_conv"
  std::vector<Weight> weights;  // "kernel", "bias"; in Keras' order. f32, f64, i64
};

// The older layout, which Keras' load_weights takes: by order, or by_name. Layers without weights
// belong in the list too where Keras has them, or may be left out. `model_config` (JSON) makes it a
// whole model, for keras.models.load_model. Same content, same bytes.
H5 write_keras(std::span<const KerasLayer> layers, const std::string& model_config = {});

}  // namespace rn::io
