#include "convert/recognize.h"

#include <algorithm>

#include "convert/export.h"
#include "convert/families.h"
#include "convert/table_text.h"
#include "models/catalog.h"

namespace rn::convert {
namespace {

// "layer/moving_mean" -> "layer.running_mean".
std::string as_torch(const std::string& name) {
  static const std::map<std::string, std::string> words{{"kernel", "weight"},
                                                        {"gamma", "weight"},
                                                        {"beta", "bias"},
                                                        {"bias", "bias"},
                                                        {"moving_mean", "running_mean"},
                                                        {"moving_variance", "running_var"}};
  const std::size_t slash = name.rfind('/');
  if (slash == std::string::npos) return name;
  const auto word = words.find(name.substr(slash + 1));
  return word == words.end() ? name : name.substr(0, slash) + "." + word->second;
}

// The catalog's name for this very table, or one that says where it came from.
std::string arch_name(const models::NetworkSpec& spec, const std::string& family) {
  const std::int64_t depth = depth_of(spec);
  for (const std::string& name :
       {fmt::format("resnet{}", depth), fmt::format("resnet{}-cifar", depth),
        fmt::format("preresnet{}-cifar", depth), fmt::format("resnet{}-keras", depth),
        fmt::format("resnet{}v2-keras", depth)}) {
    models::ArchOptions options{spec.height, spec.width, spec.channels, spec.classes};
    options.base_width = static_cast<int>(spec.stem.out);
    for (const nn::BlockSpec& block : spec.blocks) {
      if (block.shortcut == nn::ShortcutKind::identity || !name.ends_with("-cifar")) continue;
      options.shortcut = nn::to_string(block.shortcut);
      options.shortcut_pool = nn::to_string(block.shortcut_pool);
    }
    try {
      models::NetworkSpec known = models::make_arch(name, options);
      known.arch = spec.arch;
      if (known == spec) return name;
    } catch (const Error&) {  // the catalog has no such network
    }
  }
  return fmt::format("resnet{}-{}", depth, family);
}

// The table that our own exports carry: taken if the names below it are those that we give.
std::optional<models::NetworkSpec> carried_table(const io::WeightFile& file) {
  const auto text = file.metadata.find(table_key);
  if (text == file.metadata.end()) return std::nullopt;
  return parse_table(text->second, file.name);
}

}  // namespace

Inventory::Inventory(const io::WeightFile& file)
    : file_(file),
      keras_(file.format == io::WeightFormat::keras_h5 ||
             file.format == io::WeightFormat::keras3_h5) {
  for (const io::Weight& weight : file.weights) {
    Entry entry{weight.value.shape(), &weight};
    std::string name = weight.name;
    if (keras_) {
      name = as_torch(name);
      const Shape s = entry.shape;
      if (s.size() == 4) entry.shape = {s[3], s[2], s[0], s[1]};
      if (s.size() == 2) entry.shape = {s[1], s[0]};
    }
    const std::size_t dot = name.rfind('.');
    const std::size_t rank = entry.shape.size();
    if (dot != std::string::npos && name.compare(dot, std::string::npos, ".weight") == 0) {
      layers_.emplace_back(name.substr(0, dot), rank == 4   ? LayerKind::conv
                                                : rank == 2 ? LayerKind::linear
                                                            : LayerKind::norm);
    }
    if (!entries_.emplace(name, std::move(entry)).second) {
      fail(ErrorKind::input, "{}: two tensors are named '{}'", file.name, weight.name);
    }
  }
}

const Shape& Inventory::shape(const std::string& name, std::size_t wanted) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) fail(ErrorKind::input, "{}: {} is missing", file_.name, name);
  const Shape& shape = found->second.shape;
  if (shape.size() != wanted) {
    fail(ErrorKind::input, "{}: {} is {}; expected {} dimensions", file_.name,
         found->second.weight->name, to_string(found->second.weight->value.shape()), wanted);
  }
  return shape;
}

