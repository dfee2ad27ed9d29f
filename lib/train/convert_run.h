// Conversion from file to file: the doing of resnet-convert. What is foreign becomes a model file,
// a model file becomes safetensors or Keras' HDF5, or a model file that stores its weights
// otherwise.
#pragma once

#include "convert/recognize.h"
#include "io/json.h"
#include "train/model_file.h"

namespace rn::train {

struct ConvertRun {
  std::string input;        // path or "-"
  std::string entry = {};   // of a checkpoint: which state dict; empty: where checkpoints have it
  std::string output = {};  // path or "-"; may be empty with list or dry_run
  std::string to = {};      // "model", "safetensors", "keras"; empty: by the output's name
  std::string store = {};   // how a model keeps its weights: "fp32", "bf16"; empty: as they are
  std::string map = {};     // file of renamings
  std::string normalize = {};  // empty: the family's own, with a warning
  std::string classes = {};    // file of class names, one a line
  convert::RecognizeOptions recognize = {};
  bool force = false;
  bool dry_run = false;
  bool volatile_provenance = true;
  io::Provenance provenance = {};
};

struct ConvertOutcome {
  std::string text;  // what was recognised, in lines of "name<TAB>value"
  io::Json json;
  std::vector<std::string> warnings;  // what was taken because nothing said otherwise
};

// Errors: usage (options that contradict each other, an output that exists), input (a file of no
// known format or family, tensors that do not fit, by name), failed.
ConvertOutcome run_conversion(const ConvertRun& run);

// What is in a file, tensor by tensor: name, type, shape.
struct ConvertListing {
  std::string format;  // "safetensors", "PyTorch (zip)", ..., with what the names lay under
  std::string text;    // a table of tab-separated values with a header
  io::Json json;
};
ConvertListing list_weights(const ConvertRun& run);

// --normalize: imagenet, cifar, none, keras-caffe, keras-tf, bytes, or numbers: a mean for each of
// the channels (or one for all), then as many deviations, on the 0..1 scale; after "bgr:" the
// channels then go in backwards. Errors: usage.
data::Normalization parse_input_scale(const std::string& text, std::int64_t channels);
std::string input_scale_text(const data::Normalization& normalization);  // which it takes back
const char* to_string(convert::InputScale scale);

}  // namespace rn::train
