// Model files: a network with what is needed to use it, to go on training it, and to know where it
// came from. docs/man/resnet-h5.5 is the document of the layout. Reading trusts nothing: the block
// table is checked before anything is allocated, and every tensor is accounted for by name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "data/source.h"
#include "io/h5.h"
#include "io/provenance.h"
#include "models/network.h"

namespace rn::train {

using NamedTensors = std::map<std::string, Tensor>;  // by the parameter's dotted name

// Where training stands, between two steps. Everything else that the next step needs is a pure
// function of this, the parameters and the recipe.
struct TrainingState {
  std::int64_t epoch = 0;          // epochs completed
  std::int64_t step_in_epoch = 0;  // batches done of the running epoch
  std::int64_t step = 0;           // steps done altogether
  std::uint64_t seed = 0;
  std::int64_t batch = 0;          // images a step
  Dtype precision = Dtype::f32;    // of activations
  bool complete = false;           // nothing of the recipe is left to do
  std::int64_t source_images = 0;  // images of the training data, ...
  std::int64_t val_images = 0;     // ... of which so many were set aside (data::split_validation)

  // The running epoch so far.
  double loss_sum = 0;  // over images
  std::int64_t errors = 0;
  std::int64_t images = 0;

  std::int64_t log_bytes = 0;  // length of the metrics log that belongs to this position
  std::string recipe;          // the options that decide the result, as TOML

  std::int64_t skipped = 0;         // steps that were not taken (--on-nan skip), ...
  std::int64_t skipped_in_row = 0;  // ... the last of them in a row
  std::int64_t averaged = 0;        // updates of the moving average
  std::int64_t micro_batch = 0;     // images that went through the network at a time; 0: all

  std::map<std::string, NamedTensors> slots;  // optimizer state: slot ("momentum") -> tensors
  // Where the parameters are a moving average, what is trained: slot `trained`, and by name the
  // running statistics that belong to it.
  static constexpr const char* trained = "trained";
  NamedTensors trained_state;
};

// One row an epoch. Columns are as long as `epoch` or empty (not measured); NaN: not measured in
// this epoch. Errors are in percent.
struct Curves {
  std::vector<double> epoch;  // epochs completed, from 1
  std::vector<double> lr;     // at the end of the epoch
  std::vector<double> train_loss, train_error;
  std::vector<double> val_loss, val_error;
  std::vector<double> test_loss, test_error;
  std::vector<double> images;  // seen in the epoch
};

struct CurveColumn {
  const char* name;
  const char* units;  // "" when there is none
  std::vector<double> Curves::*values;
};
const std::vector<CurveColumn>& curve_columns();

struct ModelFile {
  models::NetworkSpec spec = {};
  Dtype dtype = Dtype::f32;  // of stored weights: f32, f64, or bf16 (vectors: f32)
  data::Normalization normalization = {};
  std::vector<std::string> class_names = {};  // spec.classes of them
  std::string data_uri = {};     // what it was trained on, such as "synth:shapes"; may be empty
  std::string data_digest = {};  // Info::digest of it
  int lanes = 16;                // that it was trained with
  std::optional<TrainingState> training = {};
  // Batches that the running statistics of each norm ("stage1.block1.bn1") had taken in before this
  // training: what other tools count. A norm that is not there had seen none.
  std::map<std::string, std::int64_t> norm_batches = {};
  static constexpr std::int64_t most_batches = std::int64_t{1} << 53;
  Curves curves = {};
  io::Provenance provenance = {};
};

// The bytes of a model file: values of the network, everything else from `file` (spec and dtype
// from the network). Same content, same bytes. With volatile_provenance false, what changes from
// run to run is left out, paths in the recipe and in data_uri too (io::without_path).
// Errors: shape, if class names, normalisation, slots, counters or curves do not fit the network.
io::Bytes save_model(const models::Network& network, const ModelFile& file,
                     bool volatile_provenance = true);

struct LoadedModel {
  ModelFile file;
  models::Network network;
};

// `path` or "-". Values and optimizer slots are cast to `dtype` where it is given (file.dtype stays
// that of the file). Errors (input): no model file; a table that no network can have; tensors
// missing, left over, mis-shaped or of a wrong type, by name.
LoadedModel load_model(const std::string& path, std::optional<Dtype> dtype = {},
                       Device device = cpu);
LoadedModel load_model(const io::H5& file, std::optional<Dtype> dtype = {}, Device device = cpu);

// What is in it besides tensors' values: no optimizer slots are read, no network is made.
ModelFile read_model_file(const io::H5& file);

// The names of its batch norms: "stem.bn", ...
std::set<std::string> norms_of(const models::Network& network);

// Adds what the ops compute with: instruction set, libraries and their versions; with bf16
// activations how these are multiplied.
void add_backend(io::Provenance& provenance, Dtype activations = Dtype::f32);

// --precision: fp32, bf16, fp64. Errors: usage (unknown word), device (bf16 on a processor
// without).
Dtype parse_precision(const std::string& text);
const char* precision_name(Dtype dtype);  // "fp32", "bf16", "fp64"

}  // namespace rn::train
