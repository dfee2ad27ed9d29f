// What the pickle of a PyTorch file means: the state dict in it, and tensors as views of storages.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "io/element.h"
#include "io/pickle.h"
#include "io/weights.h"

namespace rn::io {

// A persistent id ('storage', type, key, location, count[, (view key, offset, size)]).
struct TorchStorage {
  std::string_view key;
  std::optional<Element> element;                 // absent: untyped, counted in bytes
  std::string_view type;                          // "torch.FloatStorage"
  std::int64_t count = 0;                         // elements
  std::int64_t view_offset = 0, view_count = -1;  // elements; -1: the whole storage

  std::size_t width() const { return element ? size_of(*element) : 1; }
};

struct TorchFile {
  std::string name;
  WeightFormat format;
  const Pickle& pickle;
  std::size_t file_bytes = 0;
  bool big_endian = false;
  // The bytes of a storage: at least count elements. Errors (input): absent, short.
  std::function<std::span<const std::byte>(const TorchStorage&)> storage;
};

// Errors (input): no storage id as torch writes it, or a type of storage that is not read.
TorchStorage torch_storage(const Pickle& pickle, const Pickle::Value& persistent,
                           const std::string& where);

// The state dict, found in `entry` or where checkpoints have it. Errors (input): a whole pickled
// model, no tensors, a tensor made in a way that is not read (naming it), one outside its storage.
WeightFile torch_weights(const TorchFile& file, const std::string& entry);

}  // namespace rn::io
