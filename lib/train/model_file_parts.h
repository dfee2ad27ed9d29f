// What files of networks and of spatiotemporal networks have in common. `under`: the group that a
// stream's table and input are in; empty: the root.
#pragma once

#include "train/model_file.h"

namespace rn::train {

std::string join(const std::string& group, const std::string& name);  // "group/name", or "name"

void write_spec(io::H5& file, const models::NetworkSpec& spec, const std::string& under);
models::NetworkSpec read_spec(const io::H5& file, const std::string& under);

// Errors (shape), of the caller.
void check_normalization(const data::Normalization& normalization, std::int64_t channels);
void check_common(const nn::Store& store, std::int64_t classes, const ModelFile& file);

void write_normalization(io::H5& file, const data::Normalization& normalization,
                         const std::string& under);
data::Normalization read_normalization(const io::H5& file, const models::NetworkSpec& spec,
                                       const std::string& under);

// Classes, values, training, curves, provenance.
void write_common(io::H5& file, const nn::Store& store, const ModelFile& model,
                  bool volatile_provenance);
// But for the values: dtype, class names, training, counts, curves, provenance.
void read_common(const io::H5& file, std::int64_t classes, ModelFile& model);
// Values into the store, slots and what else is counted by tensors into the model.
void read_values(const io::H5& file, const nn::Store& store, ModelFile& model);

// Parameters that a table needs at least; and that the file holds as many, but for a few, so that a
// table does not ask for more memory than there can be.
double least_parameters(const models::NetworkSpec& spec);
void check_size(const io::H5& file, double needed);

std::set<std::string> norms_of(const nn::Store& store);

}  // namespace rn::train
