// Values between a foreign file and a network: layouts are permuted, every tensor is accounted for.
#pragma once

#include "convert/recognize.h"
#include "models/network.h"

namespace rn::convert {

// How tensors are laid out and called below their layer's name.
enum class Convention {
  torch,  // OIHW, [out, in]; weight bias running_mean running_var; "layer.weight"
  keras,  // HWIO, [in, out]; kernel bias gamma beta moving_mean moving_variance; "layer/kernel"
};

// Name of a tensor of a layer: "layer1.0.bn1" and "running_mean" -> "layer1.0.bn1.running_mean", in
// Keras "layer/moving_mean".
std::string tensor_name(Convention convention, const std::string& layer, LayerKind kind,
                        const std::string& slot);

// The network with the file's values: f64 if the file holds any f64, else f32. Nothing is allocated
// before everything is known to fit. Errors (input): tensors missing, mis-shaped, of a wrong type
// or left over, by name (the first ten of each, and how many). Counters of batch norm
// (num_batches_tracked) may be there or not.
models::Network load(const io::WeightFile& file, const Recognized& found);

// Batches that each norm (by our layer's name) has seen, as PyTorch counts them in
// num_batches_tracked.
using NormCounters = std::map<std::string, std::int64_t>;

// The counters of a file that are not 0. Errors (input): no single integer from 0 to 2^53.
NormCounters load_counters(const io::WeightFile& file, const Recognized& found);

// The network's tensors under foreign names, in foreign layout; `layers` by our layer's name. With
// counters, each torch norm also gets num_batches_tracked (i64, rank 0): its own, or 0.
std::vector<io::Weight> unload(const models::Network& network, Convention convention,
                               const std::vector<std::pair<Layer, std::string>>& layers,
                               const std::optional<NormCounters>& counters);

}  // namespace rn::convert
