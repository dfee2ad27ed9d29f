// Training that starts from a model: fine-tuning, with its own last layer or a new one.
#pragma once

#include <string>

#include "train/model_file.h"

namespace rn::train {

// `path` or "-"; `digest` becomes the file's SHA-256. Errors: as load_model.
LoadedModel load_initial(const std::string& path, Dtype dtype, std::string& digest);

// The table to train: the model's, for images and classes of the data. Errors (input): images of
// other channels; of another size, where the model's normalisation is kept and is a mean image;
// another number of classes, unless the head is new.
models::NetworkSpec initial_spec(const ModelFile& initial, const data::Info& info, bool reset_head,
                                 bool keep_normalization);

// Copies parameters and running statistics by name; the head's parameters only if it is not new.
void take_over(const models::Network& from, models::Network& to, bool reset_head);

// ModelFile::norm_batches of a training that goes on from `initial`, whose own counts too.
std::map<std::string, std::int64_t> batches_before(const ModelFile& initial,
                                                   const models::Network& network);

}  // namespace rn::train
