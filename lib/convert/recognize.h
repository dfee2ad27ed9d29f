// Which network a foreign weight file holds: a block table, told from the names and shapes of its
// tensors (or from a Keras model's own description), and which tensor is which of our layers.
// Nothing needs to be in the catalog. What names cannot tell is taken as a default and listed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "convert/layers.h"
#include "io/weights.h"

namespace rn::convert {

// How images are made ready, where a family has its own way. See normalisation in
// train/convert_run.
enum class InputScale { imagenet, cifar, none, keras_caffe, keras_tf };

struct Recognized {
  models::NetworkSpec spec;
  std::string family;                         // "torchvision names", "Keras ResNet v1", ...
  std::map<std::string, std::string> layers;  // by our layer's name: theirs
  InputScale scale = InputScale::imagenet;
  bool scale_known = false;  // the family has one way only
  // One clause each: what the file does not say, what was taken, and the option that says
  // otherwise.
  std::vector<std::string> assumptions;
};

// Changes to a recognised table: KEY=VALUE pairs.
struct ArchOption {
  std::string key, help;
};
const std::vector<ArchOption>& arch_options();

struct RecognizeOptions {
  std::string arch;                            // catalog name; empty: told from the file
  std::map<std::string, std::string> options;  // --arch-option
  std::optional<bool> pad_both;                // --pad-shortcut; none: as an assumption
  std::int64_t height = 0, width = 0;          // 0: the family's own
};

// Errors: input (no family is recognised, or a part that we cannot represent: the tensors are
// named), usage (options).
Recognized recognize(const io::WeightFile& file, const RecognizeOptions& options);

// Checks and applies `options.options`. Errors: usage.
void apply_options(const RecognizeOptions& options, models::NetworkSpec& spec);

// Renames tensors as a table says: lines THEIRS<TAB>OURS, # begins a comment; OURS of "-" leaves
// the tensor out. Ours are names of parameters ("stage1.block1.conv1.weight") or of the naming that
// the recognition knows. Errors (input, with the line): malformed, twice, a name that the file
// lacks.
void rename(io::WeightFile& file, const std::string& table, const std::string& table_name);

}  // namespace rn::convert
