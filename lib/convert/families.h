// What the recognition of each family shares. Internal to lib/convert.
#pragma once

#include <set>

#include "convert/recognize.h"

namespace rn::convert {

// The tensors of a file as if PyTorch had written it: "layer.weight", "layer.running_mean", OIHW,
// [out, in], whatever the file's own convention.
class Inventory {
 public:
  struct Entry {
    Shape shape;
    const io::Weight* weight;
  };
  explicit Inventory(const io::WeightFile& file);
  const io::WeightFile& file() const { return file_; }
  bool keras() const { return keras_; }
  bool has(const std::string& name) const { return entries_.count(name) > 0; }
  // Shape of a tensor. Errors (input): not there, or not of this rank.
  const Shape& shape(const std::string& name, std::size_t rank) const;
  std::size_t rank(const std::string& name) const;  // 0: absent, or a scalar
  const std::map<std::string, Entry>& entries() const { return entries_; }
  // Layers with weights, in the order of the file, and what they must be.
  const std::vector<std::pair<std::string, LayerKind>>& layers() const { return layers_; }

 private:
  const io::WeightFile& file_;
  bool keras_;
  std::map<std::string, Entry> entries_;
  std::vector<std::pair<std::string, LayerKind>> layers_;
};

// "a, b, c (and 4 more)": the first `most` of them; long ones are cut.
std::string some(const std::vector<std::string>& names, std::size_t most = 10);

// Each returns nothing where the names are not of its kind, and throws where they are but the
// network is one that we cannot represent.
std::optional<Recognized> recognize_torch(const Inventory& names, const RecognizeOptions& options);
std::optional<Recognized> recognize_keras_graph(const Inventory& names,
                                                const RecognizeOptions& options);
std::optional<Recognized> recognize_keras_names(const Inventory& names,
                                                const RecognizeOptions& options);
std::optional<Recognized> recognize_keras_sequence(const Inventory& names,
                                                   const RecognizeOptions& options);

// How keras.applications calls the layers of a block; stages and blocks are counted from 1.
struct KerasStyle {
  bool old = false;       // before Keras 2.2.5: res2a_branch2a
  bool v2 = false;        // pre-activation: preact_bn
  bool numbered = false;  // old: res3b1 instead of res3c

  std::string base(int stage, int block) const {
    if (!old) return fmt::format("conv{}_block{}_", stage + 1, block);
    if (block == 1 || !numbered) return fmt::format("{}{}", stage + 1, char('a' + block - 1));
    return fmt::format("{}b{}", stage + 1, block - 1);
  }
  std::string conv(int stage, int block, int k) const {  // k: 0 for the shortcut
    if (!old) return base(stage, block) + fmt::format("{}_conv", k);
    const std::string branch = k == 0 ? "1" : fmt::format("2{}", char('a' + k - 1));
    return "res" + base(stage, block) + "_branch" + branch;
  }
  std::string norm(int stage, int block, int k) const {
    if (old) return "bn" + conv(stage, block, k).substr(3);
    if (!v2) return base(stage, block) + fmt::format("{}_bn", k);
    return base(stage, block) + (k == 1 ? "preact_bn" : fmt::format("{}_bn", k - 1));
  }
};

// Takes the table from the catalog where --arch asks for that: with the file's classes and
// channels.
bool take_arch(const RecognizeOptions& options, std::int64_t channels, std::int64_t classes,
               models::NetworkSpec& spec);
// Fills in what all families do alike: size of the input, --arch-option, the name from the catalog
// where the table is the same, and checks.
void finish(const RecognizeOptions& options, std::int64_t side, Recognized& found);
// A shortcut without parameters that changes the shape; notes the assumption once.
nn::ShortcutKind padded(const RecognizeOptions& options, Recognized& found,
                        bool usually_both = false);

}  // namespace rn::convert
