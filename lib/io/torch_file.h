// PyTorch's files: the zip of 1.6 and later, and the pickles followed by raw storages of before.
#pragma once

#include <span>
#include <string>

#include "io/weights.h"

namespace rn::io {

// Does it begin like what torch.save wrote before 1.6?
bool looks_like_torch_legacy(std::span<const std::byte> bytes);

// Errors (input), one line that begins with `name`: damaged, over the limits, no state dict.
WeightFile read_torch_legacy(std::span<const std::byte> bytes, const std::string& name,
                             const std::string& entry = {});
WeightFile read_torch_zip(std::span<const std::byte> bytes, const std::string& name,
                          const std::string& entry = {});

}  // namespace rn::io