std::size_t Inventory::rank(const std::string& name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? 0 : found->second.shape.size();
}

std::string some(const std::vector<std::string>& names, std::size_t most) {
  constexpr std::size_t longest = 120;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) {
    const bool fits = names[i].size() <= longest;
    text += (i > 0 ? ", " : "") + (fits ? names[i] : names[i].substr(0, longest) + "...");
  }
  if (names.size() > most) text += fmt::format(" (and {} more)", names.size() - most);
  return text;
}

nn::ShortcutKind padded(const RecognizeOptions& options, Recognized& found, bool usually_both) {
  const std::string note =
      fmt::format("shortcuts without weights pad with zero channels {} (--pad-shortcut end|both)",
                  usually_both ? "on both sides of the input's, as is usual with these names"
                               : "after the input's");
  auto& notes = found.assumptions;
  if (!options.pad_both && std::find(notes.begin(), notes.end(), note) == notes.end()) {
    notes.push_back(note);
  }
  return options.pad_both.value_or(usually_both) ? nn::ShortcutKind::pad_both
                                                 : nn::ShortcutKind::pad_end;
}

bool take_arch(const RecognizeOptions& options, std::int64_t channels, std::int64_t classes,
               models::NetworkSpec& spec) {
  if (options.arch.empty()) return false;
  models::ArchOptions arch{options.height, options.width, channels, classes};
  if (options.pad_both) arch.shortcut = *options.pad_both ? "pad_both" : "pad_end";
  spec = models::make_arch(options.arch, arch);
  return true;
}

void finish(const RecognizeOptions& options, std::int64_t side, Recognized& found) {
  models::NetworkSpec& spec = found.spec;
  if (options.arch.empty()) {
    spec.height = options.height > 0 ? options.height : side;
    spec.width = options.width > 0 ? options.width : side;
  }
  apply_options(options, spec);
  if (options.arch.empty()) {
    const std::string word = found.family.substr(0, found.family.find(' '));
    std::string lower;
    for (const char c : word) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    spec.arch = lower;
    models::check(spec);
    spec.arch = arch_name(spec, lower);
  }
  models::check(spec);
}

namespace {

// Names are those that we give; what the user says is stronger than the table.
Recognized own_export(const Inventory& names, const models::NetworkSpec& spec,
                      const RecognizeOptions& options) {
  Recognized found;
  found.spec = spec;
  found.family = "export of resnet-tools";
  found.scale = InputScale::none;
  const LayerNames layers = names.keras() ? keras_names(spec).layers : torch_names(spec);
  for (const auto& [layer, theirs] : layers) found.layers[layer.name] = theirs;
  if (options.height > 0) found.spec.height = options.height;
  if (options.width > 0) found.spec.width = options.width;
  for (nn::BlockSpec& block : found.spec.blocks) {
    const bool pads =
        block.shortcut == nn::ShortcutKind::pad_end || block.shortcut == nn::ShortcutKind::pad_both;
    if (pads && options.pad_both) block.shortcut = padded(options, found);
  }
  apply_options(options, found.spec);
  models::check(found.spec);
  return found;
}

}  // namespace

Recognized recognize(const io::WeightFile& file, const RecognizeOptions& options) {
  const Inventory names(file);
  const auto carried = carried_table(file);
  if (carried && options.arch.empty()) return own_export(names, *carried, options);
  std::optional<Recognized> found = recognize_torch(names, options);
  if (!found) found = recognize_keras_graph(names, options);
  if (!found) found = recognize_keras_names(names, options);
  if (!found) found = recognize_keras_sequence(names, options);
  if (found) return std::move(*found);
  std::vector<std::string> first;
  for (const io::Weight& weight : file.weights) first.push_back(weight.name);
  fail(ErrorKind::input,
       "{}: its names ({}) are of no family that is known; --list shows them all, --map FILE "
       "renames them",
       file.name, file.weights.empty() ? "none" : some(first, 3));
}

}  // namespace rn::convert
