// Model files of spatiotemporal networks: as other model files, but with a table, an input and a
// head for each stream, under /appearance and /motion, and with parameters, running statistics and
// optimizer slots named "appearance.stem.conv.weight", ... docs/man/resnet-h5.5.
#pragma once

#include "models/st_resnet.h"
#include "train/model_file.h"

namespace rn::train {

struct StModelFile {
  models::StSpec spec = {};
  data::Normalization frames = {}, flow = {};  // of the streams that are there, else empty
  // What it has in common with other model files: dtype, class names, data, training (slots,
  // curves, ...), provenance. Its spec and normalization are not used.
  ModelFile common = {};
};

// As save_model(); values are the network's, spec and dtype too, and the gate is spec.gate.
io::Bytes save_st_model(const models::StNetwork& network, const StModelFile& file,
                        bool volatile_provenance = true);

struct LoadedStModel {
  StModelFile file;
  models::StNetwork network;
};

// As load_model(). Errors (input) too for a model of another kind.
LoadedStModel load_st_model(const std::string& path, std::optional<Dtype> dtype = {},
                            Device device = cpu);
LoadedStModel load_st_model(const io::H5& file, std::optional<Dtype> dtype = {},
                            Device device = cpu);

// What is in it besides tensors' values.
StModelFile read_st_model_file(const io::H5& file);

// Whether the (checked) model file is of a spatiotemporal network.
bool is_st_model(const io::H5& file);

}  // namespace rn::train
